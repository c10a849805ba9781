// Conv2d: input [N, H, W, C] NHWC, filter [OC, KH, KW, C / groups] (or [1, KH, KW, OC] of a
// depthwise node with one group, which is an ordinary convolution of one input channel).

#include <format>

#include "partition_rules/constraints.h"

namespace switchyard {
namespace {

using enum DataType;
using Found = Constraint::Finding;

const ConvolutionAttributes& Attributes(const Subject& subject) {
  return std::get<ConvolutionAttributes>(subject.node().attributes);
}

bool IsDepthwiseNode(const Subject& subject) {
  return subject.node().kind == NodeKind::kDepthwiseConv2d;
}

Finding ScalesArePerOutputChannel(const Subject& subject) {
  const auto* channels = std::get_if<PerChannelQuantization>(&subject.weights().quantization);
  if (channels == nullptr) return std::nullopt;
  const uint32_t expected = IsDepthwiseNode(subject) ? 3 : 0;
  if (channels->channel_dim == expected) return std::nullopt;
  return Found{std::format("scales along dimension {}", channels->channel_dim),
               std::format("{}, the output channels", expected)};
}

Finding PaddingIsExplicit(const Subject& subject) {
  if (!(subject.node().flags & kFlagTensorFlowSamePadding)) return std::nullopt;
  return Found{"TensorFlow's SAME padding (flag 0x4)", "explicit padding"};
}

// A pointwise convolution is a FullyConnected problem; the rest goes through indirection, one
// matrix multiplication for each group.
GemmProblem Problem(const Subject& subject) {
  const ConvolutionAttributes& a = Attributes(subject);
  const Dims& output = subject.output_shape();
  GemmProblem problem;
  problem.m = output[0] * output[1] * output[2];
  problem.n = a.group_output_channels;
  problem.taps = size_t{a.kernel_height} * a.kernel_width;
  problem.channels_per_tap = a.group_input_channels;
  problem.k = problem.taps * problem.channels_per_tap;
  problem.groups = a.groups;
  problem.lhs_type = subject.input().type;
  problem.rhs_is_kxn = IsDepthwiseNode(subject);
  problem.op = IsPointwise(subject.node()) ? GemmOperator::kFullyConnected : GemmOperator::kConv2d;
  return problem;
}

constexpr Constraint kPf32[] = {
    {ReasonId::kConvWeightsConstant, WeightsAreConstant},
    {ReasonId::kConvBiasConstant, BiasIsConstant},
    {ReasonId::kConvBiasType, BiasIsFloat},
    {ReasonId::kConvOutputType, OutputIsF32},
    {ReasonId::kConvSamePadding, PaddingIsExplicit},
    {ReasonId::kConvEmpty, ProblemIsNotEmpty},
};
constexpr Constraint kPf16[] = {
    {ReasonId::kConvWeightsConstant, WeightsAreConstant},
    {ReasonId::kConvBiasConstant, BiasIsConstant},
    {ReasonId::kConvBiasType, BiasIsFloat},
    {ReasonId::kConvOutputType, OutputIsF16},
    {ReasonId::kConvSamePadding, PaddingIsExplicit},
    {ReasonId::kConvEmpty, ProblemIsNotEmpty},
};
constexpr Constraint kPqs8[] = {
    {ReasonId::kConvWeightsConstant, WeightsAreConstant},
    {ReasonId::kConvWeightChannels, ScalesArePerOutputChannel},
    {ReasonId::kConvWeightZeroPoint, WeightsAreSymmetric},
    {ReasonId::kConvBiasConstant, BiasIsConstant},
    {ReasonId::kConvBiasType, BiasIsInt32},
    {ReasonId::kConvOutputType, OutputIsQInt8},
    {ReasonId::kConvRequantization, RequantizationScaleIsUsable},
    {ReasonId::kConvSamePadding, PaddingIsExplicit},
    {ReasonId::kConvEmpty, ProblemIsNotEmpty},
};

constexpr DataType kFloatWeights[] = {kF32, kF16};
constexpr DataType kInt8Weights[] = {kQCInt8, kQInt8};

constexpr Rule kRules[] = {
    {GemmOperator::kConv2d, Variant::kPf32, kF32, kFloatWeights, kPf32, Problem},
    {GemmOperator::kConv2d, Variant::kPf16, kF16, kFloatWeights, kPf16, Problem},
    {GemmOperator::kConv2d, Variant::kPqs8Qc8w, kQInt8, kInt8Weights, kPqs8, Problem},
};

}  // namespace

std::span<const Rule> Conv2dRules() { return kRules; }

}  // namespace switchyard
