// qb4w with VNNI: tiles of 6 rows and 32 columns, of one or two rows 64. Nibbles stay unsigned,
// value + 8; the 8 too much are what a packed row has the sums of its blocks for.

#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vectors.h"

namespace switchyard::avx512 {
namespace {

using x86::IntegerStrip;
using x86::kPanelColumns;
using x86::kSumDepth;

// Something that each row has, as two pointers and a stride: six pointers, with six more to the
// sums of blocks, are more than there are registers.
class RowPointers {
 public:
  RowPointers(const std::byte* first, size_t stride)
      : halves_{first, first + 3 * stride}, stride_(stride) {}
  void Advance(size_t bytes) {
    for (const std::byte*& half : halves_) {
      half += bytes;
      // Else the compiler would have six again.
      asm("" : "+r"(half));
    }
  }
  const int32_t* operator[](int row) const {
    return reinterpret_cast<const int32_t*>(halves_[row / 3] + row % 3 * stride_);
  }

 private:
  const std::byte* halves_[2];
  size_t stride_;
};

// Adds the products of kSumDepth values of k. Of few rows low and high nibbles have sums of their
// own, so that none waits for the product before.
template <int kRows, int kPanels, int kParts>
inline void AddSumDepth(const RowPointers& rows, const std::byte* const* weights,
                        __m512i (&sums)[kParts][kRows][kPanels]) {
  constexpr int kHigh = kParts - 1;
  const __m512i low_half = _mm512_set1_epi8(0x0F);
  for (size_t at = 0; at < kSumDepth; at += 8) {
    for (int p = 0; p < kPanels; ++p) {
      const __m512i nibbles = LoadIntegers(weights[p] + at * kPanelColumns / 2);
      const __m512i low_nibbles = _mm512_and_si512(nibbles, low_half);
      const __m512i high_nibbles = _mm512_and_si512(_mm512_srli_epi16(nibbles, 4), low_half);
      for (int i = 0; i < kRows; ++i) {
        const int32_t* const x = rows[i] + at / sizeof(int32_t);
        sums[0][i][p] = _mm512_dpbusd_epi32(sums[0][i][p], low_nibbles, _mm512_set1_epi32(x[0]));
        sums[kHigh][i][p] =
            _mm512_dpbusd_epi32(sums[kHigh][i][p], high_nibbles, _mm512_set1_epi32(x[1]));
      }
    }
  }
}

template <int kRows, int kPanels>
inline void MultiplyTile(const IntegerStrip& strip, size_t n0) {
  constexpr size_t kHeaderBytes = kPanelColumns * sizeof(float);
  constexpr int kParts = kRows <= 2 ? 2 : 1;
  const std::byte *panels[kPanels], *weights[kPanels];
  __m512 products[kRows][kPanels];
  for (int p = 0; p < kPanels; ++p) {
    panels[p] = strip.panels + (n0 / kPanelColumns + p) * strip.panel_bytes;
    weights[p] = panels[p] + 2 * kHeaderBytes;
    for (int i = 0; i < kRows; ++i) products[i][p] = _mm512_setzero_ps();
  }
  RowPointers rows(strip.rows, strip.row_bytes);
  RowPointers row_sums(strip.rows + strip.depth, strip.row_bytes);  // -8 * those of 32 elements
  for (size_t k = 0; k < strip.depth;) {
    __m512i sums[kParts][kRows][kPanels];
    for (int i = 0; i < kRows; ++i) {
      for (int p = 0; p < kPanels; ++p) {
        for (int part = 1; part < kParts; ++part) sums[part][i][p] = _mm512_setzero_si512();
        sums[0][i][p] = _mm512_set1_epi32(*row_sums[i]);
      }
    }
    const size_t end = k + strip.block_length;
    while (true) {
      AddSumDepth<kRows, kPanels, kParts>(rows, weights, sums);
      rows.Advance(kSumDepth);
      row_sums.Advance(sizeof(int32_t));
      for (int p = 0; p < kPanels; ++p) weights[p] += kSumDepth * kPanelColumns / 2;
      k += kSumDepth;
      if (k == end) break;
      for (int i = 0; i < kRows; ++i) {
        const __m512i sum = _mm512_set1_epi32(*row_sums[i]);
        for (int p = 0; p < kPanels; ++p) sums[0][i][p] = _mm512_add_epi32(sums[0][i][p], sum);
      }
    }
    for (int p = 0; p < kPanels; ++p) {
      const __m256i scale = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights[p]));
      weights[p] += kPanelColumns * sizeof(uint16_t);
      const __m512 scales =
          _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(scale), 16));
      for (int i = 0; i < kRows; ++i) {
        __m512i sum = sums[0][i][p];
        if constexpr (kParts == 2) sum = _mm512_add_epi32(sum, sums[1][i][p]);
        products[i][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scales, products[i][p]);
      }
    }
  }
  const __m512 min = _mm512_set1_ps(strip.min), max = _mm512_set1_ps(strip.max);
  for (int i = 0; i < kRows; ++i) {
    const auto& quantized = *reinterpret_cast<const x86::QuantizedRow*>(row_sums[i]);
    const __m512 zero_point = _mm512_set1_ps(static_cast<float>(quantized.negative_zero_point));
    auto* const out = reinterpret_cast<float*>(strip.out + i * strip.out_stride) + n0;
    for (int p = 0; p < kPanels; ++p) {
      const __m512 column_sums = LoadFloats(panels[p]);
      const __m512 bias = LoadFloats(panels[p] + kHeaderBytes);
      const __m512 sum = _mm512_fmadd_ps(zero_point, column_sums, products[i][p]);
      const __m512 y = _mm512_fmadd_ps(sum, _mm512_set1_ps(quantized.scale), bias);
      const size_t at = p * kPanelColumns;
      _mm512_mask_storeu_ps(out + at, FirstColumns(at, strip.n - n0), Clamp(y, min, max));
    }
  }
}

template <int kRows, int kPanels>
inline void MultiplyLastTile(const IntegerStrip& strip, size_t n0) {
  if constexpr (kPanels > 1) {
    if (strip.n - n0 <= (kPanels - 1) * kPanelColumns) {
      MultiplyLastTile<kRows, kPanels - 1>(strip, n0);
      return;
    }
  }
  MultiplyTile<kRows, kPanels>(strip, n0);
}

template <int kRows>
void MultiplyStrip(const IntegerStrip& strip) {
  constexpr int kPanels = kRows <= 2 ? 4 : 2;
  constexpr size_t kColumns = kPanels * kPanelColumns;
  size_t n0 = 0;
  for (; strip.n - n0 > kColumns; n0 += kColumns) {
    MultiplyTile<kRows, kPanels>(strip, n0);
  }
  MultiplyLastTile<kRows, kPanels>(strip, n0);
}

}  // namespace

const x86::IntegerStripFunction kQb4w[x86::kMaxStripRows] = {MultiplyStrip<1>, MultiplyStrip<2>,
                                                             MultiplyStrip<3>, MultiplyStrip<4>,
                                                             MultiplyStrip<5>, MultiplyStrip<6>};

}  // namespace switchyard::avx512
