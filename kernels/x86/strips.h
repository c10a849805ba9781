// What the x86-64 tiers have in common, as plain structures and pointers to functions. A strip is a
// few rows of a block and all its columns: the innermost loops of a product, which each tier writes
// for its instructions. The files that are compiled for an instruction set include this header and
// intrinsics, and define nothing that the linker could take for a caller of another set.
//
// Packed columns lie in panels (of 16 columns, int4 of AVX2 of 8), the last one filled up with
// zeros, and are read in the order of their bytes. A panel is
//
//   pf32, pf16  f32 bias[columns]; for each k an element of each column, f32 or f16
//   qc8w        int32 sum of w[columns]; f32 scale[columns]; f32 bias[columns]; elements
//   pqs8        int32 start[columns]: bias - lhs zero point * sum of w; f32 factor[columns];
//               elements
//   qb4w        f32 sum over blocks of scale * sum of (w - 8)[columns]; f32 bias[columns]; for each
//               block its elements, then bf16 scale[columns]
//
// int8 elements: for each kr of k (2 for AVX2, else 4) those of each column together. int4: for
// each 8 of k four bytes of each column, the first four k in their low halves.
//
// Packed rows are one after the other:
//
//   qc8w, pqs8  elements (AVX2: int16; else uint8, 128 more than the value); qc8w: a QuantizedRow
//   qb4w        int8 elements; for each 32 of k int32 8 * their sum; a QuantizedRow
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchyard::x86 {

inline constexpr size_t kPanelColumns = 16;
inline constexpr size_t kMaxStripRows = 8;
// Of int4: elements whose sum a packed row has.
inline constexpr size_t kSumDepth = 32;

// What a row was quantized with: x is about (q - zero point) * scale.
struct QuantizedRow {
  int32_t negative_zero_point;
  float scale;
};

struct Strip {
  const std::byte* panels = nullptr;  // the first column's
  size_t panel_bytes = 0;             // from one to the next
  size_t n = 0;                       // columns, at least 1
  std::byte* out = nullptr;
  size_t out_stride = 0;  // bytes
};

// pf32 and pf16: out = clamp(sums + rows * panels), all in f32. Rows come in stretches of depth
// along which their elements lie side by side: a row of a matrix, or the taps of a convolution.
struct FloatStrip : Strip {
  // [stretches][row_step], to f32 (in a GEMV of pf16, to f16).
  const void* const* rows = nullptr;
  size_t row_step = 0;
  // Elements of the first stretch, of the others, and of all; the last may be shorter.
  size_t first_count = 0, count = 0, k = 0;
  size_t k0 = 0;  // where they start
  // Where sums start and end that are not the whole: rows sums_stride bytes apart. Null: they start
  // from the bias, they end as the output.
  const std::byte* sums_in = nullptr;
  std::byte* sums_out = nullptr;
  size_t sums_stride = 0;
  float min = 0, max = 0;  // of pf16 values of f16
};

// qc8w: out = clamp(float(rows * panels - zero point * sum of w) * (row scale * scale) + bias).
// pqs8: out = clamp(rint((rows * panels + start) * factor) + zero point).
// qb4w: out = clamp(row scale * (sum over blocks of scale * (rows * block - 8 * sum of rows)
//       - zero point * the panel's sum) + bias).
struct IntegerStrip : Strip {
  const std::byte* rows = nullptr;  // packed
  size_t row_bytes = 0;             // from one to the next
  size_t depth = 0;                 // elements of a packed row
  size_t block_length = 0;          // qb4w
  float min = 0, max = 0;           // qc8w, qb4w; pqs8: before the zero point is added
  int32_t zero_point = 0;           // pqs8: of the output
};

// A tier has tables of these by the number of rows, less 1: as many as its rows' m_step, then null.
using FloatStripFunction = void (*)(const FloatStrip&);
using IntegerStripFunction = void (*)(const IntegerStrip&);

}  // namespace switchyard::x86
