#include "test/conformance/convolution.h"

#include <format>
#include <utility>

namespace switchyard::conformance {
namespace {

// The output's bounds of one axis.
size_t OutputSize(const ConvolutionSpec& spec, size_t input, size_t kernel, size_t stride,
                  size_t dilation, size_t padding, size_t adjustment) {
  const size_t reach = (kernel - 1) * dilation + 1;
  if (spec.kind == NodeKind::kConvTranspose2d) {
    return (input - 1) * stride + reach + adjustment - padding;
  }
  if ((spec.flags & kFlagTensorFlowSamePadding) != 0) return (input + stride - 1) / stride;
  return (input + padding - reach) / stride + 1;
}

Built Build(const ConvolutionSpec& spec, Random& random) {
  const ConvolutionAttributes& a = spec.attributes;
  const bool depthwise = spec.kind == NodeKind::kDepthwiseConv2d;
  const size_t in = size_t{a.groups} * a.group_input_channels;
  const size_t out = size_t{a.groups} * a.group_output_channels;
  const size_t depth = size_t{a.kernel_height} * a.kernel_width * a.group_input_channels;
  Operands operands(spec.format, spec.style, depth, random);
  test::GraphBuilder b;
  const Dims input{spec.batch, spec.height, spec.width, in};
  const Dims output{
      spec.batch,
      OutputSize(spec, spec.height, a.kernel_height, a.stride_height, a.dilation_height,
                 a.padding_top + a.padding_bottom, a.adjustment_height),
      OutputSize(spec, spec.width, a.kernel_width, a.stride_width, a.dilation_width,
                 a.padding_left + a.padding_right, a.adjustment_width),
      out};
  const ValueIndex x = operands.AddInput(b, input, 3);
  const Dims filter = depthwise
                          ? Dims{1, a.kernel_height, a.kernel_width, out}
                          : Dims{out, a.kernel_height, a.kernel_width, a.group_input_channels};
  const ValueIndex w = operands.AddWeights(b, filter, depthwise ? 3 : 0);
  std::vector<ValueIndex> inputs{x, w};
  if (spec.bias) inputs.push_back(operands.AddBias(b, out));
  const ValueIndex y = b.Output(operands.type(), output, operands.output_quantization());
  Node& node = b.Add(spec.kind, inputs, {y}, a);
  node.flags = spec.flags;
  node.output_min = spec.min * operands.spread();
  node.output_max = spec.max * operands.spread();
  Built built{b.Build(), {}};
  for (const Dims& dims : spec.runs.empty() ? std::vector{input} : spec.runs) {
    // Dynamic quantization is by image, everything else varies by pixel.
    const size_t row = operands.is_dynamic() ? dims[1] * dims[2] * in : in;
    built.runs.emplace_back().push_back(operands.MakeInput(dims.span(), row));
  }
  return built;
}

}  // namespace

Case ConvolutionCase(std::string_view op, std::string_view what, const ConvolutionSpec& spec,
                     bool must_pass) {
  return {.name = std::format("{}.{}.{}.{}", op, Name(spec.format), what, Name(spec.style)),
          .build = [spec](Random& random) { return Build(spec, random); },
          .must_pass = must_pass,
          .data = IsExact(spec.style) ? Data::kBitwise : Data::kRounded};
}

}  // namespace switchyard::conformance
