// A row of activations that is quantized as it is packed, for qc8w and qb4w.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/avx2/avx2.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/quantize_row.h"
#include "kernels/x86/strips.h"

namespace switchyard::x86 {

struct RowToQuantize {
  const float* x;  // problem.k of them
  RowQuantization by;

  QuantizedRow Packed() const { return {-static_cast<int32_t>(by.zero_point), by.r}; }
};

// Of f16 the row is first made f32, in `scratch`. Compile callers with -ffp-contract=off.
inline RowToQuantize FindQuantization(const GemmProblem& problem, const std::byte* row,
                                      std::byte* scratch) {
  const auto* x = reinterpret_cast<const float*>(row);
  if (problem.lhs_type == DataType::kF16) {
    auto* const wide = reinterpret_cast<float*>(scratch);
    avx2::WidenF16(reinterpret_cast<const uint16_t*>(row), problem.k, wide);
    x = wide;
  }
  const auto [low, high] = avx2::FindRange(x, problem.k);
  return {x, QuantizationOf(low, high)};
}

}  // namespace switchyard::x86
