// qb4w: tiles of 4 rows and 8 columns. Nibbles stay unsigned, value + 8, so that vpmaddubsw takes
// them against int8 rows: of 32 values of k each of its 16-bit sums is 16 products of at most
// 15 * 128, 30,720 in all, and nothing saturates. The 8 too much are what a packed row has the sums
// of its blocks for.

#include <immintrin.h>

#include "kernels/avx2/avx2.h"

namespace switchyard::avx2 {
namespace {

using x86::IntegerStrip;
using x86::kSumDepth;

constexpr size_t kColumns = 8;

// Of 32 values of k the sums of each column, as int32.
template <int kRows>
inline void AddSumDepth(const std::byte* const* rows, const std::byte* weights, size_t k,
                        __m256i (&sums)[kRows]) {
  const __m256i low_half = _mm256_set1_epi8(0x0F);
  __m256i words[kRows];
  for (int i = 0; i < kRows; ++i) words[i] = _mm256_setzero_si256();
  for (size_t at = 0; at < kSumDepth; at += 8) {
    const __m256i nibbles =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + at * kColumns / 2));
    const __m256i low = _mm256_and_si256(nibbles, low_half);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(nibbles, 4), low_half);
    for (int i = 0; i < kRows; ++i) {
      const auto* x = reinterpret_cast<const int32_t*>(rows[i] + k + at);
      words[i] = _mm256_add_epi16(words[i], _mm256_maddubs_epi16(low, _mm256_set1_epi32(x[0])));
      words[i] = _mm256_add_epi16(words[i], _mm256_maddubs_epi16(high, _mm256_set1_epi32(x[1])));
    }
  }
  const __m256i one = _mm256_set1_epi16(1);
  for (int i = 0; i < kRows; ++i) {
    sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(words[i], one));
  }
}

template <int kRows>
void MultiplyStrip(const IntegerStrip& strip) {
  const std::byte* rows[kRows];
  const int32_t* row_sums[kRows];  // 8 * the sum of each 32 elements
  x86::QuantizedRow quantized[kRows];
  for (int i = 0; i < kRows; ++i) {
    rows[i] = strip.rows + i * strip.row_bytes;
    row_sums[i] = reinterpret_cast<const int32_t*>(rows[i] + strip.depth);
    quantized[i] =
        *reinterpret_cast<const x86::QuantizedRow*>(row_sums[i] + strip.depth / kSumDepth);
  }
  const __m256 min = _mm256_set1_ps(strip.min), max = _mm256_set1_ps(strip.max);
  const std::byte* panel = strip.panels;
  for (size_t n0 = 0; n0 < strip.n; n0 += kColumns, panel += strip.panel_bytes) {
    const auto* header = reinterpret_cast<const float*>(panel);
    const std::byte* weights = panel + 2 * kColumns * sizeof(float);
    __m256 products[kRows];
    for (int i = 0; i < kRows; ++i) products[i] = _mm256_setzero_ps();
    for (size_t k = 0; k < strip.depth;) {
      __m256i sums[kRows];
      for (int i = 0; i < kRows; ++i) sums[i] = _mm256_setzero_si256();
      for (const size_t end = k + strip.block_length; k < end; k += kSumDepth) {
        AddSumDepth<kRows>(rows, weights, k, sums);
        weights += kSumDepth * kColumns / 2;
        for (int i = 0; i < kRows; ++i) {
          sums[i] = _mm256_sub_epi32(sums[i], _mm256_set1_epi32(row_sums[i][k / kSumDepth]));
        }
      }
      const __m128i scale = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights));
      weights += kColumns * sizeof(uint16_t);
      const __m256 scales =
          _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(scale), 16));
      for (int i = 0; i < kRows; ++i) {
        products[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[i]), scales, products[i]);
      }
    }
    const __m256 column_sums = _mm256_loadu_ps(header), bias = _mm256_loadu_ps(header + kColumns);
    const size_t left = strip.n - n0;
    const __m256i mask =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(left < kColumns ? left : kColumns)),
                           _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    for (int i = 0; i < kRows; ++i) {
      const __m256 zero_point =
          _mm256_set1_ps(static_cast<float>(quantized[i].negative_zero_point));
      const __m256 sum = _mm256_fmadd_ps(zero_point, column_sums, products[i]);
      const __m256 y = _mm256_fmadd_ps(sum, _mm256_set1_ps(quantized[i].scale), bias);
      _mm256_maskstore_ps(reinterpret_cast<float*>(strip.out + i * strip.out_stride) + n0, mask,
                          _mm256_min_ps(max, _mm256_max_ps(min, y)));
    }
  }
}

}  // namespace

const x86::IntegerStripFunction kQb4w[x86::kMaxStripRows] = {MultiplyStrip<1>, MultiplyStrip<2>,
                                                             MultiplyStrip<3>, MultiplyStrip<4>};

}  // namespace switchyard::avx2
