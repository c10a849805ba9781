// The rows of AMX-INT8 with AVX-512, and the same on tiles of plain C++ (amx_model), which run only
// where they are forced: through them the use of tiles is tested on any CPU.
#pragma once

#include <array>

#include "kernels/amx/amx.h"
#include "kernels/x86/rows.h"

namespace switchyard::amx {

inline constexpr uint32_t kNeeds = FeatureBits(
    {CpuFeature::kAvx512, CpuFeature::kAvx512Vnni, CpuFeature::kAmxTile, CpuFeature::kAmxInt8});
inline constexpr Extent kRows = {.fixed = kStripRows};
// Rows start at cache lines, and those of a power of two of depth not in one set of the cache.
inline constexpr PackedVector kRow = {.depth_multiple = 64, .bytes = 64};
constexpr PackedVector InTiles(PackedVector column) {
  column.depth_multiple = 64;
  return column;
}

inline constexpr Yield kYieldEverywhere[] = {
    {.cpu = [](const CpuFeatures&) { return true; },
     .shape = nullptr,
     .evidence = "AMX on tiles of plain C++, meant for tests"}};

inline constexpr auto kTable = std::to_array<KernelRow>({
    {.name = "qp8_f32_qc8w_amx",
     .variant = Variant::kQp8F32Qc8w,
     .tier = Tier::kAmx,
     .required = kNeeds,
     .gemm = "gemm_qp8_f32_qc8w_32x32_amx",
     .gemv = {"gemm_qp8_f32_qc8w_1x48_avx512vnni", LhsForm::kPacked, x86::kColumns},
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 4,
     .sr = 1,
     .lhs_vector = kRow,
     .rhs_vector = InTiles(x86::kQc8wColumn),
     .task_bytes = kTaskBytes,
     .m_step = kRows,
     .n_step = x86::kColumns,
     .lhs_layout = "qp8_u8x64"},
    {.name = "pqs8_qc8w_amx",
     .variant = Variant::kPqs8Qc8w,
     .tier = Tier::kAmx,
     .required = kNeeds,
     .gemm = "gemm_pqs8_qc8w_32x32_amx",
     .imatmul = "imatmul_pqs8_qc8w_32x32_amx",
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 4,
     .sr = 1,
     .lhs_vector = kRow,
     .rhs_vector = InTiles(x86::kPqs8Column),
     .has_dense_taps = true,
     .task_bytes = kTaskBytes,
     .m_step = kRows,
     .n_step = x86::kColumns,
     .lhs_layout = "u8x64"},
});

inline constexpr auto kModelTable = std::to_array<KernelRow>({
    {.name = "qp8_f32_qc8w_amx_model",
     .variant = Variant::kQp8F32Qc8w,
     .tier = Tier::kAmxModel,
     .required = 0,
     .gemm = "gemm_qp8_f32_qc8w_32x32_amx_model",
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 4,
     .sr = 1,
     .lhs_vector = kRow,
     .rhs_vector = InTiles(x86::kQc8wColumn),
     .task_bytes = kTaskBytes,
     .m_step = kRows,
     .n_step = x86::kColumns,
     .lhs_layout = "qp8_u8x64",
     .yields = kYieldEverywhere},
    {.name = "pqs8_qc8w_amx_model",
     .variant = Variant::kPqs8Qc8w,
     .tier = Tier::kAmxModel,
     .required = 0,
     .gemm = "gemm_pqs8_qc8w_32x32_amx_model",
     .imatmul = "imatmul_pqs8_qc8w_32x32_amx_model",
     .mr = x86::kOneRow,
     .nr = x86::kColumns,
     .kr = 4,
     .sr = 1,
     .lhs_vector = kRow,
     .rhs_vector = InTiles(x86::kPqs8Column),
     .has_dense_taps = true,
     .task_bytes = kTaskBytes,
     .m_step = kRows,
     .n_step = x86::kColumns,
     .lhs_layout = "u8x64",
     .yields = kYieldEverywhere},
});

}  // namespace switchyard::amx
