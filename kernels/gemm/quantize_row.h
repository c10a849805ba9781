// How a row of activations is quantized, for every provider of ours alike.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace switchyard {

// q = clamp(rint(x * s) + zero_point, -128, 127), and x is about (q - zero_point) * r.
struct RowQuantization {
  float s, zero_point, r;
};

// Of a row with elements from `low` to `high`, 0 included:
//
//   s = 255 / (high - low), or 1 where that is infinite; r = 1 / s
//   zp = rint(clamp((-128 + low * s) + (127 + high * s) > 0 ? -128 - low * s : 127 - high * s))
//
// every operation rounded to f32 by itself (compile callers with -ffp-contract=off).
inline RowQuantization QuantizationOf(float low, float high) {
  float s = high == low ? 1.0f : 255.0f / (high - low);
  // A range too small to be divided by is as good as none.
  if (std::isinf(s)) s = 1.0f;
  // A range that overflows has s = 0 and NaNs; the row then is bias only.
  if (s == 0) return {0, 0, 0};
  const float scaled_low = low * s, scaled_high = high * s;
  const bool from_below = (-128.0f + scaled_low) + (127.0f + scaled_high) > 0;
  const float zero_point = from_below ? -128.0f - scaled_low : 127.0f - scaled_high;
  return {s, std::nearbyint(std::clamp(zero_point, -128.0f, 127.0f)), 1.0f / s};
}

}  // namespace switchyard
