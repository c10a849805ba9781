// What is compiled for AVX2, FMA3 and F16C. The caller has made sure that this CPU has them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/x86/strips.h"

namespace switchyard::avx2 {

// float.cpp, int8.cpp, int4.cpp. Null where a tile has fewer rows.
extern const x86::FloatStripFunction kPf32[x86::kMaxStripRows], kPf16[x86::kMaxStripRows];
extern const x86::IntegerStripFunction kQc8w[x86::kMaxStripRows], kPqs8[x86::kMaxStripRows];
extern const x86::IntegerStripFunction kQb4w[x86::kMaxStripRows];
void MultiplyPf32Row(const x86::FloatStrip& strip);
void MultiplyPf16Row(const x86::FloatStrip& strip);
void MultiplyQc8wRow(const x86::IntegerStrip& strip);

// rows.cpp: what rows are packed with, for the tiers above as well.
struct Range {
  float low, high;  // with 0
};
Range FindRange(const float* x, size_t count);
// q = clamp(rint(x * s) + zero_point, -128, 127), as QuantizationOf (quantize_row.h) gives s and
// the zero point for the row's range; a NaN becomes -128. As int8; as int16; as uint8 of q + 128.
void QuantizeS8(const float* x, size_t count, float s, float zero_point, int8_t* q);
void QuantizeS16(const float* x, size_t count, float s, float zero_point, int16_t* q);
void QuantizeU8(const float* x, size_t count, float s, float zero_point, uint8_t* q);
// sums[i] = -8 * the sum of q[32 i] to q[32 i + 31]; count is a multiple of 32.
void SumBlocks(const int8_t* q, size_t count, int32_t* sums);
void WidenF16(const uint16_t* from, size_t count, float* to);
// to[i] = from[i] + 128
void OffsetS8(const int8_t* from, size_t count, uint8_t* to);
void WidenS8(const int8_t* from, size_t count, int16_t* to);

}  // namespace switchyard::avx2
