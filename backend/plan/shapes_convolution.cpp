#include <algorithm>

#include "backend/plan/shape_rules.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

Status CheckImages(ShapeContext& context) {
  SWITCHYARD_TRY(context.ExpectRank(0, 4));
  SWITCHYARD_TRY(context.ExpectDynamicQuantizationOver(3));
  const auto& attributes = context.Attributes<ConvolutionAttributes>();
  const size_t channels = size_t{attributes.groups} * attributes.group_input_channels;
  if (!context.Narrow(0, 1, Range::AtLeast(1)) || !context.Narrow(0, 2, Range::AtLeast(1)) ||
      !context.Narrow(0, 3, Range::Exactly(channels))) {
    return context.Refuse(
        "its input has dimensions {}, expected [batch, height, width, {}], none of them 0 but the "
        "batch",
        ToString(context.Input(0)), channels);
  }
  return {};
}

// stride * (input - 1) + adjustment + extent - paddings, of both ends; nothing when no size is
// positive. Sizes that cannot be counted become one that SetOutput refuses.
std::optional<Range> TransposedOutput(Range input, const Window& window, uint32_t adjustment) {
  const size_t cut = size_t{window.padding_before} + window.padding_after;
  const auto output = [&](size_t size) -> size_t {
    constexpr size_t kHuge = SIZE_MAX / 2;
    const size_t spread =
        std::min(CheckedMultiply<size_t>(size - 1, window.stride).value_or(kHuge), kHuge);
    const size_t full = spread + adjustment + window.extent();
    return full > cut ? full - cut : 0;
  };
  return Meet({output(input.min), output(input.max)}, Range::AtLeast(1));
}

}  // namespace

// [N, H, W, input channels] -> [N, H', W', output channels]. Under TensorFlow's SAME padding H' and
// W' are H and W divided by the strides, rounded up.
Status ShapeOfConvolution(ShapeContext& context) {
  SWITCHYARD_TRY(CheckImages(context));
  const auto& a = context.Attributes<ConvolutionAttributes>();
  const ShapeRange& input = context.Input(0);
  const size_t output_channels = size_t{a.groups} * a.group_output_channels;
  const Window vertical{a.kernel_height, a.stride_height, a.dilation_height, a.padding_top,
                        a.padding_bottom};
  const Window horizontal{a.kernel_width, a.stride_width, a.dilation_width, a.padding_left,
                          a.padding_right};
  if (context.HasFlag(kFlagTensorFlowSamePadding)) {
    if ((a.padding_top | a.padding_bottom | a.padding_left | a.padding_right) != 0) {
      return context.Refuse("both explicit and SAME padding, expected one of them");
    }
    return context.SetOutput(Images(input[0], CeilDivideRange(input[1], a.stride_height),
                                    CeilDivideRange(input[2], a.stride_width),
                                    Range::Exactly(output_channels)));
  }
  const std::optional<Range> height = WindowOutput(input[1], vertical);
  const std::optional<Range> width = WindowOutput(input[2], horizontal);
  if (!height || !width) {
    return context.Refuse(
        "its input has dimensions {}, expected a height and width of at least {} and {} with the "
        "padding, since the dilated kernel is that large",
        ToString(input), vertical.extent(), horizontal.extent());
  }
  return context.SetOutput(Images(input[0], *height, *width, Range::Exactly(output_channels)));
}

Status ShapeOfTransposedConvolution(ShapeContext& context) {
  SWITCHYARD_TRY(CheckImages(context));
  const auto& a = context.Attributes<ConvolutionAttributes>();
  const ShapeRange& input = context.Input(0);
  if (a.adjustment_height >= a.stride_height || a.adjustment_width >= a.stride_width) {
    return context.Refuse("output padding {}x{}, expected less than the strides, {}x{}",
                          a.adjustment_height, a.adjustment_width, a.stride_height, a.stride_width);
  }
  const std::optional<Range> height = TransposedOutput(
      input[1],
      {a.kernel_height, a.stride_height, a.dilation_height, a.padding_top, a.padding_bottom},
      a.adjustment_height);
  const std::optional<Range> width = TransposedOutput(
      input[2], {a.kernel_width, a.stride_width, a.dilation_width, a.padding_left, a.padding_right},
      a.adjustment_width);
  if (!height || !width) {
    return context.Refuse(
        "its input has dimensions {}, expected an output of at least 1x1 that fits in memory",
        ToString(input));
  }
  const size_t output_channels = size_t{a.groups} * a.group_output_channels;
  return context.SetOutput(Images(input[0], *height, *width, Range::Exactly(output_channels)));
}

}  // namespace switchyard
