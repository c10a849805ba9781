#include "test/conformance/reference.h"

#include <cmath>
#include <optional>
#include <utility>

#include "test/conformance/reference_nodes.h"

namespace switchyard::conformance::reference {
namespace {

struct Row {
  NodeKind kind;
  NodeFunction function;
};
constexpr Row kTable[] = {
    {NodeKind::kFullyConnected, FullyConnected},
    {NodeKind::kConv2d, Conv2d},
    {NodeKind::kDepthwiseConv2d, DepthwiseConv2d},
    {NodeKind::kConvTranspose2d, ConvTranspose2d},
    {NodeKind::kBatchMatrixMultiply, BatchMatrixMultiply},
    {NodeKind::kScaledDotProductAttention, ScaledDotProductAttention},
    {NodeKind::kConvert, Convert},
    {NodeKind::kStaticTranspose, StaticTranspose},
    {NodeKind::kAbs, Unary},
    {NodeKind::kNegate, Unary},
    {NodeKind::kFloor, Unary},
    {NodeKind::kCeiling, Unary},
    {NodeKind::kSquare, Unary},
    {NodeKind::kSquareRoot, Unary},
    {NodeKind::kReciprocalSquareRoot, Unary},
    {NodeKind::kExp, Unary},
    {NodeKind::kLog, Unary},
    {NodeKind::kSigmoid, Unary},
    {NodeKind::kTanh, Unary},
    {NodeKind::kGelu, Unary},
    {NodeKind::kELU, Unary},
    {NodeKind::kHardswish, Unary},
    {NodeKind::kLeakyReLU, Unary},
    {NodeKind::kSin, Unary},
    {NodeKind::kCos, Unary},
    {NodeKind::kClamp, Unary},
    {NodeKind::kAdd, Binary},
    {NodeKind::kSubtract, Binary},
    {NodeKind::kMultiply, Binary},
    {NodeKind::kDiv, Binary},
    {NodeKind::kMinimum, Binary},
    {NodeKind::kMaximum, Binary},
    {NodeKind::kPReLU, Binary},
    {NodeKind::kSoftmax, Softmax},
    {NodeKind::kAvgPooling2d, AveragePooling},
    {NodeKind::kMaxPooling2d, MaxPooling},
    {NodeKind::kArgMaxPooling2d, MaxPooling},
    {NodeKind::kGlobalAvgPooling2d, GlobalAveragePooling},
    {NodeKind::kStaticResizeBilinear2D, ResizeBilinear},
    {NodeKind::kCopy, Copy},
    {NodeKind::kStaticReshape, StaticReshape},
    {NodeKind::kStaticSlice, StaticSlice},
    {NodeKind::kStaticConstantPad, StaticConstantPad},
    {NodeKind::kConcatenate2, Concatenate},
    {NodeKind::kConcatenate3, Concatenate},
    {NodeKind::kConcatenate4, Concatenate},
    {NodeKind::kConcatenate5, Concatenate},
};
static_assert(std::size(kTable) == kNumNodeKinds);

}  // namespace

NodeFunction FunctionOf(NodeKind kind) {
  for (const Row& row : kTable) {
    if (row.kind == kind) return row.function;
  }
  return nullptr;
}

Result<std::vector<Tensor>> Evaluate(const Graph& graph, std::span<const Tensor> inputs) {
  std::vector<std::optional<Tensor>> tensors(graph.values.size());
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (value.constant) tensors[i] = FromConstant(value);
    if (!value.is_external_input) continue;
    if (*value.external_id >= inputs.size()) {
      return Fail(ErrorCode::kInvalidArgument, "input {} is missing", *value.external_id);
    }
    tensors[i] = inputs[*value.external_id];
  }
  for (const Node& node : graph.nodes) {
    const NodeFunction function = FunctionOf(node.kind);
    if (function == nullptr) {
      return Fail(ErrorCode::kNotImplemented, "the reference has no function for {}",
                  Info(node.kind).name);
    }
    Call call{graph, node, {}};
    for (ValueIndex input : node.inputs) call.inputs.push_back(&*tensors[input]);
    SWITCHYARD_ASSIGN(std::vector<Tensor> outputs, function(call));
    for (size_t i = 0; i < outputs.size(); ++i) tensors[node.outputs[i]] = std::move(outputs[i]);
  }
  std::vector<Tensor> results;
  for (uint32_t id = 0; id < graph.num_externals; ++id) {
    for (size_t i = 0; i < graph.values.size(); ++i) {
      const Value& value = graph.values[i];
      if (value.is_external_output && value.external_id == id) results.push_back(*tensors[i]);
    }
  }
  return results;
}

Difference Compare(const Tensor& expected, const OwnedTensor& got_tensor) {
  // The stored numbers, without quantization.
  Value plain;
  plain.type = expected.type;
  Difference difference;
  const Tensor got = *FromHost(plain, got_tensor);
  const double largest = expected.type == DataType::kF16   ? 65520
                         : expected.type == DataType::kF32 ? 0x1.ffffffp127
                                                           : 0;
  for (size_t i = 0; i < expected.values.size(); ++i) {
    const double want = expected.values[i], have = got.values[i], bound = expected.bounds[i];
    if (bound == 0) ++difference.num_exact;
    if (std::isinf(bound)) {
      ++difference.num_free;
      continue;
    }
    double error = std::abs(have - want) / bound;
    if (have == want) error = 0;
    // What rounds to infinity may be infinite.
    if (largest > 0 && std::isinf(have) && std::copysign(1.0, have) * want + bound >= largest) {
      error = 0;
    }
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    if (error > 1) ++difference.num_wrong;
    if (error > difference.worst || (i == 0 && error == 0)) {
      difference.worst = error;
      difference.worst_index = i;
      difference.got = have;
      difference.expected = want;
      difference.bound = bound;
    }
  }
  difference.pass = difference.num_wrong == 0;
  return difference;
}

}  // namespace switchyard::conformance::reference
