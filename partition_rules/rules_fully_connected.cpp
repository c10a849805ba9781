// FullyConnected: input [..., IC] x weights [OC, IC], or [IC, OC] with flag 0x1, + bias [OC].

#include "partition_rules/constraints.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

using enum DataType;
using Found = Constraint::Finding;

bool RhsIsKxn(const Subject& subject) { return subject.node().flags & kFlagTransposeWeights; }

size_t OutputChannels(const Subject& subject) {
  return subject.weights_shape()[RhsIsKxn(subject) ? 1 : 0];
}
size_t InputChannels(const Subject& subject) {
  return subject.weights_shape()[RhsIsKxn(subject) ? 0 : 1];
}

// Rows, columns and depth are all at least 1 at the bounds; weights without elements there are
// none.
Finding InputIsNotEmpty(const Subject& subject) {
  const Dims& dims = subject.input_shape();
  if (dims.NumElements() != 0) return std::nullopt;
  return Found{ToString(dims), "at least 1 in each dimension"};
}

// Whoever makes a dynamically quantized value is a Convert; packing takes over its work.
Finding SourceIsFloat(const Subject& subject) {
  const auto source = QuantizationSource(subject.graph, subject.index, subject.node().inputs[0]);
  if (!source) return Found{"made by no Convert", "one of fp32 or fp16"};
  const DataType type = subject.graph.values[*source].type;
  if (type == kF32 || type == kF16) return std::nullopt;
  return Found{Format("a Convert of {}", Name(type)), "one of fp32 or fp16"};
}

// Shape inference refuses anything else for the stock operator's sake; packing needs it itself.
Finding RowsAreQuantizedOneByOne(const Subject& subject) {
  const auto* tokens = std::get_if<PerTokenQuantization>(&subject.input().quantization);
  const uint32_t dims = tokens != nullptr ? tokens->num_nonbatch_dims : 0;
  if (dims == 1) return std::nullopt;
  return Found{Format("{} dimensions share parameters", dims), "1: one set for each row"};
}

Finding GroupSizeFits(const Subject& subject) {
  const auto* groups = std::get_if<PerGroupQuantization>(&subject.weights().quantization);
  const size_t k = InputChannels(subject), size = groups != nullptr ? groups->group_size : 0;
  if (size > 0 && size % 32 == 0 && k % size == 0) return std::nullopt;
  return Found{std::to_string(size),
               Format("a multiple of 32 that divides the {} input channels", k)};
}

GemmProblem Problem(const Subject& subject) {
  const Dims& input = subject.input_shape();
  GemmProblem problem;
  problem.op = GemmOperator::kFullyConnected;
  problem.n = OutputChannels(subject);
  problem.k = InputChannels(subject);
  // Bounds may be too many to count.
  problem.m = CheckedProduct(input.span().first(input.rank() - 1)).value_or(SIZE_MAX);
  problem.rhs_is_kxn = RhsIsKxn(subject);
  problem.lhs_type = subject.input().type;
  if (problem.lhs_type == kQDInt8) {
    const auto source = QuantizationSource(subject.graph, subject.index, subject.node().inputs[0]);
    problem.lhs_type = subject.graph.values[*source].type;
  }
  if (const auto* groups = std::get_if<PerGroupQuantization>(&subject.weights().quantization)) {
    problem.block_length = groups->group_size;
  }
  return problem;
}

constexpr Constraint kConstraints[] = {
    {ReasonId::kProductInputConstant, InputIsNotConstant},
    {ReasonId::kProductWeightsConstant, WeightsAreConstant},
    {ReasonId::kProductBiasConstant, BiasIsConstant},
    {ReasonId::kFcEmpty, InputIsNotEmpty},
};
constexpr Constraint kQp8Qc8w[] = {
    {ReasonId::kFcDynamicSource, SourceIsFloat},
    {ReasonId::kFcDynamicRows, RowsAreQuantizedOneByOne},
    {ReasonId::kProductBiasType, BiasIsFloat},
    {ReasonId::kProductOutputType, OutputIsF32},
};
constexpr Constraint kQp8Qb4w[] = {
    {ReasonId::kFcQb4wGroup, GroupSizeFits},
    {ReasonId::kFcDynamicSource, SourceIsFloat},
    {ReasonId::kFcDynamicRows, RowsAreQuantizedOneByOne},
    {ReasonId::kProductBiasType, BiasIsFloat},
    {ReasonId::kProductOutputType, OutputIsF32},
};

constexpr DataType kChannelInt8Weights[] = {kQCInt8};
constexpr DataType kBlockInt4Weights[] = {kQBInt4};

constexpr Rule kRules[] = {
    {Variant::kPf32, kF32, kFloatWeights, kLayerWithF32Output, Problem},
    {Variant::kPf16, kF16, kFloatWeights, kLayerWithF16Output, Problem},
    {Variant::kQp8F32Qc8w, kQDInt8, kChannelInt8Weights, kQp8Qc8w, Problem},
    {Variant::kPqs8Qc8w, kQInt8, kInt8Weights, kLayerOfInt8, Problem},
    {Variant::kQp8F32Qb4w, kQDInt8, kBlockInt4Weights, kQp8Qb4w, Problem},
};

constexpr NodeKind kKinds[] = {NodeKind::kFullyConnected};

}  // namespace

constexpr OperatorRules kFullyConnectedRules = {"FullyConnected", kKinds, /*exclusions=*/{},
                                                kConstraints, kRules};

}  // namespace switchyard
