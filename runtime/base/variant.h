// The five packed variants: which types meet in a matrix multiplication.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace switchyard {

// Activations x weights -> output, as in the table of the README.
enum class Variant : uint8_t {
  kPf32,        // f32 x f32 -> f32
  kPf16,        // f16 x f16 -> f16, accumulated in f32
  kQp8F32Qc8w,  // f32, quantized per row to int8 at run time, x int8 per channel -> f32
  kPqs8Qc8w,    // int8 x int8 per channel -> int8
  kQp8F32Qb4w,  // f32, quantized per row to int8 at run time, x int4 blockwise -> f32
};
inline constexpr size_t kNumVariants = 5;

// "pf32"
constexpr std::string_view Name(Variant variant) {
  constexpr std::string_view kNames[kNumVariants] = {"pf32", "pf16", "qp8_f32_qc8w", "pqs8_qc8w",
                                                     "qp8_f32_qb4w"};
  return kNames[static_cast<size_t>(variant)];
}

}  // namespace switchyard
