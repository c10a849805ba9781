// qb4w with VNNI: tiles of 8 rows and 16 columns. Nibbles stay unsigned, value + 8; the 8 too much
// are what a packed row has the sums of its blocks for.

#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vectors.h"

namespace switchyard::avx512 {
namespace {

using x86::IntegerStrip;
using x86::kPanelColumns;
using x86::kSumDepth;

// Of kSumDepth values of k.
template <int kRows>
inline void AddSumDepth(const std::byte* const* rows, const std::byte* weights, size_t k,
                        __m512i (&sums)[kRows]) {
  const __m512i low_half = _mm512_set1_epi8(0x0F);
  for (size_t at = 0; at < kSumDepth; at += 8) {
    const __m512i nibbles = LoadIntegers(weights + at * kPanelColumns / 2);
    const __m512i low = _mm512_and_si512(nibbles, low_half);
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(nibbles, 4), low_half);
    for (int i = 0; i < kRows; ++i) {
      const auto* x = reinterpret_cast<const int32_t*>(rows[i] + k + at);
      sums[i] = _mm512_dpbusd_epi32(sums[i], low, _mm512_set1_epi32(x[0]));
      sums[i] = _mm512_dpbusd_epi32(sums[i], high, _mm512_set1_epi32(x[1]));
    }
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
  const __m512 min = _mm512_set1_ps(strip.min), max = _mm512_set1_ps(strip.max);
  const std::byte* panel = strip.panels;
  for (size_t n0 = 0; n0 < strip.n; n0 += kPanelColumns, panel += strip.panel_bytes) {
    constexpr size_t kHeaderBytes = kPanelColumns * sizeof(float);
    const std::byte* weights = panel + 2 * kHeaderBytes;
    __m512 products[kRows];
    for (int i = 0; i < kRows; ++i) products[i] = _mm512_setzero_ps();
    for (size_t k = 0; k < strip.depth;) {
      __m512i sums[kRows];
      for (int i = 0; i < kRows; ++i) sums[i] = _mm512_setzero_si512();
      for (const size_t end = k + strip.block_length; k < end; k += kSumDepth) {
        for (int i = 0; i < kRows; ++i) {
          sums[i] = _mm512_sub_epi32(sums[i], _mm512_set1_epi32(row_sums[i][k / kSumDepth]));
        }
        AddSumDepth<kRows>(rows, weights, k, sums);
        weights += kSumDepth * kPanelColumns / 2;
      }
      const __m256i scale = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights));
      weights += kPanelColumns * sizeof(uint16_t);
      const __m512 scales =
          _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(scale), 16));
      for (int i = 0; i < kRows; ++i) {
        products[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[i]), scales, products[i]);
      }
    }
    const __m512 column_sums = LoadFloats(panel), bias = LoadFloats(panel + kHeaderBytes);
    const __mmask16 columns = FirstColumns(0, strip.n - n0);
    for (int i = 0; i < kRows; ++i) {
      const __m512 zero_point =
          _mm512_set1_ps(static_cast<float>(quantized[i].negative_zero_point));
      const __m512 sum = _mm512_fmadd_ps(zero_point, column_sums, products[i]);
      const __m512 y = _mm512_fmadd_ps(sum, _mm512_set1_ps(quantized[i].scale), bias);
      _mm512_mask_storeu_ps(reinterpret_cast<float*>(strip.out + i * strip.out_stride) + n0,
                            columns, Clamp(y, min, max));
    }
  }
}

}  // namespace

const x86::IntegerStripFunction kQb4w[x86::kMaxStripRows] = {
    MultiplyStrip<1>, MultiplyStrip<2>, MultiplyStrip<3>, MultiplyStrip<4>,
    MultiplyStrip<5>, MultiplyStrip<6>, MultiplyStrip<7>, MultiplyStrip<8>};

}  // namespace switchyard::avx512
