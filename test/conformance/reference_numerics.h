// How numbers are rounded, and when sums of them are exact.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "runtime/base/float16.h"

namespace switchyard::conformance::reference {

// Units in the last place of 1, halved: the relative error of one rounding to nearest.
inline constexpr double kF32Unit = 0x1p-24;
inline constexpr double kF16Unit = 0x1p-11;
inline constexpr double kBF16Unit = 0x1p-8;
// The smallest normal numbers: what flushing one below them to 0 may lose.
inline constexpr double kF32Normal = 0x1p-126;
inline constexpr double kF16Normal = 0x1p-14;
// The largest finite numbers.
inline constexpr double kF32Max = 0x1.fffffep127;
inline constexpr double kF16Max = 65504;

inline double RoundToF16(double value) {
  // Double to float to half would round twice; a halfway case of the first step is moved off it.
  const float nearest = static_cast<float>(value);
  float odd = nearest;
  if (static_cast<double>(nearest) != value && std::isfinite(nearest) &&
      (std::bit_cast<uint32_t>(nearest) & 1) == 0) {
    odd = std::nextafter(nearest, static_cast<double>(nearest) < value
                                      ? std::numeric_limits<float>::infinity()
                                      : -std::numeric_limits<float>::infinity());
  }
  return F32FromF16(F16FromF32(odd));
}

inline bool IsSubnormal(double value, bool f16) {
  return value != 0 && std::abs(value) < (f16 ? kF16Normal : kF32Normal);
}

inline bool IsPowerOfTwo(double value) {
  int exponent = 0;
  return value > 0 && std::frexp(value, &exponent) == 0.5;
}

// A sum of numbers with what is needed to bound it.
class Sum {
 public:
  void Add(double term) {
    if (term == 0) return;
    value_ += term;
    magnitude_ += std::abs(term);
    ++terms_;
    lowest_ = std::min(lowest_, LowestBit(term));
  }

  double value() const { return value_; }
  // Of the absolute values.
  double magnitude() const { return magnitude_; }
  // How many are not 0.
  size_t terms() const { return terms_; }

  // True if adding the terms in arithmetic of `digits` binary digits, with numbers that are
  // multiples of 2^min_exponent, gives `value` without a rounding, in whatever order: every partial
  // sum is a multiple of the terms' lowest bit, and none exceeds 2^digits such multiples.
  bool IsExact(int digits, int min_exponent) const {
    if (terms_ == 0) return true;
    if (!std::isfinite(magnitude_) || lowest_ < min_exponent) return false;
    return magnitude_ <= std::ldexp(1.0, lowest_ + digits);
  }

 private:
  static int LowestBit(double term) {
    const auto bits = std::bit_cast<uint64_t>(term);
    const uint64_t mantissa = bits & ((uint64_t{1} << 52) - 1);
    const int exponent = static_cast<int>(bits >> 52 & 0x7FF);
    if (exponent == 0) return -1074 + std::countr_zero(mantissa);
    return exponent - 1075 + std::countr_zero(mantissa | uint64_t{1} << 52);
  }

  double value_ = 0, magnitude_ = 0;
  size_t terms_ = 0;
  int lowest_ = std::numeric_limits<int>::max();
};

}  // namespace switchyard::conformance::reference
