// What matrix products of the packed variants must give: scalar, in double or exact integers, and
// independent of how a kernel packs or splits. The bounds follow from the number of roundings.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace switchyard::test {

// Row-major.
template <typename T>
struct Matrix {
  size_t rows = 0, columns = 0;
  std::vector<T> values;

  Matrix() = default;
  Matrix(size_t r, size_t c) : rows(r), columns(c), values(r * c) {}
  T& operator()(size_t i, size_t j) { return values[i * columns + j]; }
  const T& operator()(size_t i, size_t j) const { return values[i * columns + j]; }
  std::span<const T> row(size_t i) const { return std::span(values).subspan(i * columns, columns); }
};

struct ReferenceValue {
  double value;
  double bound;  // of the absolute error
};

inline constexpr double kF32Unit = 0x1p-24;
inline constexpr double kF16Unit = 0x1p-11;

struct Sum {
  double value;
  double magnitude;  // of the terms
};

inline Sum SumOf(const Matrix<float>& lhs, const Matrix<float>& rhs_kxn, size_t i, size_t j,
                 double bias) {
  Sum sum{bias, std::abs(bias)};
  for (size_t k = 0; k < lhs.columns; ++k) {
    const double term = double{lhs(i, k)} * rhs_kxn(k, j);
    sum.value += term;
    sum.magnitude += std::abs(term);
  }
  return sum;
}

// One rounding for each step of k, one for the bias, one at the end.
inline ReferenceValue Pf32Reference(const Sum& sum, size_t k, double min, double max) {
  const double y = std::clamp(sum.value, min, max);
  return {y, (static_cast<double>(k) + 1) * kF32Unit * sum.magnitude + kF32Unit * std::abs(y)};
}

// Products of halves are exact in f32; one rounding to f16 at the end, which below the normal
// numbers is an absolute one.
inline ReferenceValue Pf16Reference(const Sum& sum, size_t k, double min, double max) {
  const double y = std::clamp(sum.value, min, max);
  return {y, static_cast<double>(k) * kF32Unit * sum.magnitude + kF16Unit * std::abs(y) + 0x1p-25};
}

// A row quantized to int8 at run time: x is about (q - zero_point) * scale.
struct QuantizedRow {
  std::vector<int8_t> q;
  int32_t zero_point;
  float scale;
};

// The parameters are exact. An element whose x / scale lies on a tie, up to 4 units in the last
// place, may round either way: `q` then has the larger one and `may_be_less` is set.
struct QuantizedRowReference : QuantizedRow {
  std::vector<bool> may_be_less;
};

// Every step is rounded to float by itself.
inline QuantizedRowReference QuantizeReference(std::span<const float> x) {
  float low = 0, high = 0;
  for (float value : x) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const float range = high - low;
  const float inverse = range == 0 ? 1.0f : 255.0f / range;
  const float scaled_low = low * inverse;
  const float scaled_high = high * inverse;
  const float error_low = -128.0f + scaled_low;
  const float error_high = 127.0f + scaled_high;
  const float zero_point = error_low + error_high > 0 ? -128.0f - scaled_low : 127.0f - scaled_high;
  QuantizedRowReference row;
  row.zero_point = static_cast<int32_t>(std::rint(std::clamp(zero_point, -128.0f, 127.0f)));
  row.scale = 1.0f / inverse;
  for (float value : x) {
    const float scaled = value * inverse;
    const float tolerance = 4 * 0x1p-23f * std::abs(scaled);
    const float distance = std::abs(scaled - std::floor(scaled) - 0.5f);
    const bool is_tie = distance <= tolerance;
    const float rounded = is_tie ? std::ceil(scaled) : std::round(scaled);
    const int32_t q = static_cast<int32_t>(rounded) + row.zero_point;
    row.q.push_back(static_cast<int8_t>(std::clamp(q, -128, 127)));
    row.may_be_less.push_back(is_tie && q > -128 && q <= 128);
  }
  return row;
}

// The sum of (q - zero_point) * w, exactly.
inline int64_t IntegerSum(const QuantizedRow& row, const Matrix<int8_t>& rhs_kxn, size_t j) {
  int64_t sum = 0;
  for (size_t k = 0; k < rhs_kxn.rows; ++k) {
    sum += (int64_t{row.q[k]} - row.zero_point) * rhs_kxn(k, j);
  }
  return sum;
}

// The two ways to finish: each operation rounded by itself, or the last two as one.
struct Qc8wReference {
  float separate, fused;
};
inline Qc8wReference Qc8wReferenceOf(const QuantizedRow& row, const Matrix<int8_t>& rhs_kxn,
                                     size_t j, float weight_scale, float bias, float min,
                                     float max) {
  const float sum = static_cast<float>(IntegerSum(row, rhs_kxn, j));
  const float scale = row.scale * weight_scale;
  const float product = sum * scale;
  const float separate = product + bias;
  const float fused = std::fma(sum, scale, bias);
  return {std::clamp(separate, min, max), std::clamp(fused, min, max)};
}

// `scale(b, j)` is that of block b of column j. The order of the blocks, and of the zero point
// among them, is the kernel's.
inline ReferenceValue Qb4wReference(const QuantizedRow& row, const Matrix<int8_t>& rhs_kxn,
                                    const Matrix<float>& block_scales, size_t block_length,
                                    size_t j, double bias, double min, double max) {
  double sum = 0, magnitude = 0;
  const size_t blocks = rhs_kxn.rows / block_length;
  for (size_t b = 0; b < blocks; ++b) {
    int64_t dot = 0, weights = 0;
    for (size_t k = b * block_length; k < (b + 1) * block_length; ++k) {
      dot += int64_t{row.q[k]} * rhs_kxn(k, j);
      weights += rhs_kxn(k, j);
    }
    const double scale = block_scales(b, j);
    sum += scale * static_cast<double>(dot - row.zero_point * weights);
    magnitude += std::abs(scale) * (std::abs(static_cast<double>(dot)) +
                                    std::abs(static_cast<double>(row.zero_point * weights)));
  }
  const double y = std::clamp(sum * row.scale + bias, min, max);
  const double terms = magnitude * row.scale + std::abs(bias);
  return {y, (static_cast<double>(blocks) + 3) * kF32Unit * terms + kF32Unit * std::abs(y)};
}

// Exactly what the kernels compute: an exact sum, rounded to float, times the factor, to the
// nearest even integer, plus the zero point, clamped.
inline int8_t Pqs8Reference(const Matrix<int8_t>& lhs, int32_t lhs_zero_point,
                            const Matrix<int8_t>& rhs_kxn, size_t i, size_t j, int32_t bias,
                            float factor, int32_t output_zero_point, int32_t min, int32_t max) {
  int64_t sum = bias;
  for (size_t k = 0; k < lhs.columns; ++k) {
    sum += (int64_t{lhs(i, k)} - lhs_zero_point) * rhs_kxn(k, j);
  }
  const float product = static_cast<float>(sum) * factor;
  const int64_t y = static_cast<int64_t>(std::nearbyint(product)) + output_zero_point;
  return static_cast<int8_t>(std::clamp<int64_t>(y, min, max));
}

}  // namespace switchyard::test
