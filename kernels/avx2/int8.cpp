// qc8w and pqs8: tiles of 4 rows and 16 columns. Weights become int16 as they are loaded, rows are
// int16 already; vpmaddwd adds two products each.

#include <immintrin.h>

#include "kernels/avx2/avx2.h"

namespace switchyard::avx2 {
namespace {

using x86::IntegerStrip;
using x86::kPanelColumns;

constexpr int kLanes = 8, kVectors = 2;
// What a panel has before its elements.
constexpr size_t kColumnHeader = kPanelColumns * 4;

__m256i LoadIntegers(const std::byte* from, int v) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from) + v);
}
__m256 LoadFloats(const std::byte* from, int v) {
  return _mm256_loadu_ps(reinterpret_cast<const float*>(from) + v * kLanes);
}

// Adds the products of packed rows and a panel's elements.
template <int kRows>
inline void AddProducts(const std::byte* const* rows, const std::byte* weights, size_t depth,
                        __m256i (&sums)[kRows][kVectors]) {
  for (size_t k = 0; k < depth; k += 2) {
    __m256i w[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const auto* bytes = reinterpret_cast<const __m128i*>(weights + k * kPanelColumns) + v;
      w[v] = _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes));
    }
    for (int i = 0; i < kRows; ++i) {
      const __m256i x =
          _mm256_set1_epi32(*reinterpret_cast<const int32_t*>(rows[i] + k * sizeof(int16_t)));
      for (int v = 0; v < kVectors; ++v) {
        sums[i][v] = _mm256_add_epi32(sums[i][v], _mm256_madd_epi16(x, w[v]));
      }
    }
  }
}

struct Qc8w {
  static constexpr size_t kHeaders = 3;

  static __m256i Start(const std::byte* panel, int v, const x86::QuantizedRow& row) {
    return _mm256_mullo_epi32(LoadIntegers(panel, v), _mm256_set1_epi32(row.negative_zero_point));
  }

  static void Store(const __m256i (&sums)[kVectors], const std::byte* panel,
                    const x86::QuantizedRow& row, const IntegerStrip& strip, std::byte* out,
                    size_t n) {
    for (int v = 0; v < kVectors; ++v) {
      const __m256 scale =
          _mm256_mul_ps(_mm256_set1_ps(row.scale), LoadFloats(panel + kColumnHeader, v));
      const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[v]), scale);
      const __m256 y = _mm256_add_ps(product, LoadFloats(panel + 2 * kColumnHeader, v));
      StoreClamped(y, strip, reinterpret_cast<float*>(out), v * kLanes, n);
    }
  }

  static void StoreClamped(__m256 y, const IntegerStrip& strip, float* to, size_t at, size_t n) {
    const __m256 clamped =
        _mm256_min_ps(_mm256_set1_ps(strip.max), _mm256_max_ps(_mm256_set1_ps(strip.min), y));
    if (n >= at + kLanes) {
      _mm256_storeu_ps(to + at, clamped);
      return;
    }
    const auto left = static_cast<int>(n > at ? n - at : 0);
    const __m256i mask =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(left), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    _mm256_maskstore_ps(to + at, mask, clamped);
  }
};

struct Pqs8 {
  static constexpr size_t kHeaders = 2;

  static __m256i Start(const std::byte* panel, int v, const x86::QuantizedRow& /*row*/) {
    return LoadIntegers(panel, v);
  }

  static void Store(const __m256i (&sums)[kVectors], const std::byte* panel,
                    const x86::QuantizedRow& /*row*/, const IntegerStrip& strip, std::byte* out,
                    size_t n) {
    __m256i y[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const __m256 scaled =
          _mm256_mul_ps(_mm256_cvtepi32_ps(sums[v]), LoadFloats(panel + kColumnHeader, v));
      // Before the conversion, which rounds to even: a float beyond the bounds is no integer that
      // fits, and the bounds are integers.
      const __m256 clamped = _mm256_min_ps(_mm256_set1_ps(strip.max),
                                           _mm256_max_ps(_mm256_set1_ps(strip.min), scaled));
      y[v] = _mm256_add_epi32(_mm256_cvtps_epi32(clamped), _mm256_set1_epi32(strip.zero_point));
    }
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(y[0], y[1]), 0b11'01'10'00);
    const __m128i bytes =
        _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    if (n >= kPanelColumns) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
      return;
    }
    alignas(16) std::byte elements[kPanelColumns];
    _mm_store_si128(reinterpret_cast<__m128i*>(elements), bytes);
    for (size_t i = 0; i < n; ++i) out[i] = elements[i];
  }
};

template <typename Variant, int kRows>
void MultiplyStrip(const IntegerStrip& strip) {
  const std::byte* rows[kRows];
  x86::QuantizedRow quantized[kRows] = {};
  for (int i = 0; i < kRows; ++i) {
    rows[i] = strip.rows + i * strip.row_bytes;
    if constexpr (Variant::kHeaders == Qc8w::kHeaders) {
      quantized[i] =
          *reinterpret_cast<const x86::QuantizedRow*>(rows[i] + strip.depth * sizeof(int16_t));
    }
  }
  constexpr size_t kOutputBytes = Variant::kHeaders == Qc8w::kHeaders ? sizeof(float) : 1;
  const std::byte* panel = strip.panels;
  for (size_t n0 = 0; n0 < strip.n; n0 += kPanelColumns, panel += strip.panel_bytes) {
    __m256i sums[kRows][kVectors];
    for (int i = 0; i < kRows; ++i) {
      for (int v = 0; v < kVectors; ++v) sums[i][v] = Variant::Start(panel, v, quantized[i]);
    }
    AddProducts<kRows>(rows, panel + Variant::kHeaders * kColumnHeader, strip.depth, sums);
    for (int i = 0; i < kRows; ++i) {
      Variant::Store(sums[i], panel, quantized[i], strip,
                     strip.out + i * strip.out_stride + n0 * kOutputBytes, strip.n - n0);
    }
  }
}

}  // namespace

const x86::IntegerStripFunction kQc8w[x86::kMaxStripRows] = {
    MultiplyStrip<Qc8w, 1>, MultiplyStrip<Qc8w, 2>, MultiplyStrip<Qc8w, 3>, MultiplyStrip<Qc8w, 4>};
const x86::IntegerStripFunction kPqs8[x86::kMaxStripRows] = {
    MultiplyStrip<Pqs8, 1>, MultiplyStrip<Pqs8, 2>, MultiplyStrip<Pqs8, 3>, MultiplyStrip<Pqs8, 4>};

}  // namespace switchyard::avx2
