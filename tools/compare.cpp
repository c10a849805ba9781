#include "tools/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace switchyard::tools {
namespace {

// Of integers that a double does not have all of.
template <typename T>
double IntegerError(const Array& got, const Array& expected, size_t i) {
  T a, b;
  std::memcpy(&a, got.data.data() + i * sizeof(T), sizeof(T));
  std::memcpy(&b, expected.data.data() + i * sizeof(T), sizeof(T));
  const auto [small, large] = std::minmax(a, b);
  return static_cast<double>(static_cast<uint64_t>(large) - static_cast<uint64_t>(small));
}

double AbsError(double got, double expected) {
  if (got == expected || (std::isnan(got) && std::isnan(expected))) return 0;
  double error = std::abs(got - expected);
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

// How much of its tolerance an element uses up: it passes at 1 or less.
double Use(double error, double tolerance) {
  if (error == 0) return 0;
  // Also where the tolerance is infinite or NaN because the expected value is.
  if (!std::isfinite(error) || !(tolerance > 0)) return std::numeric_limits<double>::infinity();
  return error / tolerance;
}

std::string IndexText(size_t flat, const std::vector<size_t>& shape) {
  std::vector<size_t> index(shape.size());
  for (size_t i = shape.size(); i-- > 0;) {
    index[i] = flat % shape[i];
    flat /= shape[i];
  }
  return ShapeText(index);
}

}  // namespace

Comparison Compare(const Array& got, const Array& expected, const Tolerance& tolerance) {
  Comparison result;
  if (got.type != expected.type || got.shape != expected.shape) {
    result.mismatch = Describe(got) + ", expected " + Describe(expected);
    return result;
  }
  double worst_use = -1;
  bool pass = true;
  double dot = 0, got_square = 0, expected_square = 0;
  for (size_t i = 0; i < expected.NumNumbers(); ++i) {
    double a = got.At(i);
    double b = expected.At(i);
    double error = got.type == ArrayType::kInt64    ? IntegerError<int64_t>(got, expected, i)
                   : got.type == ArrayType::kUInt64 ? IntegerError<uint64_t>(got, expected, i)
                                                    : AbsError(a, b);
    double allowed = tolerance.atol + tolerance.rtol * std::abs(b);
    pass = pass && (error == 0 || (std::isfinite(error) && error <= allowed));
    result.max_abs_error = std::max(result.max_abs_error, error);
    if (double use = Use(error, allowed); use > worst_use) {
      worst_use = use;
      result.worst = i;
      result.worst_got = a;
      result.worst_expected = b;
      result.worst_tolerance = allowed;
    }
    dot += a * b;
    got_square += a * a;
    expected_square += b * b;
  }
  if (expected.NumNumbers() > 0) {
    result.worst_index = IndexText(result.worst / ElementNumbers(expected.type), expected.shape);
  }
  if (tolerance.min_cosine) {
    double norm = std::sqrt(got_square) * std::sqrt(expected_square);
    // Two arrays of zeros agree.
    result.cosine = got_square == 0 && expected_square == 0 ? 1.0 : dot / norm;
    pass = pass && *result.cosine >= *tolerance.min_cosine;
  }
  result.pass = pass;
  return result;
}

}  // namespace switchyard::tools
