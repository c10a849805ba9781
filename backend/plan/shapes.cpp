#include "backend/plan/shapes.h"

#include <cstdint>
#include <limits>

#include "backend/plan/shape_rules.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

constexpr ShapeRule kRules[] = {
#define SWITCHYARD_NODE_KIND(kind, min_inputs, max_inputs, num_outputs, attributes, flags, shape, \
                             ...)                                                                 \
  ShapeOf##shape,
#include "schema/node_kinds.inc"
#undef SWITCHYARD_NODE_KIND
};

// Of what `shapes` says of arguments and constants, the dims of all values.
Status Infer(const Graph& graph, std::span<ShapeRange> shapes) {
  for (NodeIndex i = 0; i < graph.nodes.size(); ++i) {
    ShapeContext context(graph, i, shapes);
    SWITCHYARD_TRY(kRules[static_cast<size_t>(graph.nodes[i].kind) - 1](context));
  }
  return {};
}

// `error` with what to do about it, when it is about shapes.
Error WithAdvice(Error error, ErrorCode code, std::string_view advice) {
  if (error.code != ErrorCode::kInvalidArgument) return error;
  return {code, Format("{}; {}", error.message, advice)};
}

}  // namespace

// --- Rules' common parts ------------------------------------------------------------------------

bool ShapeContext::Narrow(size_t input, size_t dim, Range sizes) {
  ShapeRange& shape = shapes_[node().inputs[input]];
  const std::optional<Range> left = Meet(shape[dim], sizes);
  if (left) shape.Set(dim, *left);
  return left.has_value();
}

bool ShapeContext::NarrowAll(size_t input, Range sizes) {
  for (size_t i = 0; i < Input(input).rank(); ++i) {
    if (!Narrow(input, i, sizes)) return false;
  }
  return true;
}

Status ShapeContext::SetOutput(const ShapeRange& dims, size_t i) {
  // Zeros count as ones, so that the others are limited, too.
  size_t elements = 1;
  for (const size_t size : dims.min) {
    const std::optional<size_t> product = CheckedMultiply(elements, std::max<size_t>(size, 1));
    if (!product || *product > kMaxSize) {
      return Refuse("its output would have dimensions {}, expected less than 2^59 elements",
                    ToString(dims));
    }
    elements = *product;
  }
  ShapeRange& output = shapes_[node().outputs[i]];
  output = dims;
  for (size_t j = 0; j < output.rank(); ++j) output.max[j] = std::min(output.max[j], kMaxSize);
  return {};
}

std::string ShapeContext::DescribeInputs() const {
  std::string text = "inputs:";
  for (const ValueIndex input : node().inputs) {
    const Value& value = graph_.values[input];
    std::string source = Format("constant value {}", value.id);
    if (value.is_external_input) source = Format("argument {}", *value.external_id);
    for (NodeIndex n = 0; n < index_; ++n) {
      if (std::ranges::contains(graph_.nodes[n].outputs, input)) source = Describe(graph_, n);
    }
    text +=
        Format("{} {} with {}", text.back() == ':' ? "" : ",", source, ToString(shapes_[input]));
  }
  return text;
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

std::optional<Range> WindowOutput(Range input, const Window& window) {
  const size_t padding = size_t{window.padding_before} + window.padding_after;
  const size_t extent = window.extent();
  const size_t smallest = extent > padding ? extent - padding : 0;
  const std::optional<Range> sizes = Meet(input, Range::AtLeast(smallest));
  if (!sizes) return std::nullopt;
  const auto output = [&](size_t size) { return (size + padding - extent) / window.stride + 1; };
  return Range{output(sizes->min), output(sizes->max)};
}

ShapeRange Images(Range batch, Range height, Range width, Range channels) {
  ShapeRange images;
  for (const Range sizes : {batch, height, width, channels}) images.push_back(sizes);
  return images;
}

Range CeilDivideRange(Range sizes, size_t divisor) {
  return {CeilDivide(sizes.min, divisor), CeilDivide(sizes.max, divisor)};
}

std::optional<Range> BroadcastSizes(Range a, Range b) {
  std::optional<Range> sizes = Meet(a, b);
  const auto join = [&](Range other) {
    sizes = sizes ? Range{std::min(sizes->min, other.min), std::max(sizes->max, other.max)} : other;
  };
  if (a.Contains(1)) join(b);
  if (b.Contains(1)) join(a);
  return sizes;
}

Status ShapeOfDecomposed(ShapeContext& context) {
  Error error = context.Refuse("the graph has not been decomposed; call DecomposeGraph").error();
  error.code = ErrorCode::kInternal;
  return std::unexpected(std::move(error));
}

// --- Whole graphs -------------------------------------------------------------------------------

Result<std::vector<Dims>> InferShapes(const Graph& graph, std::span<const Dims> external_dims) {
  std::vector<ShapeRange> shapes(graph.values.size());
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (value.constant) shapes[i] = ShapeRange::Exactly(value.dims);
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
    shapes[i] = ShapeRange::Exactly(dims);
  }
  if (Status status = Infer(graph, shapes); !status) {
    return std::unexpected(WithAdvice(std::move(status).error(), ErrorCode::kInvalidArgument,
                                      "pass inputs whose shapes fit together"));
  }
  return UpperEnds(shapes);
}

Result<std::vector<ShapeRange>> InferRanges(const Graph& graph) {
  std::vector<ShapeRange> shapes(graph.values.size());
  for (ValueIndex i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (value.constant) shapes[i] = ShapeRange::Exactly(value.dims);
    if (value.is_external_input) shapes[i] = ShapeRange::UpTo(value.dims);
  }
  if (Status status = Infer(graph, shapes); !status) {
    return std::unexpected(
        WithAdvice(std::move(status).error(), ErrorCode::kInvalidProgram,
                   "the file is damaged, or needs an export that this library does not know"));
  }
  return shapes;
}

Result<std::vector<ShapeRange>> FinalizeShapes(Graph& graph) {
  SWITCHYARD_ASSIGN(std::vector<ShapeRange> ranges, InferRanges(graph));
  for (const Node& node : graph.nodes) {
    for (const ValueIndex output : node.outputs) graph.values[output].dims = ranges[output].max;
  }
  return ranges;
}

uint64_t NodeMacs(std::span<const Dims> shapes, const Node& node) {
  const auto count = [&](ValueIndex value) {
    return uint64_t{shapes[value].NumElements().value_or(0)};
  };
  const uint64_t outputs = count(node.outputs[0]);
  switch (node.kind) {
    case NodeKind::kFullyConnected:
    case NodeKind::kBatchMatrixMultiply: {
      const Dims& input = shapes[node.inputs[0]];
      return input.rank() == 0 ? 0 : outputs * input.back();
    }
    case NodeKind::kConv2d:
    case NodeKind::kDepthwiseConv2d: {
      const auto& a = std::get<ConvolutionAttributes>(node.attributes);
      return outputs * a.kernel_height * a.kernel_width * a.group_input_channels;
    }
    case NodeKind::kConvTranspose2d: {
      const auto& a = std::get<ConvolutionAttributes>(node.attributes);
      return count(node.inputs[0]) * a.kernel_height * a.kernel_width * a.group_output_channels;
    }
    default:
      return 0;
  }
}

}  // namespace switchyard
