// qc8w and pqs8 with VNNI: tiles of 8 rows and up to 48 columns. vpdpbusd adds four products of
// uint8 and int8 each: rows are 128 more than their values, which the panels' starts (pqs8) and the
// rows' zero points (qc8w) take back.

#include "kernels/avx512/avx512.h"
#include "kernels/avx512/int8_outputs.h"
#include "kernels/avx512/vectors.h"

namespace switchyard::avx512 {
namespace {

using x86::IntegerStrip;
using x86::kPanelColumns;

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

void MultiplyQc8wRow(const IntegerStrip& strip) { MultiplyStrip<Qc8w, 1>(strip); }

}  // namespace switchyard::avx512
