#include <cmath>
#include <optional>

#include "backend/xnnpack/lowering.h"

namespace switchyard {
namespace {

using enum NodeKind;

std::optional<xnn_unary_operator> OperatorOf(NodeKind kind) {
  switch (kind) {
    case kAbs:
      return xnn_unary_abs;
    case kCeiling:
      return xnn_unary_ceiling;
    case kClamp:
      return xnn_unary_clamp;
    case kCos:
      return xnn_unary_cosine;
    case kELU:
      return xnn_unary_elu;
    case kExp:
      return xnn_unary_exp;
    case kFloor:
      return xnn_unary_floor;
    case kGelu:
      return xnn_unary_gelu;
    case kHardswish:
      return xnn_unary_hardswish;
    case kLeakyReLU:
      return xnn_unary_leaky_relu;
    case kLog:
      return xnn_unary_log;
    case kNegate:
      return xnn_unary_negate;
    case kReciprocalSquareRoot:
      return xnn_unary_reciprocal_square_root;
    case kSigmoid:
      return xnn_unary_sigmoid;
    case kSin:
      return xnn_unary_sine;
    case kSquare:
      return xnn_unary_square;
    case kSquareRoot:
      return xnn_unary_square_root;
    case kTanh:
      return xnn_unary_tanh;
    default:
      return std::nullopt;
  }
}

// Both slopes are multiplied in fixed point.
Status CheckLeakyReluScales(const Lowering& lowering, float negative_slope) {
  if ((Types(lowering.output().type) & kQuantizedTypes) == 0) return {};
  const float positive = ScaleOf(lowering.input(0)) / ScaleOf(lowering.output());
  const float negative = positive * negative_slope;
  SWITCHYARD_TRY(lowering.RequireScaleRatio("the input's scale divided by the output's", positive,
                                            kMinConvertRatio, kConvertRatioLimit));
  return lowering.RequireScaleRatio("the negative slope times the ratio of the scales, absolute,",
                                    std::abs(negative), kMinConvertRatio,
                                    negative < 0 ? 0x1.FFFC02p+6f : kConvertRatioLimit);
}

}  // namespace

Status LowerUnary(Lowering& lowering) {
  SWITCHYARD_TRY(lowering.RequireOneType(kFloatTypes | kQuantizedTypes));
  const Node& node = lowering.node();
  const std::optional<xnn_unary_operator> op = OperatorOf(node.kind);
  if (!op) return lowering.Unsupported("not an elementwise operator of one input");
  xnn_unary_params params = {};
  if (node.kind == kClamp) {
    SWITCHYARD_TRY(lowering.RequireRange(/*may_be_empty=*/true));
    params.clamp = {.min = node.output_min, .max = node.output_max};
  } else if (node.kind == kELU) {
    params.elu = {.alpha = std::get<EluAttributes>(node.attributes).alpha};
  } else if (node.kind == kLeakyReLU) {
    const float slope = std::get<LeakyReluAttributes>(node.attributes).negative_slope;
    SWITCHYARD_TRY(CheckLeakyReluScales(lowering, slope));
    params.leaky_relu = {.negative_slope = slope};
  }
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  return lowering.Check(
      xnn_define_unary(lowering.subgraph(), *op, &params, input, output, /*flags=*/0));
}

}  // namespace switchyard
