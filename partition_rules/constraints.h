// The constraints that several operators share.
#pragma once

#include <optional>

#include "partition_rules/rule.h"

namespace switchyard {

using Finding = std::optional<Constraint::Finding>;

// The activations are an argument or computed: a plan moves such values from step to step, and has
// no place for a constant there. Of a dynamically quantized input that is what its Convert reads.
Finding InputIsNotConstant(const Subject& subject);
// The weights are a constant of the payload.
Finding WeightsAreConstant(const Subject& subject);
// The bias is absent or a constant.
Finding BiasIsConstant(const Subject& subject);
// The bias is absent, f32 or f16.
Finding BiasIsFloat(const Subject& subject);
// The bias is absent or int32, per tensor or per channel.
Finding BiasIsInt32(const Subject& subject);
Finding OutputIsF32(const Subject& subject);
Finding OutputIsF16(const Subject& subject);
Finding OutputIsQInt8(const Subject& subject);
// The weights have a zero point of 0.
Finding WeightsAreSymmetric(const Subject& subject);
// input scale * weight scale / output scale, for every channel, is in [2^-32, 64): below, results
// vanish; above, adding the output's zero point could wrap around (kernels saturate to int32
// first). Has no opinion on an output without a scale: OutputIsQInt8 has.
Finding RequantizationScaleIsUsable(const Subject& subject);

// What a variant needs of a layer with weights and a bias, whichever operator it is.
inline constexpr Constraint kLayerWithF32Output[] = {
    {ReasonId::kProductBiasType, BiasIsFloat},
    {ReasonId::kProductOutputType, OutputIsF32},
};
inline constexpr Constraint kLayerWithF16Output[] = {
    {ReasonId::kProductBiasType, BiasIsFloat},
    {ReasonId::kProductOutputType, OutputIsF16},
};
inline constexpr Constraint kLayerOfInt8[] = {
    {ReasonId::kProductWeightZeroPoint, WeightsAreSymmetric},
    {ReasonId::kProductBiasType, BiasIsInt32},
    {ReasonId::kProductOutputType, OutputIsQInt8},
    {ReasonId::kProductRequantization, RequantizationScaleIsUsable},
};

// The weights that a row may name.
inline constexpr DataType kFloatWeights[] = {DataType::kF32, DataType::kF16};
inline constexpr DataType kInt8Weights[] = {DataType::kQCInt8, DataType::kQInt8};

}  // namespace switchyard
