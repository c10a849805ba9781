// Conv2d: input [N, H, W, C] NHWC, filter [OC, KH, KW, C / groups] (or [1, KH, KW, OC] of a
// depthwise node with one group, which is an ordinary convolution of one input channel).

#include "partition_rules/constraints.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"

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

Finding IsNotTransposed(const Subject& subject) {
  if (subject.node().kind != NodeKind::kConvTranspose2d) return std::nullopt;
  return Found{"a transposed one", "an ordinary one"};
}

// With one group, a depthwise node is an ordinary convolution of one input channel. With more, each
// group of an input and an output channel is a product with a single column, whatever the node is
// called.
Finding IsNotDepthwise(const Subject& subject) {
  const ConvolutionAttributes& a = Attributes(subject);
  const bool is_depthwise =
      IsDepthwiseNode(subject) || (a.group_input_channels == 1 && a.group_output_channels == 1);
  if (!is_depthwise || a.groups == 1) return std::nullopt;
  return Found{Format("{} groups", a.groups), "one"};
}

Finding InputIsNotDynamic(const Subject& subject) {
  if (subject.input().type != kQDInt8) return std::nullopt;
  return Found{"dynamically quantized activations", "fp32, fp16 or statically quantized ones"};
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
  // Bounds may be too many to count.
  problem.m = CheckedProduct(output.span().first(3)).value_or(SIZE_MAX);
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

constexpr Constraint kExclusions[] = {
    {ReasonId::kConvTransposed, IsNotTransposed},
    {ReasonId::kConvDepthwise, IsNotDepthwise},
    {ReasonId::kConvDynamicQuantization, InputIsNotDynamic},
};
constexpr Constraint kConstraints[] = {
    {ReasonId::kProductInputConstant, InputIsNotConstant},
    {ReasonId::kProductWeightsConstant, WeightsAreConstant},
    {ReasonId::kProductBiasConstant, BiasIsConstant},
    {ReasonId::kConvSamePadding, PaddingIsExplicit},
};

constexpr Rule kRules[] = {
    {Variant::kPf32, kF32, kFloatWeights, kLayerWithF32Output, Problem},
    {Variant::kPf16, kF16, kFloatWeights, kLayerWithF16Output, Problem},
    {Variant::kPqs8Qc8w, kQInt8, kInt8Weights, kLayerOfInt8, Problem},
};

constexpr NodeKind kKinds[] = {NodeKind::kConv2d, NodeKind::kDepthwiseConv2d,
                               NodeKind::kConvTranspose2d};

}  // namespace

constexpr OperatorRules kConv2dRules = {"Conv2d", kKinds, kExclusions, kConstraints, kRules};

}  // namespace switchyard
