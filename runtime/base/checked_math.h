// Arithmetic on numbers that come from a file or a host: the result, or nothing when it does not
// fit the type.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace switchyard {

template <std::unsigned_integral T>
constexpr std::optional<T> CheckedAdd(T a, T b) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

template <std::unsigned_integral T>
constexpr std::optional<T> CheckedMultiply(T a, T b) {
  T product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The product of all factors; 1 for none.
template <std::unsigned_integral T>
constexpr std::optional<T> CheckedProduct(std::span<const T> factors) {
  T product = 1;
  for (T factor : factors) {
    if (__builtin_mul_overflow(product, factor, &product)) return std::nullopt;
  }
  return product;
}

template <std::unsigned_integral T>
constexpr T CeilDivide(T a, T b) {
  return a / b + (a % b != 0);
}

template <std::unsigned_integral T>
constexpr std::optional<T> CheckedRoundUp(T a, T multiple) {
  return CheckedMultiply(CeilDivide(a, multiple), multiple);
}

}  // namespace switchyard
