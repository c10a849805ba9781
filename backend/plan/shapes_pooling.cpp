#include "backend/plan/shape_rules.h"
#include "runtime/base/checked_math.h"

namespace switchyard {
namespace {

// [batch, height, width, channels]. Only the batch may be 0, and that only where XNNPACK gives the
// outputs of an empty batch a shape.
Status CheckImages(const ShapeContext& context, size_t min_batch) {
  SWITCHYARD_TRY(context.ExpectRank(0, 4));
  const Dims& input = context.Input(0);
  if (input[0] >= min_batch && input[1] != 0 && input[2] != 0 && input[3] != 0) return {};
  return context.Refuse(
      "its input has dimensions {}, expected [batch, height, width, channels], none of them 0{}",
      ToString(input), min_batch == 0 ? " but the batch" : "");
}

// A window that lies in the padding has neither maximum nor average.
bool AlwaysMeetsInput(const Window& window) {
  return window.padding_before < window.extent() && window.padding_after < window.extent();
}

// Whether the taps of a dilated window may step over an input that is smaller than the gaps between
// them. With as many pixels as the dilation, one of any as many taps in a row meets one.
bool MayStepOver(size_t input, const Window& window) {
  return input < window.dilation && window.size > 1 && window.padding_before > 0 &&
         (window.padding_before % window.dilation != 0 || window.stride % window.dilation != 0);
}

// SAME padding goes half before and half after the input.
uint32_t SamePaddingBefore(size_t input, size_t output, const Window& window) {
  const size_t reach = (output - 1) * window.stride + window.extent();
  return static_cast<uint32_t>(reach > input ? (reach - input) / 2 : 0);
}

Status CheckDilation(const ShapeContext& context, const Window& vertical,
                     const Window& horizontal) {
  const Dims& input = context.Input(0);
  if (!MayStepOver(input[1], vertical) && !MayStepOver(input[2], horizontal)) return {};
  return context.Refuse(
      "its input has dimensions {}, expected a height and width of at least the dilations {} and "
      "{}, since a padded window could lie beside all of it",
      ToString(input), vertical.dilation, horizontal.dilation);
}

Result<Dims> PoolingOutput(const ShapeContext& context) {
  SWITCHYARD_TRY(CheckImages(context, 1));
  const auto& a = context.Attributes<PoolingAttributes>();
  const Dims& input = context.Input(0);
  Window vertical{a.pooling_height, a.stride_height, a.dilation_height, a.padding_top,
                  a.padding_bottom};
  Window horizontal{a.pooling_width, a.stride_width, a.dilation_width, a.padding_left,
                    a.padding_right};
  if (context.HasFlag(kFlagTensorFlowSamePadding)) {
    if ((a.padding_top | a.padding_bottom | a.padding_left | a.padding_right) != 0) {
      return context.Refuse("both explicit and SAME padding, expected one of them");
    }
    const size_t height = CeilDivide<size_t>(input[1], a.stride_height);
    const size_t width = CeilDivide<size_t>(input[2], a.stride_width);
    vertical.padding_before = SamePaddingBefore(input[1], height, vertical);
    horizontal.padding_before = SamePaddingBefore(input[2], width, horizontal);
    SWITCHYARD_TRY(CheckDilation(context, vertical, horizontal));
    return Dims{input[0], height, width, input[3]};
  }
  if (!AlwaysMeetsInput(vertical) || !AlwaysMeetsInput(horizontal)) {
    return context.Refuse(
        "padding of {}, {}, {} and {} (top, bottom, left, right), expected less than the window's "
        "{} and {}",
        a.padding_top, a.padding_bottom, a.padding_left, a.padding_right, vertical.extent(),
        horizontal.extent());
  }
  const std::optional<size_t> height = WindowOutput(input[1], vertical);
  const std::optional<size_t> width = WindowOutput(input[2], horizontal);
  if (!height || !width) {
    return context.Refuse(
        "its input has dimensions {}, expected a height and width of at least {} and {} with the "
        "padding, since the window is that large",
        ToString(input), vertical.extent(), horizontal.extent());
  }
  SWITCHYARD_TRY(CheckDilation(context, vertical, horizontal));
  return Dims{input[0], *height, *width, input[3]};
}

}  // namespace

Status ShapeOfPooling(ShapeContext& context) {
  SWITCHYARD_ASSIGN(const Dims dims, PoolingOutput(context));
  return context.SetOutput(dims);
}

// The stride is the size of the window. Both outputs, values and indices, have the same dims.
// XNNPACK infers those of the values only, and takes the indices' from the file: a smaller buffer
// than it needs, or a larger one than there is.
Status ShapeOfArgMaxPooling(ShapeContext& context) {
  SWITCHYARD_ASSIGN(const Dims dims, PoolingOutput(context));
  if (context.OutputValue(1).dims != dims) {
    return context.Refuse("its indices would have dimensions {}, expected those of {}",
                          ToString(dims), Describe(context.OutputValue(1)));
  }
  SWITCHYARD_TRY(context.SetOutput(dims, 0));
  return context.SetOutput(dims, 1);
}

// [N, H, W, C] -> [N, C], or [N, 1, 1, C] when the dimensions are kept.
Status ShapeOfGlobalAveragePooling(ShapeContext& context) {
  SWITCHYARD_TRY(CheckImages(context, 0));
  const Dims& input = context.Input(0);
  if (context.HasFlag(kFlagKeepDims)) return context.SetOutput({input[0], 1, 1, input[3]});
  return context.SetOutput({input[0], input[3]});
}

Status ShapeOfResize(ShapeContext& context) {
  SWITCHYARD_TRY(CheckImages(context, 0));
  const auto& a = context.Attributes<ResizeAttributes>();
  const Dims& input = context.Input(0);
  // XNNPACK's coordinates are floats, which count to this.
  constexpr size_t kMaxSize = size_t{1} << 24;
  if (input[1] >= kMaxSize || input[2] >= kMaxSize || a.new_height >= kMaxSize ||
      a.new_width >= kMaxSize) {
    return context.Refuse("from {} to {}x{}, expected heights and widths below 2^24",
                          ToString(input), a.new_height, a.new_width);
  }
  return context.SetOutput({input[0], a.new_height, a.new_width, input[3]});
}

}  // namespace switchyard
