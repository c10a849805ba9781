// What the rows of the x86-64 tiers have in common (strips.h). Metadata, on every host.
#pragma once

#include "kernels/gemm/row.h"
#include "kernels/x86/strips.h"

namespace switchyard::x86 {

// Rows of activations are packed one by one.
inline constexpr Extent kOneRow = {.fixed = 1};
inline constexpr Extent kColumns = {.fixed = kPanelColumns};

// Floats: a bias of f32. The depth of a piece: 16 columns of it stay in L1 beside the rows.
inline constexpr PackedVector kFloatColumn = {.bytes = 4};
inline constexpr uint16_t kFloatDepth = 512;
constexpr uint16_t CopiedRowsBytes(uint16_t rows) {
  return static_cast<uint16_t>(rows * kFloatDepth * sizeof(float));
}
// Sum, scale and bias; start and factor; sum and bias, and a scale for each block.
inline constexpr PackedVector kQc8wColumn = {.bytes = 12};
inline constexpr PackedVector kPqs8Column = {.bytes = 8};
inline constexpr PackedVector kQb4wColumn = {.bytes = 8, .block_bytes = 2};
// int4: int8, and 32 bits for each 32 of them.
inline constexpr PackedVector kQb4wRow = {.element_bits = 9, .bytes = sizeof(QuantizedRow)};

}  // namespace switchyard::x86
