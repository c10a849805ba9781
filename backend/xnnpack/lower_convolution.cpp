#include "backend/xnnpack/lowering.h"
#include "backend/xnnpack/weights.h"

namespace switchyard {
namespace {

using enum DataType;

constexpr ProductTypes kStaticTypes[] = {
    {kF32, kF32, kF32, kF32},
    {kF16, kF32, kF32, kF16},
    {kQInt8, kQCInt8, kQCInt32, kQInt8},
    {kQInt8, kQInt8, kQInt32, kQInt8},
    {kQUInt8, kQUInt8, kQInt32, kQUInt8},
};
constexpr ProductTypes kDynamicTypes[] = {
    {kQDInt8, kQCInt8, kF32, kF32},
    {kQDInt8, kQCInt8, kF32, kF16},
};
constexpr ProductTypes kTransposedDynamicTypes[] = {{kQDInt8, kQCInt8, kF32, kF32}};

// What all kinds of convolution have in common, but for the filter's dims.
Status CheckConvolution(const Lowering& lowering) {
  const ConvolutionAttributes& a = lowering.attributes<ConvolutionAttributes>();
  if (lowering.input(0).dims.rank() != 4 || lowering.output().dims.rank() != 4) {
    return lowering.Unsupported("input {} and output {}, expected four dimensions (NHWC)",
                                ToString(lowering.input(0).dims), ToString(lowering.output().dims));
  }
  if (a.kernel_height == 0 || a.kernel_width == 0 || a.stride_height == 0 || a.stride_width == 0 ||
      a.dilation_height == 0 || a.dilation_width == 0 || a.groups == 0 ||
      a.group_input_channels == 0 || a.group_output_channels == 0) {
    return Fail(ErrorCode::kInvalidProgram,
                "{}: a kernel size, stride, dilation, group or channel count is zero; export again",
                lowering.DescribeNode());
  }
  // One set of quantization parameters for each image is what the micro-kernels read.
  const auto* rows = std::get_if<PerTokenQuantization>(&lowering.input(0).quantization);
  if (rows != nullptr && rows->num_nonbatch_dims != 3) {
    return lowering.Unsupported(
        "input quantized over its last {} dimensions, expected three; export again",
        rows->num_nonbatch_dims);
  }
  return lowering.RequireRange(/*may_be_empty=*/false);
}

std::span<const ProductTypes> TypesFor(const Lowering& lowering,
                                       std::span<const ProductTypes> dynamic) {
  return lowering.input(0).type == kQDInt8 ? dynamic : std::span<const ProductTypes>(kStaticTypes);
}

uint32_t PaddingFlag(const Lowering& lowering) {
  return lowering.node().flags & kFlagTensorFlowSamePadding;
}

}  // namespace

Status LowerConvolution(Lowering& lowering) {
  SWITCHYARD_TRY(CheckConvolution(lowering));
  const Node& node = lowering.node();
  const ConvolutionAttributes& a = lowering.attributes<ConvolutionAttributes>();
  const size_t output_channels = size_t{a.groups} * a.group_output_channels;
  const Dims filter = {output_channels, a.kernel_height, a.kernel_width, a.group_input_channels};
  SWITCHYARD_TRY(CheckWeights(lowering, filter, output_channels, /*quantized_dim=*/0));
  SWITCHYARD_ASSIGN(const WeightIds ids, DefineProduct(lowering, TypesFor(lowering, kDynamicTypes),
                                                       /*computed_weights=*/false));
  return lowering.Check(xnn_define_convolution_2d(
      lowering.subgraph(), a.padding_top, a.padding_right, a.padding_bottom, a.padding_left,
      a.kernel_height, a.kernel_width, a.stride_height, a.stride_width, a.dilation_height,
      a.dilation_width, a.groups, a.group_input_channels, a.group_output_channels, node.output_min,
      node.output_max, ids.input, ids.filter, ids.bias, ids.output, PaddingFlag(lowering)));
}

Status LowerDepthwiseConvolution(Lowering& lowering) {
  SWITCHYARD_TRY(CheckConvolution(lowering));
  const Node& node = lowering.node();
  const ConvolutionAttributes& a = lowering.attributes<ConvolutionAttributes>();
  if (a.group_output_channels % a.group_input_channels != 0) {
    return lowering.Unsupported(
        "{} output channels for {} input channels of a group, expected a "
        "multiple; export it as Conv2d",
        a.group_output_channels, a.group_input_channels);
  }
  const uint32_t multiplier = a.group_output_channels / a.group_input_channels;
  const size_t output_channels = size_t{a.groups} * multiplier;
  const Dims filter = {1, a.kernel_height, a.kernel_width, output_channels};
  SWITCHYARD_TRY(CheckWeights(lowering, filter, output_channels, /*quantized_dim=*/3));
  SWITCHYARD_ASSIGN(const WeightIds ids,
                    DefineProduct(lowering, kStaticTypes, /*computed_weights=*/false));
  return lowering.Check(xnn_define_depthwise_convolution_2d(
      lowering.subgraph(), a.padding_top, a.padding_right, a.padding_bottom, a.padding_left,
      a.kernel_height, a.kernel_width, a.stride_height, a.stride_width, a.dilation_height,
      a.dilation_width, multiplier, a.groups, node.output_min, node.output_max, ids.input,
      ids.filter, ids.bias, ids.output, PaddingFlag(lowering)));
}

Status LowerTransposedConvolution(Lowering& lowering) {
  SWITCHYARD_TRY(CheckConvolution(lowering));
  const Node& node = lowering.node();
  const ConvolutionAttributes& a = lowering.attributes<ConvolutionAttributes>();
  const size_t output_channels = size_t{a.groups} * a.group_output_channels;
  const Dims filter = {output_channels, a.kernel_height, a.kernel_width, a.group_input_channels};
  SWITCHYARD_TRY(CheckWeights(lowering, filter, output_channels, /*quantized_dim=*/0));
  SWITCHYARD_ASSIGN(const WeightIds ids,
                    DefineProduct(lowering, TypesFor(lowering, kTransposedDynamicTypes),
                                  /*computed_weights=*/false));
  return lowering.Check(xnn_define_deconvolution_2d(
      lowering.subgraph(), a.padding_top, a.padding_right, a.padding_bottom, a.padding_left,
      a.adjustment_height, a.adjustment_width, a.kernel_height, a.kernel_width, a.stride_height,
      a.stride_width, a.dilation_height, a.dilation_width, a.groups, a.group_input_channels,
      a.group_output_channels, node.output_min, node.output_max, ids.input, ids.filter, ids.bias,
      ids.output, /*flags=*/0));
}

}  // namespace switchyard
