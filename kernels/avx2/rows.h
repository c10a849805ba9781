// The rows of AVX2 with FMA3 and F16C.
#pragma once

#include <array>

#include "kernels/x86/rows.h"

namespace switchyard::avx2 {

inline constexpr uint32_t kNeeds = FeatureBits({CpuFeature::kAvx2});
inline constexpr Extent kFloatRows = {.fixed = 6}, kIntegerRows = {.fixed = 4};
inline constexpr Extent kInt4Columns = {.fixed = 8};

// Where these run masked: XNNPACK finds AVX-512 by itself.
inline constexpr Yield kYields[] = {
    {.cpu = [](const CpuFeatures& host) { return host.Has(CpuFeature::kAvx512); },
     .shape = nullptr,
     .evidence =
         "XNNPACK has AVX-512 there: 0.5 to 1.3 times its speed in f32, 0.04 to 0.5 in int8 "
         "(Sapphire Rapids, one thread)"}};

inline constexpr auto kTable = std::to_array<KernelRow>({
    {.name = "pf32_avx2",
     .variant = Variant::kPf32,
     .tier = Tier::kAvx2,
     .required = kNeeds,
     .gemm = "gemm_f32_6x16_avx2",
     .lhs = LhsForm::kRaw,
     .gemv = {"gemv_f32_1x16_avx2", LhsForm::kRaw, x86::kColumns},
     .imatmul = "imatmul_f32_6x16_avx2",
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 1,
     .sr = 1,
     .rhs_vector = x86::kFloatColumn,
     .k_block = x86::kFloatDepth,
     .task_bytes = x86::CopiedRowsBytes(kFloatRows.fixed),
     .m_step = kFloatRows,
     .n_step = x86::kColumns,
     .lhs_layout = "f32",
     .yields = kYields},
    {.name = "pf16_avx2",
     .variant = Variant::kPf16,
     .tier = Tier::kAvx2,
     .required = kNeeds,
     .gemm = "gemm_f16_6x16_avx2",
     .lhs = LhsForm::kRaw,
     .gemv = {"gemv_f16_1x16_avx2", LhsForm::kRaw, x86::kColumns},
     .imatmul = "imatmul_f16_6x16_avx2",
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 1,
     .sr = 1,
     .rhs_vector = x86::kFloatColumn,
     .k_block = x86::kFloatDepth,
     .task_bytes = x86::CopiedRowsBytes(kFloatRows.fixed),
     .m_step = kFloatRows,
     .n_step = x86::kColumns,
     .lhs_layout = "f16",
     .yields = kYields},
    {.name = "qp8_f32_qc8w_avx2",
     .variant = Variant::kQp8F32Qc8w,
     .tier = Tier::kAvx2,
     .required = kNeeds,
     .gemm = "gemm_qp8_f32_qc8w_4x16_avx2",
     .gemv = {"gemm_qp8_f32_qc8w_1x16_avx2", LhsForm::kPacked, x86::kColumns},
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 2,
     .sr = 1,
     .lhs_vector = {.element_bits = 16, .bytes = sizeof(x86::QuantizedRow)},
     .rhs_vector = x86::kQc8wColumn,
     .m_step = kIntegerRows,
     .n_step = x86::kColumns,
     .lhs_layout = "qp8_s16",
     .yields = kYields},
    {.name = "pqs8_qc8w_avx2",
     .variant = Variant::kPqs8Qc8w,
     .tier = Tier::kAvx2,
     .required = kNeeds,
     .gemm = "gemm_pqs8_qc8w_4x16_avx2",
     .imatmul = "imatmul_pqs8_qc8w_4x16_avx2",
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 2,
     .sr = 1,
     .lhs_vector = {.element_bits = 16},
     .rhs_vector = x86::kPqs8Column,
     .has_dense_taps = true,
     .m_step = kIntegerRows,
     .n_step = x86::kColumns,
     .lhs_layout = "s16",
     .yields = kYields},
    {.name = "qp8_f32_qb4w_avx2",
     .variant = Variant::kQp8F32Qb4w,
     .tier = Tier::kAvx2,
     .required = kNeeds,
     .gemm = "gemm_qp8_f32_qb4w_4x8_avx2",
     .gemv = {"gemm_qp8_f32_qb4w_1x8_avx2", LhsForm::kPacked, kInt4Columns},
     .mr = x86::kOneRow,
     .nr = kInt4Columns,
     .kr = 32,
     .sr = 1,
     .lhs_vector = x86::kQb4wRow,
     .rhs_vector = x86::kQb4wColumn,
     .m_step = kIntegerRows,
     .n_step = kInt4Columns,
     .k_multiple = x86::kSumDepth,
     .lhs_layout = "qp8_s8_sums",
     .yields = kYields},
});

}  // namespace switchyard::avx2
