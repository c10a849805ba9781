// How sums of qc8w and pqs8 start, and what becomes of them: sixteen columns of a row.
#pragma once

#include "kernels/avx512/vectors.h"
#include "kernels/x86/strips.h"

namespace switchyard::avx512 {
namespace {

// What a panel has before its elements, each.
constexpr size_t kColumnHeader = x86::kPanelColumns * 4;

struct Qc8w {
  static constexpr size_t kHeaderBytes = 3 * kColumnHeader;
  static constexpr size_t kOutputBytes = sizeof(float);

  static x86::QuantizedRow RowOf(const std::byte* row, size_t depth) {
    return *reinterpret_cast<const x86::QuantizedRow*>(row + depth);
  }
  static __m512i Start(const std::byte* panel, const x86::QuantizedRow& row) {
    return _mm512_mullo_epi32(LoadIntegers(panel),
                              _mm512_set1_epi32(row.negative_zero_point - 128));
  }
  static void Store(__m512i sum, const std::byte* panel, const x86::QuantizedRow& row,
                    const x86::IntegerStrip& strip, std::byte* out, __mmask16 columns) {
    const __m512 scale =
        _mm512_mul_ps(_mm512_set1_ps(row.scale), LoadFloats(panel + kColumnHeader));
    const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale);
    const __m512 y = _mm512_add_ps(product, LoadFloats(panel + 2 * kColumnHeader));
    _mm512_mask_storeu_ps(reinterpret_cast<float*>(out), columns,
                          Clamp(y, _mm512_set1_ps(strip.min), _mm512_set1_ps(strip.max)));
  }
};

struct Pqs8 {
  static constexpr size_t kHeaderBytes = 2 * kColumnHeader;
  static constexpr size_t kOutputBytes = 1;

  static x86::QuantizedRow RowOf(const std::byte* /*row*/, size_t /*depth*/) { return {}; }
  static __m512i Start(const std::byte* panel, const x86::QuantizedRow& /*row*/) {
    return LoadIntegers(panel);
  }
  static void Store(__m512i sum, const std::byte* panel, const x86::QuantizedRow& /*row*/,
                    const x86::IntegerStrip& strip, std::byte* out, __mmask16 columns) {
    const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), LoadFloats(panel + kColumnHeader));
    // Before the conversion, which rounds to even: a float beyond the bounds is no integer that
    // fits, and the bounds are integers.
    const __m512 clamped = Clamp(scaled, _mm512_set1_ps(strip.min), _mm512_set1_ps(strip.max));
    const __m512i y =
        _mm512_add_epi32(_mm512_cvtps_epi32(clamped), _mm512_set1_epi32(strip.zero_point));
    const __m128i bytes = _mm512_cvtepi32_epi8(y);
    if (columns == 0xFFFF) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    } else {
      _mm_mask_storeu_epi8(out, columns, bytes);
    }
  }
};

}  // namespace
}  // namespace switchyard::avx512
