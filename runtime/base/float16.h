// Conversions between f32 and the two 16-bit float formats, which the library carries as bits:
// f16 (IEEE binary16) and bf16 (the upper half of an f32). The same results on every CPU.
#pragma once

#include <bit>
#include <cstdint>

namespace switchyard {

namespace float16_internal {

// value / 2^shift rounded to the nearest integer, ties to even; 1 <= shift <= 24.
constexpr uint32_t ShiftRightNearestEven(uint32_t value, unsigned shift) {
  const uint32_t quotient = value >> shift;
  const uint32_t remainder = value & ((uint32_t{1} << shift) - 1);
  const uint32_t half = uint32_t{1} << (shift - 1);
  return quotient + (remainder > half || (remainder == half && (quotient & 1) != 0));
}

}  // namespace float16_internal

// Rounds to nearest even. Overflow gives infinity, a NaN stays one (quiet, upper payload bits
// kept).
constexpr uint16_t F16FromF32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000;
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000)
    return static_cast<uint16_t>(sign | 0x7E00 | (magnitude >> 13 & 0x3FF));
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7C00);  // 2^16 and above
  if (magnitude <= 0x33000000) return static_cast<uint16_t>(sign);  // up to 2^-25, a tie to zero
  if (magnitude < 0x38800000) {
    // Below 2^-14, the smallest normal number: a multiple of 2^-24.
    const uint32_t mantissa = (magnitude & 0x7FFFFF) | 0x800000;
    const unsigned shift = 126 - (magnitude >> 23);
    return static_cast<uint16_t>(sign | float16_internal::ShiftRightNearestEven(mantissa, shift));
  }
  // Biases are 127 and 15. A carry out of the mantissa goes where it belongs: into the exponent.
  constexpr uint32_t kRebias = uint32_t{127 - 15} << 23;
  return static_cast<uint16_t>(sign |
                               float16_internal::ShiftRightNearestEven(magnitude - kRebias, 13));
}

// Exact. A signalling NaN becomes quiet.
constexpr float F32FromF16(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t exponent = bits >> 10 & 0x1F;
  const uint32_t mantissa = bits & 0x3FF;
  if (exponent == 0x1F) {
    const uint32_t quiet = mantissa != 0 ? 0x400000 : 0;
    return std::bit_cast<float>(sign | 0x7F800000 | quiet | mantissa << 13);
  }
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | (exponent + 127 - 15) << 23 | mantissa << 13);
}

// Rounds to nearest even. Overflow gives infinity, a NaN stays one (quiet, upper payload bits
// kept).
constexpr uint16_t BF16FromF32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>(float16_internal::ShiftRightNearestEven(bits, 16));
}

// Exact.
constexpr float F32FromBF16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// How the elements of a float type are kept, for code that serves several of them: numbers of f32,
// each rounded where it is stored.
struct F32Elements {
  using Bits = float;
  static constexpr float Load(Bits bits) { return bits; }
  static constexpr Bits Store(float number) { return number; }
};
struct F16Elements {
  using Bits = uint16_t;
  static constexpr float Load(Bits bits) { return F32FromF16(bits); }
  static constexpr Bits Store(float number) { return F16FromF32(number); }
};
struct BF16Elements {
  using Bits = uint16_t;
  static constexpr float Load(Bits bits) { return F32FromBF16(bits); }
  static constexpr Bits Store(float number) { return BF16FromF32(number); }
};

}  // namespace switchyard
