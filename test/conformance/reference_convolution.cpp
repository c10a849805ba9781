#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_products.h"

namespace switchyard::conformance::reference {
namespace {

// Of one axis.
struct Axis {
  size_t input, output, kernel, stride, dilation, padding;

  // Where tap `t` of output `o` reads; at least `input` when that is padding.
  size_t Read(size_t o, size_t t) const {
    const size_t position = o * stride + t * dilation;
    return position < padding ? input : position - padding;
  }
};

// `before` and `after` are the paddings. Errors: InvalidArgument when the kernel is larger.
Result<Axis> MakeAxis(size_t input, size_t kernel, size_t stride, size_t dilation, size_t before,
                      size_t after, bool same) {
  const size_t reach = (kernel - 1) * dilation + 1;
  if (same) {
    // As TensorFlow has it: as many outputs as strides, the odd padding at the end.
    const size_t output = (input + stride - 1) / stride;
    const size_t needed = (output - 1) * stride + reach;
    return Axis{input, output, kernel, stride, dilation, needed > input ? (needed - input) / 2 : 0};
  }
  const size_t padded = input + before + after;
  if (padded < reach) {
    return Fail(ErrorCode::kInvalidArgument, "a kernel that reaches {} over {}", reach, padded);
  }
  return Axis{input, (padded - reach) / stride + 1, kernel, stride, dilation, before};
}

// `depthwise`: the filter is [1, KH, KW, OC] and every group has one input channel; otherwise it is
// [OC, KH, KW, input channels of a group].
Result<std::vector<Tensor>> Convolve(const Call& call, bool depthwise) {
  const Tensor& input = *call.inputs[0];
  const Tensor& filter = *call.inputs[1];
  const Tensor* bias = call.inputs.size() > 2 ? call.inputs[2] : nullptr;
  const auto& a = std::get<ConvolutionAttributes>(call.node.attributes);
  const size_t group_in = depthwise ? 1 : a.group_input_channels;
  // A depthwise node states its multiplier as a ratio.
  const size_t group_out =
      depthwise ? a.group_output_channels / a.group_input_channels : a.group_output_channels;
  const size_t in_channels = group_in * a.groups, out_channels = group_out * a.groups;
  if (input.dims.rank() != 4 || input.dims[3] != in_channels) {
    return Fail(ErrorCode::kInvalidArgument, "convolution of {} with {} input channels",
                ToString(input.dims), in_channels);
  }
  const bool same = (call.node.flags & kFlagTensorFlowSamePadding) != 0;
  SWITCHYARD_ASSIGN(const Axis y,
                    MakeAxis(input.dims[1], a.kernel_height, a.stride_height, a.dilation_height,
                             a.padding_top, a.padding_bottom, same));
  SWITCHYARD_ASSIGN(const Axis x,
                    MakeAxis(input.dims[2], a.kernel_width, a.stride_width, a.dilation_width,
                             a.padding_left, a.padding_right, same));
  SWITCHYARD_ASSIGN(Products products, Products::Create(input, filter, bias, call.output()));
  Tensor result = Empty(call.output(), {input.dims[0], y.output, x.output, out_channels});
  std::vector<Term> terms;
  size_t index = 0;
  for (size_t image = 0; image < input.dims[0]; ++image) {
    for (size_t oy = 0; oy < y.output; ++oy) {
      for (size_t ox = 0; ox < x.output; ++ox) {
        for (size_t channel = 0; channel < out_channels; ++channel, ++index) {
          terms.clear();
          const size_t group = channel / group_out;
          for (size_t ky = 0; ky < y.kernel; ++ky) {
            for (size_t kx = 0; kx < x.kernel; ++kx) {
              const size_t iy = y.Read(oy, ky), ix = x.Read(ox, kx);
              if (iy >= y.input || ix >= x.input) continue;
              const size_t pixel = ((image * y.input + iy) * x.input + ix) * in_channels;
              const size_t tap = ky * x.kernel + kx, taps = y.kernel * x.kernel;
              for (size_t c = 0; c < group_in; ++c) {
                terms.push_back({pixel + group * group_in + c,
                                 depthwise ? tap * out_channels + channel
                                           : (channel * taps + tap) * group_in + c});
              }
            }
          }
          products.Finish(terms, channel, image, OutputRange(call.node), result, index);
        }
      }
    }
  }
  return std::vector{std::move(result)};
}

}  // namespace

Result<std::vector<Tensor>> Conv2d(const Call& call) { return Convolve(call, false); }
Result<std::vector<Tensor>> DepthwiseConv2d(const Call& call) { return Convolve(call, true); }

}  // namespace switchyard::conformance::reference
