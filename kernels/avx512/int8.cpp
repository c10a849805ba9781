// qc8w and pqs8 with VNNI: tiles of 8 rows and up to 48 columns. vpdpbusd adds four products of
// uint8 and int8 each: rows are 128 more than their values, which the panels' starts (pqs8) and the
// rows' zero points (qc8w) take back.

#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vectors.h"

namespace switchyard::avx512 {
namespace {

using x86::IntegerStrip;
using x86::kPanelColumns;

// What a panel has before its elements, each.
constexpr size_t kColumnHeader = kPanelColumns * 4;

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
                    const IntegerStrip& strip, std::byte* out, __mmask16 columns) {
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
                    const IntegerStrip& strip, std::byte* out, __mmask16 columns) {
    const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), LoadFloats(panel + kColumnHeader));
    // Before the conversion, which rounds to even: a float beyond the bounds is no integer that
    // fits, and the bounds are integers.
    const __m512 clamped = Clamp(scaled, _mm512_set1_ps(strip.min), _mm512_set1_ps(strip.max));
    const __m512i y =
        _mm512_add_epi32(_mm512_cvtps_epi32(clamped), _mm512_set1_epi32(strip.zero_point));
    _mm512_mask_cvtepi32_storeu_epi8(out, columns, y);
  }
};

template <typename Variant, int kRows, int kPanels>
inline void MultiplyTile(const IntegerStrip& strip, const std::byte* const* rows,
                         const x86::QuantizedRow* quantized, size_t n0) {
  const std::byte* panels[kPanels];
  __m512i sums[kRows][kPanels];
  for (int p = 0; p < kPanels; ++p) {
    panels[p] = strip.panels + (n0 / kPanelColumns + p) * strip.panel_bytes;
    for (int i = 0; i < kRows; ++i) sums[i][p] = Variant::Start(panels[p], quantized[i]);
  }
  for (size_t k = 0; k < strip.depth; k += 4) {
    __m512i w[kPanels];
    for (int p = 0; p < kPanels; ++p) {
      w[p] = LoadIntegers(panels[p] + Variant::kHeaderBytes + k * kPanelColumns);
    }
    for (int i = 0; i < kRows; ++i) {
      const __m512i x = _mm512_set1_epi32(*reinterpret_cast<const int32_t*>(rows[i] + k));
      for (int p = 0; p < kPanels; ++p) sums[i][p] = _mm512_dpbusd_epi32(sums[i][p], x, w[p]);
    }
  }
  for (int i = 0; i < kRows; ++i) {
    std::byte* const out = strip.out + i * strip.out_stride + n0 * Variant::kOutputBytes;
    for (int p = 0; p < kPanels; ++p) {
      const size_t at = p * kPanelColumns;
      Variant::Store(sums[i][p], panels[p], quantized[i], strip, out + at * Variant::kOutputBytes,
                     FirstColumns(at, strip.n - n0));
    }
  }
}

template <typename Variant, int kRows, int kPanels>
inline void MultiplyLastTile(const IntegerStrip& strip, const std::byte* const* rows,
                             const x86::QuantizedRow* quantized, size_t n0) {
  if constexpr (kPanels > 1) {
    if (strip.n - n0 <= (kPanels - 1) * kPanelColumns) {
      MultiplyLastTile<Variant, kRows, kPanels - 1>(strip, rows, quantized, n0);
      return;
    }
  }
  MultiplyTile<Variant, kRows, kPanels>(strip, rows, quantized, n0);
}

template <typename Variant, int kRows>
void MultiplyStrip(const IntegerStrip& strip) {
  constexpr int kPanels = 3;
  constexpr size_t kColumns = kPanels * kPanelColumns;
  const std::byte* rows[kRows];
  x86::QuantizedRow quantized[kRows];
  for (int i = 0; i < kRows; ++i) {
    rows[i] = strip.rows + i * strip.row_bytes;
    quantized[i] = Variant::RowOf(rows[i], strip.depth);
  }
  size_t n0 = 0;
  for (; strip.n - n0 > kColumns; n0 += kColumns) {
    MultiplyTile<Variant, kRows, kPanels>(strip, rows, quantized, n0);
  }
  MultiplyLastTile<Variant, kRows, kPanels>(strip, rows, quantized, n0);
}

}  // namespace

const x86::IntegerStripFunction kQc8w[x86::kMaxStripRows] = {
    MultiplyStrip<Qc8w, 1>, MultiplyStrip<Qc8w, 2>, MultiplyStrip<Qc8w, 3>, MultiplyStrip<Qc8w, 4>,
    MultiplyStrip<Qc8w, 5>, MultiplyStrip<Qc8w, 6>, MultiplyStrip<Qc8w, 7>, MultiplyStrip<Qc8w, 8>};
const x86::IntegerStripFunction kPqs8[x86::kMaxStripRows] = {
    MultiplyStrip<Pqs8, 1>, MultiplyStrip<Pqs8, 2>, MultiplyStrip<Pqs8, 3>, MultiplyStrip<Pqs8, 4>,
    MultiplyStrip<Pqs8, 5>, MultiplyStrip<Pqs8, 6>, MultiplyStrip<Pqs8, 7>, MultiplyStrip<Pqs8, 8>};

}  // namespace switchyard::avx512
