#include "runtime/base/float16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace switchyard {
namespace {

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }
float FromBits(uint32_t bits) { return std::bit_cast<float>(bits); }

// Values at which rounding to a grid of `kept` 16-bit patterns decides: every positive number of
// the format, the midpoint to the next one, and the f32 neighbours of both.
template <typename ToF32>
std::vector<float> DecisivePoints(ToF32 to_f32, uint16_t first_infinite) {
  std::vector<float> points;
  for (uint32_t bits = 0; bits < first_infinite; ++bits) {
    const float here = to_f32(static_cast<uint16_t>(bits));
    const float next = to_f32(static_cast<uint16_t>(bits + 1));
    const float middle = std::isinf(next)
                             ? here + (here - to_f32(static_cast<uint16_t>(bits - 1))) / 2
                             : static_cast<float>((static_cast<double>(here) + next) / 2);
    for (float value : {here, middle}) {
      points.push_back(value);
      points.push_back(std::nextafterf(value, INFINITY));
      points.push_back(std::nextafterf(value, -INFINITY));
    }
  }
  return points;
}

std::vector<float> RandomBitPatterns(size_t count) {
  std::mt19937 random(20240607);
  std::vector<float> values(count);
  for (float& value : values) value = FromBits(static_cast<uint32_t>(random()));
  return values;
}

// The compiler's own conversion.
uint16_t ReferenceF16(float value) { return std::bit_cast<uint16_t>(static_cast<_Float16>(value)); }

// The nearer neighbour by distance in f64, the even one of two.
uint16_t ReferenceBF16(float value) {
  const auto below = static_cast<uint16_t>(Bits(value) >> 16);  // towards zero
  const auto above = static_cast<uint16_t>(below + 1);
  const auto magnitude = [](uint16_t bits) {
    // What would follow the largest number stands for infinity.
    const double next = std::ldexp(1.0, 128);
    return (bits & 0x7FFF) == 0x7F80 ? next : std::fabs(static_cast<double>(F32FromBF16(bits)));
  };
  if (std::isinf(value)) return below;
  const double to_below = std::fabs(static_cast<double>(value)) - magnitude(below);
  const double to_above = magnitude(above) - std::fabs(static_cast<double>(value));
  if (to_below != to_above) return to_below < to_above ? below : above;
  return (below & 1) == 0 ? below : above;
}

TEST(RuntimeFloat16, F16ToF32IsExactForEveryPattern) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const auto expected = static_cast<float>(std::bit_cast<_Float16>(half));
    const float actual = F32FromF16(half);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual)) << std::hex << bits;
    } else {
      ASSERT_EQ(Bits(actual), Bits(expected)) << std::hex << bits;
    }
  }
}

TEST(RuntimeFloat16, F16RoundTripKeepsEveryPattern) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const bool is_nan = (bits & 0x7C00) == 0x7C00 && (bits & 0x3FF) != 0;
    ASSERT_EQ(F16FromF32(F32FromF16(half)), is_nan ? half | 0x200 : half) << std::hex << bits;
  }
}

TEST(RuntimeFloat16, F16FromF32RoundsToNearestEvenWhereItDecides) {
  for (float value : DecisivePoints(F32FromF16, 0x7C00)) {
    ASSERT_EQ(F16FromF32(value), ReferenceF16(value)) << std::hexfloat << value;
    ASSERT_EQ(F16FromF32(-value), ReferenceF16(-value)) << std::hexfloat << -value;
  }
}

TEST(RuntimeFloat16, F16FromF32AgreesOnRandomPatterns) {
  for (float value : RandomBitPatterns(500'000)) {
    if (std::isnan(value)) continue;
    ASSERT_EQ(F16FromF32(value), ReferenceF16(value)) << std::hexfloat << value;
  }
}

TEST(RuntimeFloat16, F16Limits) {
  EXPECT_EQ(F16FromF32(65504.0f), 0x7BFF);
  EXPECT_EQ(F16FromF32(std::nextafterf(65520.0f, 0.0f)), 0x7BFF);
  EXPECT_EQ(F16FromF32(65520.0f), 0x7C00);
  EXPECT_EQ(F16FromF32(-std::numeric_limits<float>::infinity()), 0xFC00);
  EXPECT_EQ(F16FromF32(0x1p-24f), 0x0001);
  EXPECT_EQ(F16FromF32(0x1p-25f), 0x0000);
  EXPECT_EQ(F16FromF32(-0.0f), 0x8000);
  // A signalling NaN whose payload is all in the bits that are dropped stays a NaN.
  EXPECT_EQ(F16FromF32(FromBits(0xFF800001)), 0xFE00);
}

TEST(RuntimeFloat16, BF16RoundTripKeepsEveryPattern) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const auto brain = static_cast<uint16_t>(bits);
    ASSERT_EQ(Bits(F32FromBF16(brain)), bits << 16);
    const bool is_nan = (bits & 0x7F80) == 0x7F80 && (bits & 0x7F) != 0;
    ASSERT_EQ(BF16FromF32(F32FromBF16(brain)), is_nan ? brain | 0x40 : brain) << std::hex << bits;
  }
}

TEST(RuntimeFloat16, BF16FromF32RoundsToNearestEvenWhereItDecides) {
  for (float value : DecisivePoints(F32FromBF16, 0x7F80)) {
    ASSERT_EQ(BF16FromF32(value), ReferenceBF16(value)) << std::hexfloat << value;
    ASSERT_EQ(BF16FromF32(-value), ReferenceBF16(-value)) << std::hexfloat << -value;
  }
}

TEST(RuntimeFloat16, BF16FromF32AgreesOnRandomPatterns) {
  for (float value : RandomBitPatterns(500'000)) {
    if (std::isnan(value)) continue;
    ASSERT_EQ(BF16FromF32(value), ReferenceBF16(value)) << std::hexfloat << value;
  }
}

TEST(RuntimeFloat16, BF16Limits) {
  EXPECT_EQ(BF16FromF32(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(BF16FromF32(-std::numeric_limits<float>::infinity()), 0xFF80);
  EXPECT_EQ(BF16FromF32(FromBits(0x7F800001)), 0x7FC0);
  static_assert(BF16FromF32(1.0f) == 0x3F80 && F16FromF32(1.0f) == 0x3C00);
}

}  // namespace
}  // namespace switchyard
