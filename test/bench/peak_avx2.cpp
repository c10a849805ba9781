#include <immintrin.h>

#include "test/bench/peak_loops.h"

namespace switchyard::bench {
namespace {

// More than the latency of an instruction times how many start in a cycle.
constexpr size_t kSums = 12;

// What the compiler may not know, so that it computes nothing beforehand.
inline void Hide(__m256i& value) { asm volatile("" : "+x"(value)); }
inline void Hide(__m256& value) { asm volatile("" : "+x"(value)); }

// Multiplies and adds, as `step` does both to a sum.
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

void PeakFma256(size_t iterations) {
  Loop(iterations, _mm256_set1_ps(0.5f), _mm256_set1_ps(0.25f),
       [](__m256 sum, __m256 a, __m256 b) { return _mm256_fmadd_ps(a, b, sum); });
}

// Their products are the same in every step: as an instruction that the compiler does not see
// through each is computed, and without a copy of a factor that hiding that would take.

void PeakMaddwd256(size_t iterations) {
  Loop(iterations, _mm256_set1_epi16(3), _mm256_set1_epi16(5),
       [](__m256i sum, __m256i a, __m256i b) {
         __m256i products;
         asm volatile("vpmaddwd %2, %1, %0" : "=x"(products) : "x"(a), "x"(b));
         return _mm256_add_epi32(sum, products);
       });
}

void PeakMaddubs256(size_t iterations) {
  Loop(iterations, _mm256_set1_epi8(3), _mm256_set1_epi8(5), [](__m256i sum, __m256i a, __m256i b) {
    __m256i products;
    asm volatile("vpmaddubsw %2, %1, %0" : "=x"(products) : "x"(a), "x"(b));
    return _mm256_add_epi16(sum, products);
  });
}

void Read256(const void* data, size_t bytes) {
  constexpr size_t kStreams = 16;
  const auto* vectors = static_cast<const __m256i*>(data);
  __m256i sums[kStreams] = {};
  for (size_t i = 0; i < bytes / sizeof(__m256i); i += kStreams) {
    for (size_t j = 0; j < kStreams; ++j) {
      sums[j] = _mm256_xor_si256(sums[j], _mm256_load_si256(vectors + i + j));
    }
  }
  for (__m256i& sum : sums) Hide(sum);
}

}  // namespace switchyard::bench
