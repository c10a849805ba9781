// Products of the x86-64 tiers: how weights and rows are packed and blocks cut into strips, for the
// micro-kernels of kernels/avx2 and kernels/avx512. Compiled for any x86-64 CPU.
#pragma once

#include <memory>
#include <string_view>

#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"
#include "kernels/x86/strips.h"

namespace switchyard::x86 {

std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& row, const GemmProblem& problem,
                                           const CpuFeatures& cpu);

// Changes with the layout of what is packed.
constexpr std::string_view Version() { return "1"; }

// A row's micro-kernels: strips by their number of rows, less 1.
struct FloatFunctions {
  const FloatStripFunction* strips;
  FloatStripFunction gemv;
};
// float_gemm.cpp, int8_gemm.cpp, int4_gemm.cpp
std::unique_ptr<PackedGemm> MakeFloatGemm(const FloatFunctions& functions, const KernelRow& row,
                                          const GemmProblem& problem);
std::unique_ptr<PackedGemm> MakeInt8Gemm(const IntegerStripFunction* strips, const KernelRow& row,
                                         const GemmProblem& problem);
std::unique_ptr<PackedGemm> MakeInt4Gemm(const IntegerStripFunction* strips, const KernelRow& row,
                                         const GemmProblem& problem);

// `m` rows as strips of at most `max_rows`, as equal as they can be: calls fn(first, rows).
template <typename Fn>
void ForEachStrip(size_t m, size_t max_rows, Fn fn) {
  const size_t strips = (m + max_rows - 1) / max_rows;
  for (size_t i = 0; i < strips; ++i) fn(i * m / strips, (i + 1) * m / strips - i * m / strips);
}

}  // namespace switchyard::x86
