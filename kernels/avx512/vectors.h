// Vectors of 16 columns, of which the last may be fewer.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace switchyard::avx512 {
namespace {

// Of columns at to at + 15 those below n.
inline __mmask16 FirstColumns(size_t at, size_t n) {
  return n >= at + 16 ? __mmask16{0xFFFF} : static_cast<__mmask16>(0xFFFFu >> (16 - (n - at)));
}

inline __m512 LoadFloats(const std::byte* from) {
  return _mm512_loadu_ps(reinterpret_cast<const float*>(from));
}
inline __m512i LoadIntegers(const std::byte* from) {
  return _mm512_loadu_si512(reinterpret_cast<const __m512i*>(from));
}

// A NaN stays one.
inline __m512 Clamp(__m512 value, __m512 min, __m512 max) {
  return _mm512_min_ps(max, _mm512_max_ps(min, value));
}

}  // namespace
}  // namespace switchyard::avx512
