#include "kernels/x86/panels.h"

#include <emmintrin.h>

#include <cstring>

namespace switchyard::x86 {
namespace {

__m128i Load(const std::byte* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
void Store(std::byte* to, __m128i value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), value);
}

// Squares of units: of the rows at `rows`, from byte `at` on, to rows `stride` bytes apart.
void TransposeSquare(const std::byte* const* rows, size_t at, std::byte* out, size_t stride,
                     uint32_t /*unit*/) {
  const __m128i a = Load(rows[0] + at), b = Load(rows[1] + at);
  const __m128i c = Load(rows[2] + at), d = Load(rows[3] + at);
  const __m128i ab_low = _mm_unpacklo_epi32(a, b), ab_high = _mm_unpackhi_epi32(a, b);
  const __m128i cd_low = _mm_unpacklo_epi32(c, d), cd_high = _mm_unpackhi_epi32(c, d);
  Store(out, _mm_unpacklo_epi64(ab_low, cd_low));
  Store(out + stride, _mm_unpackhi_epi64(ab_low, cd_low));
  Store(out + 2 * stride, _mm_unpacklo_epi64(ab_high, cd_high));
  Store(out + 3 * stride, _mm_unpackhi_epi64(ab_high, cd_high));
}
void TransposeSquare(const std::byte* const* rows, size_t at, std::byte* out, size_t stride,
                     uint16_t /*unit*/) {
  __m128i pairs[8];  // of rows 2i and 2i + 1: columns 0 to 3, then 4 to 7
  for (int i = 0; i < 4; ++i) {
    const __m128i a = Load(rows[2 * i] + at), b = Load(rows[2 * i + 1] + at);
    pairs[i] = _mm_unpacklo_epi16(a, b);
    pairs[4 + i] = _mm_unpackhi_epi16(a, b);
  }
  for (int half = 0; half < 2; ++half) {
    const __m128i* const p = pairs + half * 4;
    const __m128i low01 = _mm_unpacklo_epi32(p[0], p[1]), low23 = _mm_unpacklo_epi32(p[2], p[3]);
    const __m128i high01 = _mm_unpackhi_epi32(p[0], p[1]), high23 = _mm_unpackhi_epi32(p[2], p[3]);
    std::byte* const to = out + half * 4 * stride;
    Store(to, _mm_unpacklo_epi64(low01, low23));
    Store(to + stride, _mm_unpackhi_epi64(low01, low23));
    Store(to + 2 * stride, _mm_unpacklo_epi64(high01, high23));
    Store(to + 3 * stride, _mm_unpackhi_epi64(high01, high23));
  }
}

template <typename Unit>
void Interleave(const std::byte* const* rows, size_t columns, size_t units, size_t width,
                std::byte* out) {
  constexpr size_t kSide = sizeof(__m128i) / sizeof(Unit);
  const size_t stride = width * sizeof(Unit);
  for (size_t c0 = 0; c0 < width; c0 += kSide) {
    std::byte* const to = out + c0 * sizeof(Unit);
    size_t unit = 0;
    if (c0 + kSide <= columns) {
      for (; unit + kSide <= units; unit += kSide) {
        TransposeSquare(rows + c0, unit * sizeof(Unit), to + unit * stride, stride, Unit{});
      }
    }
    for (; unit < units; ++unit) {
      for (size_t c = c0; c < c0 + kSide; ++c) {
        Unit value = 0;
        if (c < columns) std::memcpy(&value, rows[c] + unit * sizeof(Unit), sizeof(value));
        std::memcpy(out + unit * stride + c * sizeof(Unit), &value, sizeof(value));
      }
    }
  }
}

}  // namespace

void Interleave16(const std::byte* const* rows, size_t columns, size_t units, size_t width,
                  std::byte* out) {
  Interleave<uint16_t>(rows, columns, units, width, out);
}

void Interleave32(const std::byte* const* rows, size_t columns, size_t units, size_t width,
                  std::byte* out) {
  Interleave<uint32_t>(rows, columns, units, width, out);
}

}  // namespace switchyard::x86
