#include <arm_neon.h>

#include "test/bench/peak_loops.h"

namespace switchyard::bench {
namespace {

constexpr size_t kSums = 24;

// As in peak_avx2.cpp.
template <typename Vector>
inline void Hide(Vector& value) {
  asm volatile("" : "+w"(value));
}

template <typename Sum, typename Vector, typename Step>
inline void Loop(size_t iterations, Sum zero, Vector a, Vector b, Step step) {
  Sum sums[kSums];
  for (Sum& sum : sums) sum = zero;
  for (size_t i = 0; i < iterations; ++i) {
    Hide(a);
    for (size_t j = 0; j < kSums; ++j) sums[j] = step(sums[j], a, b);
  }
  for (Sum& sum : sums) Hide(sum);
}

}  // namespace

void PeakNeonFma(size_t iterations) {
  Loop(iterations, vdupq_n_f32(0), vdupq_n_f32(0.5f), vdupq_n_f32(0.25f),
       [](float32x4_t sum, float32x4_t a, float32x4_t b) { return vfmaq_f32(sum, a, b); });
}

void PeakNeonFmaF16(size_t iterations) {
  Loop(iterations, vdupq_n_f16(0), vdupq_n_f16(0.5f), vdupq_n_f16(0.25f),
       [](float16x8_t sum, float16x8_t a, float16x8_t b) { return vfmaq_f16(sum, a, b); });
}

void PeakNeonDot(size_t iterations) {
  Loop(iterations, vdupq_n_s32(0), vdupq_n_s8(3), vdupq_n_s8(5),
       [](int32x4_t sum, int8x16_t a, int8x16_t b) { return vdotq_s32(sum, a, b); });
}

void PeakNeonI8mm(size_t iterations) {
  Loop(iterations, vdupq_n_s32(0), vdupq_n_s8(3), vdupq_n_s8(5),
       [](int32x4_t sum, int8x16_t a, int8x16_t b) { return vmmlaq_s32(sum, a, b); });
}

}  // namespace switchyard::bench
