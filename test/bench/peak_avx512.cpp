#include <immintrin.h>

#include "test/bench/peak_loops.h"

namespace switchyard::bench {
namespace {

constexpr size_t kSums = 24;

// As in peak_avx2.cpp.
template <typename Vector>
inline void Hide(Vector& value) {
  asm volatile("" : "+v"(value));
}

template <typename Vector, typename Step>
inline void Loop(size_t iterations, Vector a, Vector b, Step step) {
  Vector sums[kSums] = {};
  for (size_t i = 0; i < iterations; ++i) {
    Hide(a);
    for (size_t j = 0; j < kSums; ++j) sums[j] = step(sums[j], a, b);
  }
  for (Vector& sum : sums) Hide(sum);
}

}  // namespace

void PeakFma512(size_t iterations) {
  Loop(iterations, _mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f),
       [](__m512 sum, __m512 a, __m512 b) { return _mm512_fmadd_ps(a, b, sum); });
}

void PeakFmaF16(size_t iterations) {
  const __m512h a = _mm512_castps_ph(_mm512_setzero_ps());
  Loop(iterations, a, a,
       [](__m512h sum, __m512h x, __m512h y) { return _mm512_fmadd_ph(x, y, sum); });
}

void PeakVnni512(size_t iterations) {
  Loop(iterations, _mm512_set1_epi8(3), _mm512_set1_epi8(5),
       [](__m512i sum, __m512i a, __m512i b) { return _mm512_dpbusd_epi32(sum, a, b); });
}

}  // namespace switchyard::bench
