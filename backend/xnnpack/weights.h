// What FullyConnected and the convolutions have in common: which types meet.
#pragma once

#include <cstdint>

#include "backend/xnnpack/lowering.h"

namespace switchyard {

// Types of one matrix product. kInvalid as bias: none is possible.
struct ProductTypes {
  DataType input, filter, bias, output;
};

struct WeightIds {
  uint32_t input, filter, bias, output;
};

// Defines the node's values when its types (after widening of float weights) are a row of
// `allowed`; NotSupported, naming what was found, when they are not. `computed_weights`: the filter
// and bias may be no constants if they are f32.
Result<WeightIds> DefineProduct(Lowering& lowering, std::span<const ProductTypes> allowed,
                                bool computed_weights);

// The filter must have these dims and the bias one element for each output channel: packing reads
// them to their end. `quantized_dim`: along which a per-channel filter has its scales.
Status CheckWeights(const Lowering& lowering, const Dims& filter_dims, size_t output_channels,
                    size_t quantized_dim);

}  // namespace switchyard
