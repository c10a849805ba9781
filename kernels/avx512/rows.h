// The rows of AVX-512 (F, BW, VL, DQ), those of int8 and int4 with VNNI.
#pragma once

#include <array>

#include "kernels/x86/rows.h"

namespace switchyard::avx512 {

inline constexpr uint32_t kNeeds = FeatureBits({CpuFeature::kAvx512});
inline constexpr uint32_t kNeedsVnni = FeatureBits({CpuFeature::kAvx512, CpuFeature::kAvx512Vnni});
inline constexpr Extent kRows = {.fixed = x86::kMaxStripRows}, kInt4Rows = {.fixed = 6};

// Convolutions of short sums, or of few channels in and out: their rows are copied, or read tap by
// tap, for too few products each.
constexpr bool IsThin(const GemmProblem& problem) {
  return problem.op == GemmOperator::kConv2d &&
         (problem.k <= 32 || (problem.n <= 16 && problem.channels_per_tap <= 32));
}
inline constexpr Yield kThin = {
    .cpu = [](const CpuFeatures&) { return true; },
    .shape = &IsThin,
    .evidence =
        "too few products for each element that is copied: 0.25 to 0.75 times its speed "
        "(Sapphire Rapids, one thread)"};
inline constexpr Yield kPf32Yields[] = {kThin};
// Of 64 columns and more XNNPACK's own is wrong there, and its nodes run in f32.
inline constexpr Yield kPf16Yields[] = {
    kThin,
    {.cpu = [](const CpuFeatures& host) { return host.Has(CpuFeature::kAvx512Fp16); },
     .shape = [](const GemmProblem& problem) { return problem.m > 1 && problem.n < 64; },
     .evidence = "XNNPACK multiplies in f16 there, with twice as many lanes: 0.6 times its speed "
                 "(Sapphire Rapids, one thread)"}};

// Where int8 runs without AMX: XNNPACK finds it by itself. A single row is as fast without.
inline constexpr Yield kInt8Yields[] = {
    {.cpu = [](const CpuFeatures& host) { return host.Has(CpuFeature::kAmxInt8); },
     .shape = [](const GemmProblem& problem) { return problem.m > 1; },
     .evidence =
         "XNNPACK has AMX there: 0.36 to 0.63 times its speed (Sapphire Rapids, one thread)"}};

inline constexpr auto kTable = std::to_array<KernelRow>({
    {.name = "pf32_avx512",
     .variant = Variant::kPf32,
     .tier = Tier::kAvx512,
     .required = kNeeds,
     .gemm = "gemm_f32_8x48_avx512",
     .lhs = LhsForm::kRaw,
     .gemv = {"gemv_f32_1x16_avx512", LhsForm::kRaw, x86::kColumns},
     .imatmul = "imatmul_f32_8x48_avx512",
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 1,
     .sr = 1,
     .rhs_vector = x86::kFloatColumn,
     .k_block = x86::kFloatDepth,
     .task_bytes = x86::CopiedRowsBytes(kRows.fixed),
     .m_step = kRows,
     .n_step = x86::kColumns,
     .lhs_layout = "f32",
     .yields = kPf32Yields},
    {.name = "pf16_avx512",
     .variant = Variant::kPf16,
     .tier = Tier::kAvx512,
     .required = kNeeds,
     .gemm = "gemm_f16_8x48_avx512",
     .lhs = LhsForm::kRaw,
     .gemv = {"gemv_f16_1x16_avx512", LhsForm::kRaw, x86::kColumns},
     .imatmul = "imatmul_f16_8x48_avx512",
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 1,
     .sr = 1,
     .rhs_vector = x86::kFloatColumn,
     .k_block = x86::kFloatDepth,
     .task_bytes = x86::CopiedRowsBytes(kRows.fixed),
     .m_step = kRows,
     .n_step = x86::kColumns,
     .lhs_layout = "f16",
     .yields = kPf16Yields},
    {.name = "qp8_f32_qc8w_avx512",
     .variant = Variant::kQp8F32Qc8w,
     .tier = Tier::kAvx512,
     .required = kNeedsVnni,
     .gemm = "gemm_qp8_f32_qc8w_8x48_avx512vnni",
     .gemv = {"gemm_qp8_f32_qc8w_1x48_avx512vnni", LhsForm::kPacked, x86::kColumns},
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 4,
     .sr = 1,
     .lhs_vector = {.bytes = sizeof(x86::QuantizedRow)},
     .rhs_vector = x86::kQc8wColumn,
     .m_step = kRows,
     .n_step = x86::kColumns,
     .lhs_layout = "qp8_u8",
     .yields = kInt8Yields},
    {.name = "pqs8_qc8w_avx512",
     .variant = Variant::kPqs8Qc8w,
     .tier = Tier::kAvx512,
     .required = kNeedsVnni,
     .gemm = "gemm_pqs8_qc8w_8x48_avx512vnni",
     .imatmul = "imatmul_pqs8_qc8w_8x48_avx512vnni",
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 4,
     .sr = 1,
     .rhs_vector = x86::kPqs8Column,
     .has_dense_taps = true,
     .m_step = kRows,
     .n_step = x86::kColumns,
     .lhs_layout = "u8",
     .yields = kInt8Yields},
    {.name = "qp8_f32_qb4w_avx512",
     .variant = Variant::kQp8F32Qb4w,
     .tier = Tier::kAvx512,
     .required = kNeedsVnni,
     .gemm = "gemm_qp8_f32_qb4w_6x32_avx512vnni",
     .gemv = {"gemm_qp8_f32_qb4w_1x64_avx512vnni", LhsForm::kPacked, x86::kColumns},
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 32,
     .sr = 1,
     .lhs_vector = x86::kQb4wRow,
     .rhs_vector = x86::kQb4wColumn,
     .m_step = kInt4Rows,
     .n_step = x86::kColumns,
     .k_multiple = x86::kSumDepth,
     .lhs_layout = "qp8_s8_sums"},
});

}  // namespace switchyard::avx512
