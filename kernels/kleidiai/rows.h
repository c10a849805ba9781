// The rows. Names, tiles and packing parameters of KleidiAI's micro-kernels, which exist in every
// version from 1.19 on; within a variant the order is the order of preference.

#include <algorithm>
#include <array>

#include "kernels/cpu/tiers.h"
#include "kernels/gemm/row.h"

namespace switchyard {
namespace {

using enum CpuFeature;

constexpr Extent Fixed(uint16_t n) { return {.fixed = n, .per_vl = 0}; }
constexpr Extent Vl(uint16_t n) { return {.fixed = 0, .per_vl = n}; }

// A core with SME2 has SME; the GEMVs of the i8mm sets are dotprod kernels.
constexpr uint32_t kNeedsSme2 = FeatureBits({kSme, kSme2});
constexpr uint32_t kNeedsSme = FeatureBits({kSme});
constexpr uint32_t kNeedsI8mm = FeatureBits({kDotProd, kI8mm});
constexpr uint32_t kNeedsDotProd = FeatureBits({kDotProd});

constexpr auto kRows = std::to_array<KernelRow>({
    {.name = "pf32_sme2",
     .variant = Variant::kPf32,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme2,
     .gemm = "matmul_clamp_f32_f32p2vlx1_f32p2vlx1biasf32_sme2_mopa",
     .gemv = {"matmul_clamp_f32_f32_f32p2vlx1b_1x16vl_sme2_mla", false, Vl(16)},
     .imatmul = "imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme2_mopa",
     .mr = Vl(2),
     .nr = Vl(2),
     .kr = 1,
     .sr = 1,
     .m_step = Vl(2),
     .n_step = Vl(2),
     .lhs_layout = "f32p2vlx1"},
    {.name = "pf32_sme",
     .variant = Variant::kPf32,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme,
     .gemm = "matmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa",
     .gemv = {"matmul_clamp_f32_f32_f32p2vlx1b_1x8vl_sme_mla", false, Vl(8)},
     .imatmul = "imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa",
     .mr = Vl(2),
     .nr = Vl(2),
     .kr = 1,
     .sr = 1,
     .m_step = Vl(2),
     .n_step = Vl(2),
     .lhs_layout = "f32p2vlx1"},

    // Weights that only ever meet single rows: 16 VL columns side by side, which a GEMV reads as
    // one stream instead of eight. Behind the rows whose layout a GEMM reads as well, for three
    // reasons: a method for single rows (decode) usually has a sibling for many (prefill) with the
    // same weights, and one layout is one copy; less than 16 VL columns are padded to so many (256
    // at 512 bits: a classifier of 10 would read 26 times its weights); and that one stream is
    // faster has not been measured on any CPU. Option force_kernel takes it.
    {.name = "pf32_sme2_gemv",
     .variant = Variant::kPf32,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme2,
     .gemv = {"matmul_clamp_f32_f32_f32p16vlx1b_1x16vl_sme2_mla", false, Vl(16)},
     .mr = Fixed(1),
     .nr = Vl(16),
     .kr = 1,
     .sr = 1,
     .m_step = Fixed(1),
     .n_step = Vl(16),
     .gemv_only = true,
     .lhs_layout = "f32"},

    {.name = "pf16_sme2",
     .variant = Variant::kPf16,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme2,
     .gemm = "matmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa",
     .gemv = {"matmul_clamp_f16_f16_f16p2vlx2b_1x16vl_sme2_dot", false, Vl(16)},
     .imatmul = "imatmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa",
     .mr = Vl(2),
     .nr = Vl(2),
     .kr = 2,
     .sr = 1,
     .m_step = Vl(2),
     .n_step = Vl(2),
     .lhs_layout = "x16p2vlx2"},
    {.name = "pf16_sme",
     .variant = Variant::kPf16,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme,
     .gemm = "matmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa",
     .gemv = {"matmul_clamp_f16_f16_f16p2vlx2b_1x8vl_sme_mla", false, Vl(8)},
     .imatmul = "imatmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa",
     .mr = Vl(2),
     .nr = Vl(2),
     .kr = 2,
     .sr = 1,
     .m_step = Vl(2),
     .n_step = Vl(2),
     .lhs_layout = "x16p2vlx2"},

    {.name = "qp8_f32_qc8w_sme2",
     .variant = Variant::kQp8F32Qc8w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme2,
     .gemm = "matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme2_mopa",
     .gemv = {"matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme2_dot", true, Vl(4)},
     .mr = Vl(1),
     .nr = Vl(4),
     .kr = 4,
     .sr = 1,
     .m_step = Vl(1),
     .n_step = Vl(4),
     .lhs_layout = "qai8dxp1vlx4"},
    {.name = "qp8_f32_qc8w_sme",
     .variant = Variant::kQp8F32Qc8w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme,
     .gemm = "matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme_mopa",
     .gemv = {"matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme_dot", true, Vl(4)},
     .mr = Vl(1),
     .nr = Vl(4),
     .kr = 4,
     .sr = 1,
     .m_step = Vl(1),
     .n_step = Vl(4),
     .lhs_layout = "qai8dxp1vlx4"},
    {.name = "qp8_f32_qc8w_i8mm",
     .variant = Variant::kQp8F32Qc8w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsI8mm,
     .gemm = "matmul_clamp_f32_qai8dxp4x8_qsi8cxp4x8_16x4_neon_i8mm",
     .gemv = {"matmul_clamp_f32_qai8dxp1x8_qsi8cxp4x8_1x4_neon_dotprod", true, Fixed(4)},
     .mr = Fixed(4),
     .nr = Fixed(4),
     .kr = 8,
     .sr = 1,
     .m_step = Fixed(16),
     .n_step = Fixed(4),
     .lhs_layout = "qai8dxp4x8"},
    {.name = "qp8_f32_qc8w_dotprod",
     .variant = Variant::kQp8F32Qc8w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsDotProd,
     .gemm = "matmul_clamp_f32_qai8dxp4x4_qsi8cxp4x4_16x4_neon_dotprod",
     .gemv = {"matmul_clamp_f32_qai8dxp1x4_qsi8cxp4x4_1x4_neon_dotprod", true, Fixed(4)},
     .mr = Fixed(4),
     .nr = Fixed(4),
     .kr = 4,
     .sr = 1,
     .m_step = Fixed(16),
     .n_step = Fixed(4),
     .lhs_layout = "qai8dxp4x4"},

    {.name = "pqs8_qc8w_sme2",
     .variant = Variant::kPqs8Qc8w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme2,
     .gemm = "matmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa",
     .gemv = {"matmul_clamp_qai8_qai8_qsi8cxp2vlx4sb_1x16vl_sme2_dot", false, Vl(16)},
     .imatmul = "imatmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa",
     .mr = Vl(2),
     .nr = Vl(2),
     .kr = 4,
     .sr = 1,
     .m_step = Vl(2),
     .n_step = Vl(2),
     .lhs_layout = "x8p2vlx4"},
    {.name = "pqs8_qc8w_sme",
     .variant = Variant::kPqs8Qc8w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme,
     .gemm = "matmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa",
     .imatmul = "imatmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa",
     .mr = Vl(2),
     .nr = Vl(2),
     .kr = 4,
     .sr = 1,
     .m_step = Vl(2),
     .n_step = Vl(2),
     .lhs_layout = "x8p2vlx4"},

    {.name = "qp8_f32_qb4w_sme2",
     .variant = Variant::kQp8F32Qb4w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsSme2,
     .gemm = "matmul_clamp_f32_qai8dxp1vlx4_qsi4c32p4vlx4_1vlx4vl_sme2_mopa",
     .gemv = {"matmul_clamp_f32_qai8dxp1x4_qsi4c32p4vlx4_1x4vl_sme2_dot", true, Vl(4)},
     .mr = Vl(1),
     .nr = Vl(4),
     .kr = 8,
     .sr = 2,
     .m_step = Vl(1),
     .n_step = Vl(4),
     .lhs_layout = "qai8dxp1vlx4"},
    // Of the four i8mm layouts: the same packing as 16x4x32, but 102 instead of 61
    // multiply-accumulates per cycle in a model of Neoverse V2.
    {.name = "qp8_f32_qb4w_i8mm_8x4x32",
     .variant = Variant::kQp8F32Qb4w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsI8mm,
     .gemm = "matmul_clamp_f32_qai8dxp4x8_qsi4c32p4x8_8x4x32_neon_i8mm",
     .gemv = {"matmul_clamp_f32_qai8dxp1x8_qsi4c32p4x8_1x4x32_neon_dotprod", true, Fixed(4)},
     .mr = Fixed(4),
     .nr = Fixed(4),
     .kr = 16,
     .sr = 2,
     .m_step = Fixed(8),
     .n_step = Fixed(4),
     .lhs_layout = "qai8dxp4x8"},
    {.name = "qp8_f32_qb4w_i8mm_4x8x32",
     .variant = Variant::kQp8F32Qb4w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsI8mm,
     .gemm = "matmul_clamp_f32_qai8dxp4x8_qsi4c32p8x8_4x8x32_neon_i8mm",
     .gemv = {"matmul_clamp_f32_qai8dxp1x8_qsi4c32p8x8_1x8x32_neon_dotprod", true, Fixed(8)},
     .mr = Fixed(4),
     .nr = Fixed(8),
     .kr = 16,
     .sr = 2,
     .m_step = Fixed(4),
     .n_step = Fixed(8),
     .lhs_layout = "qai8dxp4x8"},
    {.name = "qp8_f32_qb4w_i8mm_4x8",
     .variant = Variant::kQp8F32Qb4w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsI8mm,
     .gemm = "matmul_clamp_f32_qai8dxp4x8_qsi4c32p8x8_4x8_neon_i8mm",
     .gemv = {"matmul_clamp_f32_qai8dxp1x8_qsi4c32p8x8_1x8_neon_dotprod", true, Fixed(8)},
     .mr = Fixed(4),
     .nr = Fixed(8),
     .kr = 16,
     .sr = 2,
     .m_step = Fixed(4),
     .n_step = Fixed(8),
     .lhs_layout = "qai8dxp4x8"},
    {.name = "qp8_f32_qb4w_i8mm_16x4x32",
     .variant = Variant::kQp8F32Qb4w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsI8mm,
     .gemm = "matmul_clamp_f32_qai8dxp4x8_qsi4c32p4x8_16x4x32_neon_i8mm",
     .gemv = {"matmul_clamp_f32_qai8dxp1x8_qsi4c32p4x8_1x4x32_neon_dotprod", true, Fixed(4)},
     .mr = Fixed(4),
     .nr = Fixed(4),
     .kr = 16,
     .sr = 2,
     .m_step = Fixed(16),
     .n_step = Fixed(4),
     .lhs_layout = "qai8dxp4x8"},
    {.name = "qp8_f32_qb4w_dotprod_16x4",
     .variant = Variant::kQp8F32Qb4w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsDotProd,
     .gemm = "matmul_clamp_f32_qai8dxp4x4_qsi4c32p4x4_16x4_neon_dotprod",
     .gemv = {"matmul_clamp_f32_qai8dxp1x4_qsi4c32p4x4_1x4_neon_dotprod", true, Fixed(4)},
     .mr = Fixed(4),
     .nr = Fixed(4),
     .kr = 8,
     .sr = 2,
     .m_step = Fixed(16),
     .n_step = Fixed(4),
     .lhs_layout = "qai8dxp4x4"},
    {.name = "qp8_f32_qb4w_dotprod_4x8",
     .variant = Variant::kQp8F32Qb4w,
     .provider = Provider::kKleidiAi,
     .required = kNeedsDotProd,
     .gemm = "matmul_clamp_f32_qai8dxp4x4_qsi4c32p8x4_4x8_neon_dotprod",
     .gemv = {"matmul_clamp_f32_qai8dxp1x4_qsi4c32p8x4_1x8_neon_dotprod", true, Fixed(8)},
     .mr = Fixed(4),
     .nr = Fixed(8),
     .kr = 8,
     .sr = 2,
     .m_step = Fixed(4),
     .n_step = Fixed(8),
     .lhs_layout = "qai8dxp4x4"},
});

// The name of a row says its tier: the best one whose feature it requires.
static_assert(std::ranges::all_of(kRows, [](const KernelRow& row) {
  const auto requires_it = [&](const KernelTier& tier) {
    return (row.required & FeatureBits({tier.feature})) != 0;
  };
  return &TierOf(row.name) == std::ranges::find_if(kKernelTiers, requires_it);
}));

consteval auto WithTiers() {
  auto rows = kRows;
  for (KernelRow& row : rows) row.is_built = TierOf(row.name).built;
  return rows;
}
constexpr auto kKernels = WithTiers();

}  // namespace

std::span<const KernelRow> KernelTable() { return kKernels; }

}  // namespace switchyard
