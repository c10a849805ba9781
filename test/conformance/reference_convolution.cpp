#include "test/conformance/reference_nodes.h"
#include "test/conformance/reference_products.h"

namespace switchyard::conformance::reference {
namespace {

enum class Kind { kPlain, kDepthwise, kTransposed };

// Of one axis.
struct Axis {
  size_t input, output, kernel, stride, dilation, padding;
  bool transposed;

  // Where tap `t` of output `o` reads; at least `input` when nothing is there.
  size_t Read(size_t o, size_t t) const {
    if (!transposed) {
      const size_t position = o * stride + t * dilation;
      return position < padding ? input : position - padding;
    }
    // Input i adds to output i * stride + t * dilation - padding.
    const size_t position = o + padding, reach = t * dilation;
    if (position < reach || (position - reach) % stride != 0) return input;
    return (position - reach) / stride;
  }
};

// `before` and `after` are the paddings. Errors: InvalidArgument when the kernel is larger.
Result<Axis> MakeAxis(Kind kind, size_t input, size_t kernel, size_t stride, size_t dilation,
                      size_t before, size_t after, size_t adjustment, bool same) {
  const size_t reach = (kernel - 1) * dilation + 1;
  Axis axis{input, 0, kernel, stride, dilation, before, kind == Kind::kTransposed};
  if (input == 0) return axis;
  if (kind == Kind::kTransposed) {
    const size_t whole = (input - 1) * stride + reach + adjustment;
    axis.output = whole > before + after ? whole - before - after : 0;
  } else if (same) {
    // As TensorFlow has it: one output for each stride, the odd padding at the end.
    axis.output = (input + stride - 1) / stride;
    const size_t needed = (axis.output - 1) * stride + reach;
    axis.padding = needed > input ? (needed - input) / 2 : 0;
  } else {
    const size_t padded = input + before + after;
    if (padded < reach) {
      return Fail(ErrorCode::kInvalidArgument, "a kernel that reaches {} over {}", reach, padded);
    }
    axis.output = (padded - reach) / stride + 1;
  }
  return axis;
}

// The filter is [OC, KH, KW, input channels of a group], of a depthwise one [1, KH, KW, OC].
Result<std::vector<Tensor>> Convolve(const Call& call, Kind kind) {
  const Tensor& input = *call.inputs[0];
  const Tensor& filter = *call.inputs[1];
  const Tensor* bias = call.inputs.size() > 2 ? call.inputs[2] : nullptr;
  const auto& a = std::get<ConvolutionAttributes>(call.node.attributes);
  const bool depthwise = kind == Kind::kDepthwise;
  const size_t group_in = a.group_input_channels, group_out = a.group_output_channels;
  const size_t in_channels = group_in * a.groups, out_channels = group_out * a.groups;
  if (input.dims.rank() != 4 || input.dims[3] != in_channels) {
    return Fail(ErrorCode::kInvalidArgument, "convolution of {} with {} input channels",
                ToString(input.dims), in_channels);
  }
  const bool same = (call.node.flags & kFlagTensorFlowSamePadding) != 0;
  SWITCHYARD_ASSIGN(const Axis y, MakeAxis(kind, input.dims[1], a.kernel_height, a.stride_height,
                                           a.dilation_height, a.padding_top, a.padding_bottom,
                                           a.adjustment_height, same));
  SWITCHYARD_ASSIGN(const Axis x,
                    MakeAxis(kind, input.dims[2], a.kernel_width, a.stride_width, a.dilation_width,
                             a.padding_left, a.padding_right, a.adjustment_width, same));
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

Result<std::vector<Tensor>> Conv2d(const Call& call) { return Convolve(call, Kind::kPlain); }
Result<std::vector<Tensor>> DepthwiseConv2d(const Call& call) {
  return Convolve(call, Kind::kDepthwise);
}
Result<std::vector<Tensor>> ConvTranspose2d(const Call& call) {
  return Convolve(call, Kind::kTransposed);
}

}  // namespace switchyard::conformance::reference
