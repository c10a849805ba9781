// The rows of plain C++: one for each variant, on every CPU. They yield everywhere and run only
// where they are forced: through them the packed half of the backend runs on any machine, under
// every sanitizer.
#pragma once

#include <array>

#include "kernels/gemm/row.h"

namespace switchyard::reference {

inline constexpr Yield kYieldEverywhere[] = {
    {.cpu = [](const CpuFeatures&) { return true; },
     .shape = nullptr,
     .evidence = "plain C++ without vectors, meant for tests"}};

// Rows and columns are packed one by one; work is cut at other steps in each direction, so that
// whoever mixes them up is found out.
inline constexpr Extent kOne = {.fixed = 1};
// Sums are cut often, so that small tests have pieces.
inline constexpr uint16_t kDepth = 24;
inline constexpr Extent kRows = {.fixed = 4}, kColumns = {.fixed = 8}, kGemvColumns = {.fixed = 16};

inline constexpr auto kTable = std::to_array<KernelRow>({
    {.name = "pf32_reference",
     .variant = Variant::kPf32,
     .tier = Tier::kReference,
     .required = 0,
     .gemm = "reference_gemm_f32",
     .lhs = LhsForm::kRaw,
     .gemv = {"reference_gemv_f32", LhsForm::kRaw, kGemvColumns},
     .imatmul = "reference_imatmul_f32",
     .mr = kOne,
     .nr = kOne,
     .kr = 1,
     .sr = 1,
     .rhs_vector = {.bytes = 4},
     .k_block = kDepth,
     .m_step = kRows,
     .n_step = kColumns,
     .lhs_layout = "reference_f32",
     .yields = kYieldEverywhere},
    {.name = "pf16_reference",
     .variant = Variant::kPf16,
     .tier = Tier::kReference,
     .required = 0,
     .gemm = "reference_gemm_f16",
     .gemv = {"reference_gemv_f16", LhsForm::kRaw, kGemvColumns},
     .imatmul = "reference_imatmul_f16",
     .mr = kOne,
     .nr = kOne,
     .kr = 1,
     .sr = 1,
     .lhs_vector = {.depth_multiple = 2},
     .rhs_vector = {.depth_multiple = 2, .bytes = 4},
     .k_block = kDepth,
     .m_step = kRows,
     .n_step = kColumns,
     .lhs_layout = "reference_f16",
     .yields = kYieldEverywhere},
    {.name = "qp8_f32_qc8w_reference",
     .variant = Variant::kQp8F32Qc8w,
     .tier = Tier::kReference,
     .required = 0,
     .gemm = "reference_gemm_qp8_qc8w",
     .gemv = {"reference_gemv_qp8_qc8w", LhsForm::kPacked, kGemvColumns},
     .mr = kOne,
     .nr = kOne,
     .kr = 1,
     .sr = 1,
     .lhs_vector = {.depth_multiple = 32, .bytes = 8},
     .rhs_vector = {.depth_multiple = 32, .bytes = 16},
     .m_step = kRows,
     .n_step = kColumns,
     .lhs_layout = "reference_qp8",
     .yields = kYieldEverywhere},
    {.name = "pqs8_qc8w_reference",
     .variant = Variant::kPqs8Qc8w,
     .tier = Tier::kReference,
     .required = 0,
     .gemm = "reference_gemm_pqs8",
     .imatmul = "reference_imatmul_pqs8",
     .mr = kOne,
     .nr = kOne,
     .kr = 1,
     .sr = 1,
     .lhs_vector = {.depth_multiple = 4},
     .rhs_vector = {.depth_multiple = 4, .bytes = 16},
     .k_block = kDepth,
     .m_step = kRows,
     .n_step = kColumns,
     .lhs_layout = "reference_s8",
     .yields = kYieldEverywhere},
    {.name = "qp8_f32_qb4w_reference",
     .variant = Variant::kQp8F32Qb4w,
     .tier = Tier::kReference,
     .required = 0,
     .gemm = "reference_gemm_qp8_qb4w",
     .gemv = {"reference_gemv_qp8_qb4w", LhsForm::kPacked, kGemvColumns},
     .mr = kOne,
     .nr = kOne,
     .kr = 1,
     .sr = 1,
     .lhs_vector = {.depth_multiple = 32, .bytes = 8},
     .rhs_vector = {.depth_multiple = 32, .bytes = 4, .block_bytes = 4},
     .task_bytes = 16,
     .m_step = kRows,
     .n_step = kColumns,
     .k_multiple = 32,
     .lhs_layout = "reference_qp8",
     .yields = kYieldEverywhere},
});

}  // namespace switchyard::reference
