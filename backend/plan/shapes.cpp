#include "backend/plan/shapes.h"

#include <cstdint>
#include <iterator>
#include <limits>

#include "backend/plan/shape_rules.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

struct ShapeRow {
  NodeKind kind;
  ShapeRule rule;
};

using enum NodeKind;

constexpr ShapeRow kRules[] = {
    {kAdd, ShapeOfBinary},
    {kFullyConnected, ShapeOfFullyConnected},
    {kSoftmax, ShapeOfSoftmax},
    {kSigmoid, ShapeOfUnary},
    {kStaticTranspose, ShapeOfTranspose},
    {kClamp, ShapeOfUnary},
    {kConv2d, ShapeOfConvolution},
    {kDiv, ShapeOfBinary},
    {kStaticResizeBilinear2D, ShapeOfResize},
    {kStaticConstantPad, ShapeOfPad},
    {kAvgPooling2d, ShapeOfPooling},
    {kMinimum, ShapeOfBinary},
    {kDepthwiseConv2d, ShapeOfConvolution},
    {kMaxPooling2d, ShapeOfPooling},
    {kMultiply, ShapeOfBinary},
    {kSubtract, ShapeOfBinary},
    {kFloor, ShapeOfUnary},
    {kConvert, ShapeOfConvert},
    {kGlobalAvgPooling2d, ShapeOfGlobalAveragePooling},
    {kStaticReshape, ShapeOfReshape},
    {kArgMaxPooling2d, ShapeOfArgMaxPooling},
    {kSquareRoot, ShapeOfUnary},
    {kCeiling, ShapeOfUnary},
    {kHardswish, ShapeOfUnary},
    {kLeakyReLU, ShapeOfUnary},
    {kMaximum, ShapeOfBinary},
    {kNegate, ShapeOfUnary},
    {kSquare, ShapeOfUnary},
    {kELU, ShapeOfUnary},
    {kAbs, ShapeOfUnary},
    {kPReLU, ShapeOfPRelu},
    {kConcatenate2, ShapeOfConcatenate},
    {kConcatenate3, ShapeOfConcatenate},
    {kConcatenate4, ShapeOfConcatenate},
    {kStaticSlice, ShapeOfSlice},
    {kScaledDotProductAttention, ShapeOfDecomposed},
    {kBatchMatrixMultiply, ShapeOfBatchMatrixMultiply},
    {kConcatenate5, ShapeOfConcatenate},
    {kConvTranspose2d, ShapeOfTransposedConvolution},
    {kReciprocalSquareRoot, ShapeOfUnary},
    {kLog, ShapeOfUnary},
    {kGelu, ShapeOfUnary},
    {kTanh, ShapeOfUnary},
    {kExp, ShapeOfUnary},
    {kSin, ShapeOfUnary},
    {kCopy, ShapeOfUnary},
    {kCos, ShapeOfUnary},
};

consteval bool RowsFollowTheTags() {
  for (size_t i = 0; i < std::size(kRules); ++i) {
    if (static_cast<size_t>(kRules[i].kind) != i + 1) return false;
  }
  return std::size(kRules) == kNumNodeKinds;
}
static_assert(RowsFollowTheTags());

Result<std::vector<Dims>> Infer(const Graph& graph, std::vector<Dims> shapes) {
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    ShapeContext context(graph, i, shapes);
    SWITCHYARD_TRY(kRules[static_cast<size_t>(graph.nodes[i].kind) - 1].rule(context));
  }
  return shapes;
}

// `error` with what to do about it, when it is about shapes.
Error WithAdvice(Error error, ErrorCode code, std::string_view advice) {
  if (error.code != ErrorCode::kInvalidArgument) return error;
  return {code, std::format("{}; {}", error.message, advice)};
}

}  // namespace

// --- Rules' common parts ------------------------------------------------------------------------

Status ShapeContext::SetOutput(const Dims& dims, size_t i) {
  // Zeros count as ones, so that the others are limited, too.
  uint64_t elements = 1;
  for (const size_t size : dims) {
    constexpr uint64_t kMax = uint64_t{1} << 59;  // of 8 bytes: half of a 64-bit address space
    const std::optional<uint64_t> product = CheckedMultiply(elements, std::max<uint64_t>(size, 1));
    if (!product || *product >= kMax) {
      return Refuse("its output would have dimensions {}, expected less than 2^59 elements",
                    ToString(dims));
    }
    elements = *product;
  }
  shapes_[node().outputs[i]] = dims;
  return {};
}

Status ShapeContext::ExpectRank(size_t input, size_t rank) const {
  if (Input(input).rank() == rank) return {};
  return Refuse("input {} has dimensions {}, expected {} of them", input, ToString(Input(input)),
                rank);
}

Status ShapeContext::ExpectMinRank(size_t input, size_t rank) const {
  if (Input(input).rank() >= rank) return {};
  return Refuse("input {} has dimensions {}, expected at least {} of them", input,
                ToString(Input(input)), rank);
}

Status ShapeContext::ExpectDynamicQuantizationOver(uint32_t dims) const {
  const auto* per_token = std::get_if<PerTokenQuantization>(&InputValue(0).quantization);
  if (per_token == nullptr || per_token->num_nonbatch_dims == dims) return {};
  return Refuse("its input is quantized dynamically over the last {} dimensions, expected {}",
                per_token->num_nonbatch_dims, dims);
}

std::optional<size_t> WindowOutput(size_t input, const Window& window) {
  const std::optional<size_t> padded =
      CheckedAdd<size_t>(input, size_t{window.padding_before} + window.padding_after);
  if (!padded || *padded < window.extent()) return std::nullopt;
  return (*padded - window.extent()) / window.stride + 1;
}

Status ShapeOfDecomposed(ShapeContext& context) {
  Error error = context.Refuse("the graph has not been decomposed; call DecomposeGraph").error();
  error.code = ErrorCode::kInternal;
  return std::unexpected(std::move(error));
}

// --- Whole graphs -------------------------------------------------------------------------------

Result<std::vector<Dims>> InferShapes(const Graph& graph, std::span<const Dims> external_dims) {
  std::vector<Dims> shapes(graph.values.size());
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (value.constant) shapes[i] = value.dims;
    if (!value.is_external_input) continue;
    if (*value.external_id >= external_dims.size()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "argument {}: missing, there are dimensions for {} arguments; pass all of them",
                  *value.external_id, external_dims.size());
    }
    const Dims& dims = external_dims[*value.external_id];
    if (!IsWithin(dims, value.dims)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "argument {}: dimensions {}, expected as many as in {}, each at most as large; "
                  "pass a smaller tensor, or export the model with larger bounds",
                  *value.external_id, ToString(dims), ToString(value.dims));
    }
    shapes[i] = dims;
  }
  return Infer(graph, std::move(shapes)).transform_error([](Error error) {
    return WithAdvice(std::move(error), ErrorCode::kInvalidArgument,
                      "pass inputs whose shapes fit together");
  });
}

Result<std::vector<Dims>> InferShapesAtBounds(const Graph& graph) {
  std::vector<Dims> shapes(graph.values.size());
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (value.constant || value.is_external_input) shapes[i] = value.dims;
  }
  return Infer(graph, std::move(shapes)).transform_error([](Error error) {
    return WithAdvice(std::move(error), ErrorCode::kInvalidProgram,
                      "the file is damaged, or needs an export that this library does not know");
  });
}

Result<std::vector<Dims>> SettleShapes(Graph& graph) {
  SWITCHYARD_ASSIGN(std::vector<Dims> shapes, InferShapesAtBounds(graph));
  for (const Node& node : graph.nodes) {
    for (const ValueIndex output : node.outputs) graph.values[output].dims = shapes[output];
  }
  return shapes;
}

}  // namespace switchyard
