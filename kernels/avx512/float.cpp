// pf32 and pf16: tiles of 8 rows and up to 48 columns, 24 vectors of sums of the 32 that there are.

#include "kernels/avx512/avx512.h"
#include "kernels/avx512/vectors.h"
#include "kernels/x86/float_strip.h"

namespace switchyard::avx512 {
namespace {

struct Isa {
  using Vector = __m512;
  static constexpr int kLanes = 16, kVectors = 1;

  static Vector Load(const float* from) { return _mm512_loadu_ps(from); }
  static Vector Load(const uint16_t* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static Vector Broadcast(const float* from) { return _mm512_set1_ps(*from); }
  static Vector Broadcast(const uint16_t* from) {
    return _mm512_cvtph_ps(_mm256_set1_epi16(static_cast<int16_t>(*from)));
  }
  static Vector Fill(float value) { return _mm512_set1_ps(value); }
  static Vector Add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static Vector MultiplyAdd(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Vector Clamp(Vector value, Vector min, Vector max) {
    return avx512::Clamp(value, min, max);
  }

  static Vector LoadSome(const float* from, size_t at, size_t n) {
    return _mm512_maskz_loadu_ps(FirstColumns(at, n), from + at);
  }
  static void StoreSome(Vector value, float* to, size_t at, size_t n) {
    _mm512_mask_storeu_ps(to + at, FirstColumns(at, n), value);
  }
  static void StoreSome(Vector value, uint16_t* to, size_t at, size_t n) {
    _mm256_mask_storeu_epi16(to + at, FirstColumns(at, n),
                             _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
  }
};

constexpr int kPanels = 3;

}  // namespace

const x86::FloatStripFunction kPf32[x86::kMaxStripRows] = {
    x86::MultiplyFloatStrip<Isa, float, 1, kPanels>,
    x86::MultiplyFloatStrip<Isa, float, 2, kPanels>,
    x86::MultiplyFloatStrip<Isa, float, 3, kPanels>,
    x86::MultiplyFloatStrip<Isa, float, 4, kPanels>,
    x86::MultiplyFloatStrip<Isa, float, 5, kPanels>,
    x86::MultiplyFloatStrip<Isa, float, 6, kPanels>,
    x86::MultiplyFloatStrip<Isa, float, 7, kPanels>,
    x86::MultiplyFloatStrip<Isa, float, 8, kPanels>,
};
const x86::FloatStripFunction kPf16[x86::kMaxStripRows] = {
    x86::MultiplyFloatStrip<Isa, uint16_t, 1, kPanels>,
    x86::MultiplyFloatStrip<Isa, uint16_t, 2, kPanels>,
    x86::MultiplyFloatStrip<Isa, uint16_t, 3, kPanels>,
    x86::MultiplyFloatStrip<Isa, uint16_t, 4, kPanels>,
    x86::MultiplyFloatStrip<Isa, uint16_t, 5, kPanels>,
    x86::MultiplyFloatStrip<Isa, uint16_t, 6, kPanels>,
    x86::MultiplyFloatStrip<Isa, uint16_t, 7, kPanels>,
    x86::MultiplyFloatStrip<Isa, uint16_t, 8, kPanels>,
};

void MultiplyPf32Row(const x86::FloatStrip& strip) { x86::MultiplyFloatRow<Isa, float>(strip); }
void MultiplyPf16Row(const x86::FloatStrip& strip) { x86::MultiplyFloatRow<Isa, uint16_t>(strip); }

}  // namespace switchyard::avx512
