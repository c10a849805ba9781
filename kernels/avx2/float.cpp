// pf32 and pf16: tiles of 6 rows and 16 columns, 12 vectors of sums of the 16 that there are.

#include "kernels/avx2/avx2.h"
#include "kernels/x86/float_strip.h"

namespace switchyard::avx2 {
namespace {

struct Isa {
  using Vector = __m256;
  static constexpr int kLanes = 8, kVectors = 2;

  static Vector Load(const float* from) { return _mm256_loadu_ps(from); }
  static Vector Load(const uint16_t* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  static Vector Broadcast(const float* from) { return _mm256_broadcast_ss(from); }
  static Vector Broadcast(const uint16_t* from) {
    return _mm256_cvtph_ps(_mm_set1_epi16(static_cast<int16_t>(*from)));
  }
  static Vector Fill(float value) { return _mm256_set1_ps(value); }
  static Vector Add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector MultiplyAdd(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  // A NaN stays one.
  static Vector Clamp(Vector value, Vector min, Vector max) {
    return _mm256_min_ps(max, _mm256_max_ps(min, value));
  }

  // Of columns at to at + 7 those below n.
  static Vector LoadSome(const float* from, size_t at, size_t n) {
    return n >= at + kLanes ? _mm256_loadu_ps(from + at)
                            : _mm256_maskload_ps(from + at, Mask(at, n));
  }
  static void StoreSome(Vector value, float* to, size_t at, size_t n) {
    if (n >= at + kLanes) {
      _mm256_storeu_ps(to + at, value);
    } else {
      _mm256_maskstore_ps(to + at, Mask(at, n), value);
    }
  }
  static void StoreSome(Vector value, uint16_t* to, size_t at, size_t n) {
    const __m128i halves = _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT);
    if (n >= at + kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + at), halves);
      return;
    }
    alignas(16) uint16_t elements[kLanes];
    _mm_store_si128(reinterpret_cast<__m128i*>(elements), halves);
    for (size_t i = at; i < n; ++i) to[i] = elements[i - at];
  }

 private:
  static __m256i Mask(size_t at, size_t n) {
    const auto left = static_cast<int>(n > at ? n - at : 0);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(left), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

}  // namespace

const x86::FloatStripFunction kPf32[x86::kMaxStripRows] = {
    x86::MultiplyFloatStrip<Isa, float, 1, 1>, x86::MultiplyFloatStrip<Isa, float, 2, 1>,
    x86::MultiplyFloatStrip<Isa, float, 3, 1>, x86::MultiplyFloatStrip<Isa, float, 4, 1>,
    x86::MultiplyFloatStrip<Isa, float, 5, 1>, x86::MultiplyFloatStrip<Isa, float, 6, 1>,
};
const x86::FloatStripFunction kPf16[x86::kMaxStripRows] = {
    x86::MultiplyFloatStrip<Isa, uint16_t, 1, 1>, x86::MultiplyFloatStrip<Isa, uint16_t, 2, 1>,
    x86::MultiplyFloatStrip<Isa, uint16_t, 3, 1>, x86::MultiplyFloatStrip<Isa, uint16_t, 4, 1>,
    x86::MultiplyFloatStrip<Isa, uint16_t, 5, 1>, x86::MultiplyFloatStrip<Isa, uint16_t, 6, 1>,
};

void MultiplyPf32Row(const x86::FloatStrip& strip) { x86::MultiplyFloatRow<Isa, float>(strip); }
void MultiplyPf16Row(const x86::FloatStrip& strip) { x86::MultiplyFloatRow<Isa, uint16_t>(strip); }

}  // namespace switchyard::avx2
