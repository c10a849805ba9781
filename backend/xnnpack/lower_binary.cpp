#include <limits>
#include <optional>

#include "backend/xnnpack/lowering.h"

namespace switchyard {
namespace {

using enum NodeKind;

struct BinaryOperator {
  xnn_binary_operator op;
  bool has_range;
};

std::optional<BinaryOperator> OperatorOf(NodeKind kind) {
  switch (kind) {
    case kAdd:
      return BinaryOperator{xnn_binary_add, true};
    case kSubtract:
      return BinaryOperator{xnn_binary_subtract, true};
    case kMultiply:
      return BinaryOperator{xnn_binary_multiply, true};
    case kDiv:
      return BinaryOperator{xnn_binary_divide, true};
    case kMinimum:
      return BinaryOperator{xnn_binary_minimum, false};
    case kMaximum:
      return BinaryOperator{xnn_binary_maximum, false};
    case kPReLU:
      return BinaryOperator{xnn_binary_prelu, false};
    default:
      return std::nullopt;
  }
}

// Sums and products of int8 are computed in fixed point; the other operators dequantize.
Status CheckScales(const Lowering& lowering, xnn_binary_operator op) {
  if ((Types(lowering.output().type) & kQuantizedTypes) == 0) return {};
  const float a = ScaleOf(lowering.input(0)), b = ScaleOf(lowering.input(1));
  const float output = ScaleOf(lowering.output());
  switch (op) {
    case xnn_binary_add:
    case xnn_binary_subtract:
      SWITCHYARD_TRY(lowering.RequireScaleRatio("the first input's scale divided by the output's",
                                                a / output, 0x1p-10f, 0x1p+8f));
      return lowering.RequireScaleRatio("the second input's scale divided by the output's",
                                        b / output, 0x1p-10f, 0x1p+8f);
    case xnn_binary_multiply:
      return lowering.RequireScaleRatio("the product of the inputs' scales divided by the output's",
                                        a * b / output, 0x1p-16f, 0x1p+8f);
    default:
      return {};
  }
}

}  // namespace

Status LowerBinary(Lowering& lowering) {
  SWITCHYARD_TRY(lowering.RequireOneType(kFloatTypes | kQuantizedTypes));
  const Node& node = lowering.node();
  const std::optional<BinaryOperator> op = OperatorOf(node.kind);
  if (!op) return lowering.Unsupported("not an elementwise operator of two inputs");
  if (op->has_range) SWITCHYARD_TRY(lowering.RequireRange(/*may_be_empty=*/true));
  SWITCHYARD_TRY(CheckScales(lowering, op->op));
  const xnn_binary_params range = {.output_min = node.output_min, .output_max = node.output_max};
  SWITCHYARD_ASSIGN(const uint32_t a, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t b, lowering.Input(1));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  // XNNPACK adds a clamp of its own for a range.
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const bool is_clamped =
      op->has_range && (node.output_min != -kInfinity || node.output_max != kInfinity);
  return lowering.Check(
      xnn_define_binary(lowering.subgraph(), op->op, op->has_range ? &range : nullptr, a, b, output,
                        /*flags=*/0),
      /*num_operators=*/is_clamped ? 2 : 1);
}

}  // namespace switchyard
