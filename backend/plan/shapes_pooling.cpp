#include "backend/plan/shape_rules.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

// [batch, height, width, channels]. Only the batch may be 0.
Status CheckPooledImages(ShapeContext& context) {
  SWITCHYARD_TRY(context.ExpectRank(0, 4));
  bool fits = true;
  for (const size_t dim : {1, 2, 3}) fits = fits && context.Narrow(0, dim, Range::AtLeast(1));
  if (fits) return {};
  return context.Refuse(
      "its input has dimensions {}, expected [batch, height, width, channels], none of them 0 but "
      "the batch",
      ToString(context.Input(0)));
}

// A window that lies in the padding has neither maximum nor average.
bool AlwaysMeetsInput(const Window& window) {
  return window.padding_before < window.extent() && window.padding_after < window.extent();
}

// The taps of a dilated window may step over an input that is smaller than the gaps between them:
// it lies in the padding, too. With as many pixels as the dilation one of the taps meets one.
bool MayStepOver(const Window& window, bool is_padded_same) {
  if (window.dilation == 1 || window.size == 1) return false;
  return is_padded_same ||
         (window.padding_before > 0 &&
          (window.padding_before % window.dilation != 0 || window.stride % window.dilation != 0));
}

Result<ShapeRange> PoolingOutput(ShapeContext& context) {
  SWITCHYARD_TRY(CheckPooledImages(context));
  const auto& a = context.Attributes<PoolingAttributes>();
  const Window vertical{a.pooling_height, a.stride_height, a.dilation_height, a.padding_top,
                        a.padding_bottom};
  const Window horizontal{a.pooling_width, a.stride_width, a.dilation_width, a.padding_left,
                          a.padding_right};
  const bool is_padded_same = context.HasFlag(kFlagTensorFlowSamePadding);
  bool is_met = true;
  if (MayStepOver(vertical, is_padded_same)) {
    is_met = context.Narrow(0, 1, Range::AtLeast(vertical.dilation));
  }
  if (MayStepOver(horizontal, is_padded_same)) {
    is_met = context.Narrow(0, 2, Range::AtLeast(horizontal.dilation)) && is_met;
  }
  if (!is_met) {
    return context.Refuse(
        "its input has dimensions {}, expected a height and width of at least the dilations {} and "
        "{}, since a padded window could lie beside all of it",
        ToString(context.Input(0)), vertical.dilation, horizontal.dilation);
  }
  const ShapeRange& input = context.Input(0);
  if (is_padded_same) {
    if ((a.padding_top | a.padding_bottom | a.padding_left | a.padding_right) != 0) {
      return context.Refuse("both explicit and SAME padding, expected one of them");
    }
    return Images(input[0], CeilDivideRange(input[1], a.stride_height),
                  CeilDivideRange(input[2], a.stride_width), input[3]);
  }
  if (!AlwaysMeetsInput(vertical) || !AlwaysMeetsInput(horizontal)) {
    return context.Refuse(
        "padding of {}, {}, {} and {} (top, bottom, left, right), expected less than the window's "
        "{} and {}",
        a.padding_top, a.padding_bottom, a.padding_left, a.padding_right, vertical.extent(),
        horizontal.extent());
  }
  const std::optional<Range> height = WindowOutput(input[1], vertical);
  const std::optional<Range> width = WindowOutput(input[2], horizontal);
  if (!height || !width) {
    return context.Refuse(
        "its input has dimensions {}, expected a height and width of at least {} and {} with the "
        "padding, since the window is that large",
        ToString(input), vertical.extent(), horizontal.extent());
  }
  return Images(input[0], *height, *width, input[3]);
}

}  // namespace

Status ShapeOfPooling(ShapeContext& context) {
  SWITCHYARD_ASSIGN(const ShapeRange dims, PoolingOutput(context));
  return context.SetOutput(dims);
}

// The stride is the size of the window. Both outputs, values and indices, have the same dims.
Status ShapeOfArgMaxPooling(ShapeContext& context) {
  SWITCHYARD_ASSIGN(const ShapeRange dims, PoolingOutput(context));
  SWITCHYARD_TRY(context.SetOutput(dims, 0));
  return context.SetOutput(dims, 1);
}

// [N, H, W, C] -> [N, C], or [N, 1, 1, C] when the dimensions are kept. The mean over nothing is
// NaN, which int8 has not.
Status ShapeOfGlobalAveragePooling(ShapeContext& context) {
  SWITCHYARD_TRY(context.ExpectRank(0, 4));
  if (!IsFloat(context.OutputValue(0).type) &&
      (!context.Narrow(0, 1, Range::AtLeast(1)) || !context.Narrow(0, 2, Range::AtLeast(1)))) {
    return context.Refuse("its input has dimensions {}, expected a height and width of at least 1",
                          ToString(context.Input(0)));
  }
  const ShapeRange& input = context.Input(0);
  if (context.HasFlag(kFlagKeepDims)) {
    return context.SetOutput(Images(input[0], Range::Exactly(1), Range::Exactly(1), input[3]));
  }
  ShapeRange dims;
  dims.push_back(input[0]);
  dims.push_back(input[3]);
  return context.SetOutput(dims);
}

Status ShapeOfResize(ShapeContext& context) {
  SWITCHYARD_TRY(CheckPooledImages(context));
  const auto& a = context.Attributes<ResizeAttributes>();
  const ShapeRange& input = context.Input(0);
  // XNNPACK's coordinates are floats, which count to this.
  constexpr size_t kMaxCoordinate = (size_t{1} << 24) - 1;
  const Range height = Range::Exactly(a.new_height), width = Range::Exactly(a.new_width);
  if (!context.Narrow(0, 1, {0, kMaxCoordinate}) || !context.Narrow(0, 2, {0, kMaxCoordinate}) ||
      height.max > kMaxCoordinate || width.max > kMaxCoordinate) {
    return context.Refuse("from {} to {}x{}, expected heights and widths below 2^24",
                          ToString(input), a.new_height, a.new_width);
  }
  return context.SetOutput(Images(input[0], height, width, input[3]));
}

}  // namespace switchyard
