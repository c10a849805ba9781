#include <limits>

#include "backend/xnnpack/lowering.h"

namespace switchyard {
namespace {

using enum DataType;

Status CheckPooling(const Lowering& lowering) {
  const PoolingAttributes& a = lowering.attributes<PoolingAttributes>();
  if (lowering.input(0).dims.rank() != 4 || lowering.output().dims.rank() != 4) {
    return lowering.Unsupported("input {} and output {}, expected four dimensions (NHWC)",
                                ToString(lowering.input(0).dims), ToString(lowering.output().dims));
  }
  const uint64_t size = uint64_t{a.pooling_height} * a.pooling_width;
  if (size > std::numeric_limits<uint32_t>::max()) {
    return lowering.Unsupported("a pool of {} x {}, expected less than 2^32 elements; leave it out",
                                a.pooling_height, a.pooling_width);
  }
  return lowering.RequireRange(/*may_be_empty=*/false);
}

bool IsPoolOfOne(const PoolingAttributes& a) {
  return a.pooling_height == 1 && a.pooling_width == 1;
}

// A pool of one element and strides of one: each element is its own maximum and average. XNNPACK
// refuses it as a pool.
Status LowerAsClamp(Lowering& lowering) {
  const Node& node = lowering.node();
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (node.output_min == -kInfinity && node.output_max == kInfinity) {
    return lowering.Check(xnn_define_copy(lowering.subgraph(), input, output, /*flags=*/0));
  }
  const xnn_unary_params range = {.clamp = {.min = node.output_min, .max = node.output_max}};
  return lowering.Check(
      xnn_define_unary(lowering.subgraph(), xnn_unary_clamp, &range, input, output, /*flags=*/0));
}

// Of such the remedies make standalone steps.
Status CheckStrides(const Lowering& lowering, uint32_t max_height, uint32_t max_width) {
  const PoolingAttributes& a = lowering.attributes<PoolingAttributes>();
  if (a.stride_height <= max_height && a.stride_width <= max_width) return {};
  return lowering.Unsupported("strides {} x {} of a pool of {} x {}, expected at most {} x {}",
                              a.stride_height, a.stride_width, a.pooling_height, a.pooling_width,
                              max_height, max_width);
}

}  // namespace

Status LowerAveragePooling(Lowering& lowering) {
  SWITCHYARD_TRY(CheckPooling(lowering));
  SWITCHYARD_TRY(lowering.RequireOneType(kFloatTypes));
  const Node& node = lowering.node();
  const PoolingAttributes& a = lowering.attributes<PoolingAttributes>();
  if (IsPoolOfOne(a)) {
    SWITCHYARD_TRY(CheckStrides(lowering, 1, 1));
    return LowerAsClamp(lowering);
  }
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  return lowering.Check(xnn_define_average_pooling_2d(
      lowering.subgraph(), a.padding_top, a.padding_right, a.padding_bottom, a.padding_left,
      a.pooling_height, a.pooling_width, a.stride_height, a.stride_width, node.output_min,
      node.output_max, input, output, node.flags));
}

Status LowerMaxPooling(Lowering& lowering) {
  SWITCHYARD_TRY(CheckPooling(lowering));
  SWITCHYARD_TRY(lowering.RequireOneType(kFloatTypes | kQuantizedTypes));
  SWITCHYARD_TRY(lowering.RequireSameQuantization());
  const Node& node = lowering.node();
  const PoolingAttributes& a = lowering.attributes<PoolingAttributes>();
  SWITCHYARD_TRY(CheckStrides(lowering, a.pooling_height, a.pooling_width));
  if (IsPoolOfOne(a)) return LowerAsClamp(lowering);
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  return lowering.Check(xnn_define_max_pooling_2d(
      lowering.subgraph(), a.padding_top, a.padding_right, a.padding_bottom, a.padding_left,
      a.pooling_height, a.pooling_width, a.stride_height, a.stride_width, a.dilation_height,
      a.dilation_width, node.output_min, node.output_max, input, output, node.flags));
}

Status LowerArgMaxPooling(Lowering& lowering) {
  SWITCHYARD_TRY(CheckPooling(lowering));
  const PoolingAttributes& a = lowering.attributes<PoolingAttributes>();
  // Of such the remedies make standalone steps.
  const bool is_same = (lowering.node().flags & kFlagTensorFlowSamePadding) != 0;
  if (IsPoolOfOne(a) || is_same ||
      (a.padding_top | a.padding_right | a.padding_bottom | a.padding_left) != 0) {
    return lowering.Unsupported(
        "a pool of {} x {} with {} padding, expected two elements at least and no padding",
        a.pooling_height, a.pooling_width, is_same ? "SAME" : "explicit");
  }
  if (lowering.TypeOf(lowering.input(0)) != kF32 || lowering.TypeOf(lowering.output(0)) != kF32 ||
      lowering.output(1).type != kInt32 || lowering.output(1).dims.rank() != 4) {
    return lowering.Unsupported("types {}, expected f32 -> f32, int32 of four dimensions",
                                lowering.DescribeTypes());
  }
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t values, lowering.Output(0));
  SWITCHYARD_ASSIGN(const uint32_t indices, lowering.Output(1));
  return lowering.Check(xnn_define_argmax_pooling_2d(
      lowering.subgraph(), /*input_padding_top=*/0, /*input_padding_right=*/0,
      /*input_padding_bottom=*/0, /*input_padding_left=*/0, a.pooling_height, a.pooling_width,
      input, values, indices, /*flags=*/0));
}

Status LowerGlobalAveragePooling(Lowering& lowering) {
  SWITCHYARD_TRY(lowering.RequireOneType(kFloatTypes | kQuantizedTypes));
  SWITCHYARD_TRY(lowering.RequireRange(/*may_be_empty=*/false));
  const Node& node = lowering.node();
  if (lowering.input(0).dims.rank() < 3) {
    return lowering.Unsupported("input {}, expected three dimensions (HWC) at least",
                                ToString(lowering.input(0).dims));
  }
  const bool has_clamp = node.output_min > -std::numeric_limits<float>::infinity() ||
                         node.output_max < std::numeric_limits<float>::infinity();
  SWITCHYARD_ASSIGN(const uint32_t input, lowering.Input(0));
  SWITCHYARD_ASSIGN(const uint32_t output, lowering.Output());
  uint32_t mean = output;
  if (has_clamp) {
    SWITCHYARD_ASSIGN(mean,
                      lowering.Intermediate(lowering.output(), lowering.output().dims.rank()));
  }
  constexpr int64_t kHeightAndWidth[] = {-3, -2};
  SWITCHYARD_TRY(lowering.Check(
      xnn_define_static_reduce_v2(lowering.subgraph(), xnn_reduce_mean, std::size(kHeightAndWidth),
                                  kHeightAndWidth, input, mean, node.flags & kFlagKeepDims)));
  if (!has_clamp) return {};
  const xnn_unary_params range = {.clamp = {.min = node.output_min, .max = node.output_max}};
  return lowering.Check(xnn_define_unary(lowering.subgraph(), xnn_unary_clamp, &range, mean, output,
                                         /*flags=*/0));
}

}  // namespace switchyard
