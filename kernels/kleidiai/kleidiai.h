// KleidiAI's micro-kernels behind PackedGemm: one file for each variant, with a table of the
// functions of each row of the kernel table. Getters of SME kernels execute an SME instruction, so
// none is called: sizes come from the table's formulas.
#pragma once

#include <memory>
#include <string_view>

#include "kernels/cpu/features.h"
#include "kernels/gemm/packed_gemm.h"
#include "kernels/gemm/problem.h"
#include "kernels/gemm/row.h"

namespace switchyard::kleidiai {

// Null for a row that no table here has, or a vector length that the architecture does not have.
std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& kernel, const GemmProblem& problem,
                                           const CpuFeatures& cpu);

// "1.19.0"
std::string_view Version();

std::unique_ptr<PackedGemm> MakePf32(const KernelRow& kernel, const GemmProblem& problem,
                                     size_t vl);
std::unique_ptr<PackedGemm> MakePf16(const KernelRow& kernel, const GemmProblem& problem,
                                     size_t vl);
std::unique_ptr<PackedGemm> MakeQp8F32Qc8w(const KernelRow& kernel, const GemmProblem& problem,
                                           size_t vl);
std::unique_ptr<PackedGemm> MakePqs8Qc8w(const KernelRow& kernel, const GemmProblem& problem,
                                         size_t vl);
std::unique_ptr<PackedGemm> MakeQp8F32Qb4w(const KernelRow& kernel, const GemmProblem& problem,
                                           size_t vl);

}  // namespace switchyard::kleidiai
