// Rows on their way into a packed layout.

#include <immintrin.h>

#include "kernels/avx2/avx2.h"

namespace switchyard::avx2 {
namespace {

constexpr size_t kLanes = 8;

float Lowest(__m256 v) {
  __m128 x = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  x = _mm_min_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_min_ss(x, _mm_movehdup_ps(x)));
}
float Highest(__m256 v) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

// The first `count` lanes.
__m256i FirstLanes(size_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// Packs of two vectors leave their halves interleaved.
__m256i InOrder(__m256i packed) { return _mm256_permute4x64_epi64(packed, 0b11'01'10'00); }

// Sixteen elements as int16, of which x * s is between -255 and 255, or a NaN. The conversion
// rounds to even and makes a NaN the lowest number, which it stays: everything behind it saturates.
struct Quantizer {
  __m256 s;
  __m256i zero_point;
  Quantizer(float scale, float point)
      : s(_mm256_set1_ps(scale)), zero_point(_mm256_set1_epi16(static_cast<int16_t>(point))) {}
  __m256i operator()(__m256 low, __m256 high) const {
    const __m256i scaled = _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(low, s)),
                                              _mm256_cvtps_epi32(_mm256_mul_ps(high, s)));
    return _mm256_adds_epi16(scaled, zero_point);  // in the order of packs
  }
  __m256i operator()(const float* x) const {
    return (*this)(_mm256_loadu_ps(x), _mm256_loadu_ps(x + kLanes));
  }
};

// Thirty-two elements as int8.
__m256i QuantizeBlock(const Quantizer& quantize, const float* x) {
  const __m256i bytes = _mm256_packs_epi16(quantize(x), quantize(x + 2 * kLanes));
  return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

// int16 within the bounds of int8.
__m256i Clamp(__m256i q) {
  return _mm256_min_epi16(_mm256_max_epi16(q, _mm256_set1_epi16(-128)), _mm256_set1_epi16(127));
}

// Calls store(i, q) for elements [first, count).
template <typename StoreElement>
void QuantizeRest(const Quantizer& quantize, const float* x, size_t first, size_t count,
                  StoreElement store) {
  for (size_t i = first; i < count; i += kLanes) {
    const size_t left = count - i < kLanes ? count - i : kLanes;
    const __m256 some = _mm256_maskload_ps(x + i, FirstLanes(left));
    alignas(32) int16_t q[2 * kLanes];
    _mm256_store_si256(reinterpret_cast<__m256i*>(q), InOrder(Clamp(quantize(some, some))));
    for (size_t j = 0; j < left; ++j) store(i + j, q[j]);
  }
}

}  // namespace

Range FindRange(const float* x, size_t count) {
  __m256 low[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  __m256 high[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  size_t i = 0;
  // Of a NaN the second operand remains: it is passed over.
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    for (size_t j = 0; j < 2; ++j) {
      const __m256 v = _mm256_loadu_ps(x + i + j * kLanes);
      low[j] = _mm256_min_ps(v, low[j]);
      high[j] = _mm256_max_ps(v, high[j]);
    }
  }
  for (; i < count; i += kLanes) {
    const __m256 v = _mm256_maskload_ps(x + i, FirstLanes(count - i < kLanes ? count - i : kLanes));
    low[0] = _mm256_min_ps(v, low[0]);
    high[0] = _mm256_max_ps(v, high[0]);
  }
  return {Lowest(_mm256_min_ps(low[0], low[1])), Highest(_mm256_max_ps(high[0], high[1]))};
}

void QuantizeS8(const float* x, size_t count, float s, float zero_point, int8_t* q) {
  const Quantizer quantize(s, zero_point);
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q + i), QuantizeBlock(quantize, x + i));
  }
  QuantizeRest(quantize, x, i, count,
               [q](size_t at, int16_t value) { q[at] = static_cast<int8_t>(value); });
}

void QuantizeU8(const float* x, size_t count, float s, float zero_point, uint8_t* q) {
  const Quantizer quantize(s, zero_point);
  const __m256i sign = _mm256_set1_epi8(-128);
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q + i),
                        _mm256_xor_si256(QuantizeBlock(quantize, x + i), sign));
  }
  QuantizeRest(quantize, x, i, count,
               [q](size_t at, int16_t value) { q[at] = static_cast<uint8_t>(value + 128); });
}

void QuantizeS16(const float* x, size_t count, float s, float zero_point, int16_t* q) {
  const Quantizer quantize(s, zero_point);
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q + i), InOrder(Clamp(quantize(x + i))));
  }
  QuantizeRest(quantize, x, i, count, [q](size_t at, int16_t value) { q[at] = value; });
}

void SumBlocks(const int8_t* q, size_t count, int32_t* sums) {
  // 8 fits uint8, so the sums of pairs come multiplied by it.
  const __m256i eight = _mm256_set1_epi8(8), minus_one = _mm256_set1_epi16(-1);
  for (size_t i = 0; i < count; i += x86::kSumDepth) {
    const __m256i block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + i));
    const __m256i quads = _mm256_madd_epi16(_mm256_maddubs_epi16(eight, block), minus_one);
    __m128i x = _mm_add_epi32(_mm256_castsi256_si128(quads), _mm256_extracti128_si256(quads, 1));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0b01'00'11'10));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0b10'11'00'01));
    sums[i / x86::kSumDepth] = _mm_cvtsi128_si32(x);
  }
}

void WidenF16(const uint16_t* from, size_t count, float* to) {
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    _mm256_storeu_ps(to + i,
                     _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
  }
  for (; i < count; ++i) to[i] = _cvtsh_ss(from[i]);
}

void OffsetS8(const int8_t* from, size_t count, uint8_t* to) {
  const __m256i sign = _mm256_set1_epi8(-128);
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), _mm256_xor_si256(bytes, sign));
  }
  for (; i < count; ++i) to[i] = static_cast<uint8_t>(from[i] + 128);
}

void WidenS8(const int8_t* from, size_t count, int16_t* to) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), _mm256_cvtepi8_epi16(bytes));
  }
  for (; i < count; ++i) to[i] = from[i];
}

}  // namespace switchyard::avx2
