// The table's tiles and our sizes against KleidiAI's own getters, and packing of right-hand sides.

#include <gtest/gtest.h>

#include "kai/ukernels/matmul/imatmul_clamp_f16_f16p_f16p/kai_imatmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/imatmul_clamp_f16_f16p_f16p/kai_imatmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/imatmul_clamp_f32_f32p_f32p/kai_imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/imatmul_clamp_f32_f32p_f32p/kai_imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/imatmul_clamp_qai8_qai8p_qsi8cxp/kai_imatmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/imatmul_clamp_qai8_qai8p_qsi8cxp/kai_imatmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f16_f16_f16p/kai_matmul_clamp_f16_f16_f16p2vlx2b_1x16vl_sme2_dot.h"
#include "kai/ukernels/matmul/matmul_clamp_f16_f16_f16p/kai_matmul_clamp_f16_f16_f16p2vlx2b_1x8vl_sme_mla.h"
#include "kai/ukernels/matmul/matmul_clamp_f16_f16p_f16p/kai_matmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f16_f16p_f16p/kai_matmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32_f32p/kai_matmul_clamp_f32_f32_f32p16vlx1b_1x16vl_sme2_mla.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32_f32p/kai_matmul_clamp_f32_f32_f32p2vlx1b_1x16vl_sme2_mla.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32_f32p/kai_matmul_clamp_f32_f32_f32p2vlx1b_1x8vl_sme_mla.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32p_f32p/kai_matmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32p_f32p/kai_matmul_clamp_f32_f32p2vlx1_f32p2vlx1biasf32_sme2_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp1vlx4_qsi4c32p4vlx4_1vlx4vl_sme2_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp1x4_qsi4c32p4vlx4_1x4vl_sme2_dot.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp1x4_qsi4c32p4x4_1x4_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp1x4_qsi4c32p8x4_1x8_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp1x8_qsi4c32p4x8_1x4x32_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp1x8_qsi4c32p8x8_1x8_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp1x8_qsi4c32p8x8_1x8x32_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp4x4_qsi4c32p4x4_16x4_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp4x4_qsi4c32p8x4_4x8_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp4x8_qsi4c32p4x8_16x4x32_neon_i8mm.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp4x8_qsi4c32p4x8_8x4x32_neon_i8mm.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp4x8_qsi4c32p8x8_4x8_neon_i8mm.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi4c32p/kai_matmul_clamp_f32_qai8dxp4x8_qsi4c32p8x8_4x8x32_neon_i8mm.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme2_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme2_dot.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme_dot.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1x4_qsi8cxp4x4_1x4_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1x8_qsi8cxp4x8_1x4_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp4x4_qsi8cxp4x4_16x4_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp4x8_qsi8cxp4x8_16x4_neon_i8mm.h"
#include "kai/ukernels/matmul/matmul_clamp_qai8_qai8_qsi8cxp/kai_matmul_clamp_qai8_qai8_qsi8cxp2vlx4sb_1x16vl_sme2_dot.h"
#include "kai/ukernels/matmul/matmul_clamp_qai8_qai8p_qsi8cxp/kai_matmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_qai8_qai8p_qsi8cxp/kai_matmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/pack/kai_lhs_imatmul_pack_x16p2vlx2_x16p_sme.h"
#include "kai/ukernels/matmul/pack/kai_lhs_imatmul_pack_x32p2vlx1_x32p_sme.h"
#include "kai/ukernels/matmul/pack/kai_lhs_imatmul_pack_x8p2vlx4_x8p_sme.h"
#include "kai/ukernels/matmul/pack/kai_lhs_pack_f32p2vlx1_f32_sme.h"
#include "kai/ukernels/matmul/pack/kai_lhs_pack_x16p2vlx2_x16_sme.h"
#include "kai/ukernels/matmul/pack/kai_lhs_pack_x8p2vlx4_x8_sme.h"
#include "kai/ukernels/matmul/pack/kai_lhs_quant_pack_qai8dxp_f32.h"
#include "kai/ukernels/matmul/pack/kai_rhs_imatmul_pack_kxn_qsi8cxp2vlx4sb_qs8cx_f32_i32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_imatmul_pack_kxn_x16p2vlx2b_x16_x16_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_imatmul_pack_kxn_x32p2vlx1b_x32_x32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_kxn_f32p16vlx1b_f32_f32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_kxn_qsi8cxp2vlx4sb_qs8cx_f32_i32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_f32p2vlx1biasf32_f32_f32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_qsi4c32pnrx4_qsu4c32s1s0_neon.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_qsi4c32pnrx8_qsu4c32s1s0_neon.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_qsi4c32ps1s0nrx4_qsu4c32s1s0_neon.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_qsi8cxp_qsi8cx_neon.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_x16p2vlx2b_x16_x16_sme.h"
#include "kernels/kleidiai/rows.h"
#include "test/unit/kernels/gemm/harness.h"
#include "test/unit/kernels/gemm/problems.h"

namespace switchyard::test {
namespace {

// Pointers only: many of these functions execute an SME instruction.
struct GemmGetters {
  std::string_view name;
  size_t (*m_step)(), (*n_step)(), (*mr)(), (*nr)(), (*kr)(), (*sr)();
};
struct GemvGetters {
  std::string_view name;
  size_t (*m_step)(), (*n_step)(), (*nr)(), (*kr)(), (*sr)();
};
struct ImatmulGetters {
  std::string_view name;
  size_t (*m_step)(), (*n_step)();
};

#define SWITCHYARD_GEMM(name) \
  {#name,                     \
   kai_get_m_step_##name,     \
   kai_get_n_step_##name,     \
   kai_get_mr_##name,         \
   kai_get_nr_##name,         \
   kai_get_kr_##name,         \
   kai_get_sr_##name}
#define SWITCHYARD_GEMV(name) \
  {#name,                     \
   kai_get_m_step_##name,     \
   kai_get_n_step_##name,     \
   kai_get_nr_##name,         \
   kai_get_kr_##name,         \
   kai_get_sr_##name}
#define SWITCHYARD_IMATMUL(name) {#name, kai_get_m_step_##name, kai_get_n_step_##name}

constexpr GemmGetters kGemms[] = {
    SWITCHYARD_GEMM(matmul_clamp_f32_f32p2vlx1_f32p2vlx1biasf32_sme2_mopa),
    SWITCHYARD_GEMM(matmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa),
    SWITCHYARD_GEMM(matmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa),
    SWITCHYARD_GEMM(matmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme2_mopa),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme_mopa),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp4x8_qsi8cxp4x8_16x4_neon_i8mm),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp4x4_qsi8cxp4x4_16x4_neon_dotprod),
    SWITCHYARD_GEMM(matmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa),
    SWITCHYARD_GEMM(matmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp1vlx4_qsi4c32p4vlx4_1vlx4vl_sme2_mopa),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp4x8_qsi4c32p4x8_8x4x32_neon_i8mm),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp4x8_qsi4c32p8x8_4x8x32_neon_i8mm),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp4x8_qsi4c32p8x8_4x8_neon_i8mm),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp4x8_qsi4c32p4x8_16x4x32_neon_i8mm),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp4x4_qsi4c32p4x4_16x4_neon_dotprod),
    SWITCHYARD_GEMM(matmul_clamp_f32_qai8dxp4x4_qsi4c32p8x4_4x8_neon_dotprod),
};
constexpr GemvGetters kGemvs[] = {
    SWITCHYARD_GEMV(matmul_clamp_f32_f32_f32p2vlx1b_1x16vl_sme2_mla),
    SWITCHYARD_GEMV(matmul_clamp_f32_f32_f32p2vlx1b_1x8vl_sme_mla),
    SWITCHYARD_GEMV(matmul_clamp_f32_f32_f32p16vlx1b_1x16vl_sme2_mla),
    SWITCHYARD_GEMV(matmul_clamp_f16_f16_f16p2vlx2b_1x16vl_sme2_dot),
    SWITCHYARD_GEMV(matmul_clamp_f16_f16_f16p2vlx2b_1x8vl_sme_mla),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme2_dot),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme_dot),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x8_qsi8cxp4x8_1x4_neon_dotprod),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x4_qsi8cxp4x4_1x4_neon_dotprod),
    SWITCHYARD_GEMV(matmul_clamp_qai8_qai8_qsi8cxp2vlx4sb_1x16vl_sme2_dot),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x4_qsi4c32p4vlx4_1x4vl_sme2_dot),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x8_qsi4c32p4x8_1x4x32_neon_dotprod),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x8_qsi4c32p8x8_1x8x32_neon_dotprod),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x8_qsi4c32p8x8_1x8_neon_dotprod),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x4_qsi4c32p4x4_1x4_neon_dotprod),
    SWITCHYARD_GEMV(matmul_clamp_f32_qai8dxp1x4_qsi4c32p8x4_1x8_neon_dotprod),
};
constexpr ImatmulGetters kImatmuls[] = {
    SWITCHYARD_IMATMUL(imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme2_mopa),
    SWITCHYARD_IMATMUL(imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa),
    SWITCHYARD_IMATMUL(imatmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa),
    SWITCHYARD_IMATMUL(imatmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa),
    SWITCHYARD_IMATMUL(imatmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa),
    SWITCHYARD_IMATMUL(imatmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa),
};

template <typename Getters>
const Getters* Find(std::span<const Getters> table, std::string_view name) {
  const auto row = std::ranges::find(table, name, &Getters::name);
  return row == table.end() ? nullptr : &*row;
}

class KleidiAiLayout : public testing::TestWithParam<std::string> {
 protected:
  const KernelRow& kernel() { return FindKernel(GetParam()); }

  GemmProblem Problem(size_t n, size_t k, bool kxn, bool indirect) {
    GemmProblem problem = ProblemOf(kernel().variant, 5, n, k);
    problem.rhs_is_kxn = kxn;
    if (indirect) {
      problem.op = GemmOperator::kConv2d;
      problem.taps = kTaps;
      problem.channels_per_tap = k / kTaps;
    }
    return problem;
  }

  static constexpr size_t kTaps = 4;
};

TEST_P(KleidiAiLayout, TableAgreesWithTheGetters) {
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel());
  const size_t vl = HostVl();
  EXPECT_EQ(kernel().gemm.empty(), kernel().gemv_only);
  if (!kernel().gemm.empty()) {
    const GemmGetters* gemm = Find<GemmGetters>(kGemms, kernel().gemm);
    ASSERT_NE(gemm, nullptr) << kernel().gemm;
    EXPECT_EQ(kernel().m_step.At(vl), gemm->m_step());
    EXPECT_EQ(kernel().n_step.At(vl), gemm->n_step());
    EXPECT_EQ(kernel().mr.At(vl), gemm->mr());
    EXPECT_EQ(kernel().nr.At(vl), gemm->nr());
    EXPECT_EQ(kernel().kr, gemm->kr());
    EXPECT_EQ(kernel().sr, gemm->sr());
  }
  if (!kernel().gemv.name.empty()) {
    const GemvGetters* gemv = Find<GemvGetters>(kGemvs, kernel().gemv.name);
    ASSERT_NE(gemv, nullptr) << kernel().gemv.name;
    EXPECT_EQ(gemv->m_step(), 1u);
    EXPECT_EQ(kernel().gemv.n_step.At(vl), gemv->n_step());
    EXPECT_EQ(kernel().nr.At(vl), gemv->nr());
    EXPECT_EQ(kernel().kr, gemv->kr());
    EXPECT_EQ(kernel().sr, gemv->sr());
  }
  if (!kernel().imatmul.empty()) {
    const ImatmulGetters* imatmul = Find<ImatmulGetters>(kImatmuls, kernel().imatmul);
    ASSERT_NE(imatmul, nullptr) << kernel().imatmul;
    EXPECT_EQ(kernel().m_step.At(vl), imatmul->m_step());
    EXPECT_EQ(kernel().n_step.At(vl), imatmul->n_step());
  }
}

TEST_P(KleidiAiLayout, SizesAgreeWithTheGetters) {
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel());
  const size_t vl = HostVl(), mr = kernel().mr.At(vl), nr = kernel().nr.At(vl);
  const size_t kr = kernel().kr, sr = kernel().sr;
  for (size_t m : {size_t{1}, kernel().m_step.At(vl) + 1}) {
    for (size_t n : {size_t{1}, nr + 1}) {
      for (size_t k : {32, 96}) {
        const auto gemm = MakePackedGemm(kernel(), Problem(n, k, false, false), HostCpuFeatures());
        ASSERT_NE(gemm, nullptr);
        size_t lhs = 0, rhs = 0;
        switch (kernel().variant) {
          case Variant::kPf32:
            if (kernel().gemv_only) {
              lhs = m * k * sizeof(float);
              rhs = kai_get_rhs_packed_size_rhs_pack_kxn_f32p16vlx1b_f32_f32_sme(n, k);
            } else {
              lhs = kai_get_lhs_packed_size_lhs_pack_f32p2vlx1_f32_sme(m, k, mr, kr, sr);
              rhs = kai_get_rhs_packed_size_rhs_pack_nxk_f32p2vlx1biasf32_f32_f32_sme(n, k);
            }
            break;
          case Variant::kPf16:
            lhs = kai_get_lhs_packed_size_lhs_pack_x16p2vlx2_x16_sme(m, k, mr, kr, sr);
            rhs = kai_get_rhs_packed_size_rhs_pack_nxk_x16p2vlx2b_x16_x16_sme(n, k);
            break;
          case Variant::kQp8F32Qc8w:
            lhs = kai_get_lhs_packed_size_lhs_quant_pack_qai8dxp_f32(m, k, mr, kr, sr);
            rhs = kai_get_rhs_packed_size_rhs_pack_nxk_qsi8cxp_qsi8cx_neon(n, k, nr, kr, sr);
            break;
          case Variant::kPqs8Qc8w:
            lhs = kai_get_lhs_packed_size_lhs_pack_x8p2vlx4_x8_sme(m, k, mr, kr, sr);
            rhs = kai_get_rhs_packed_size_rhs_pack_kxn_qsi8cxp2vlx4sb_qs8cx_f32_i32_sme(n, k);
            break;
          case Variant::kQp8F32Qb4w:
            lhs = kai_get_lhs_packed_size_lhs_quant_pack_qai8dxp_f32(m, k, mr, kr, sr);
            rhs = kai_get_rhs_packed_size_rhs_pack_nxk_qsi4c32pnrx8_qsu4c32s1s0_neon(
                n, k, nr, kr, sr, 32, kai_dt_bf16);
            break;
        }
        EXPECT_EQ(gemm->layout().LhsBytes(m), lhs) << "m " << m << " k " << k;
        EXPECT_EQ(gemm->layout().RhsBytes(), rhs) << "n " << n << " k " << k;
        if (kernel().gemv.lhs == LhsForm::kPacked && !kernel().gemv.name.empty()) {
          EXPECT_EQ(gemm->layout().lhs_row_bytes(),
                    kai_get_lhs_packed_size_lhs_quant_pack_qai8dxp_f32(1, k, 1, kr, sr));
        }
      }
    }
  }
}

TEST_P(KleidiAiLayout, SizesOfIndirectConvolutionsAgreeWithTheGetters) {
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel());
  if (kernel().imatmul.empty()) GTEST_SKIP() << kernel().name << " has no indirect convolution";
  const size_t vl = HostVl();
  const size_t m = kernel().m_step.At(vl) + 1, n = kernel().nr.At(vl) + 1;
  for (size_t channels : {1, 2, 3, 5}) {
    const auto gemm =
        MakePackedGemm(kernel(), Problem(n, kTaps * channels, false, true), HostCpuFeatures());
    ASSERT_NE(gemm, nullptr);
    size_t lhs = 0, rhs = 0;
    if (kernel().variant == Variant::kPf32) {
      lhs = kai_get_lhs_packed_size_lhs_imatmul_pack_x32p2vlx1_x32p_sme(m, kTaps, channels);
      rhs = kai_get_rhs_packed_size_rhs_imatmul_pack_kxn_x32p2vlx1b_x32_x32_sme(n, kTaps, channels);
    } else if (kernel().variant == Variant::kPf16) {
      lhs = kai_get_lhs_packed_size_lhs_imatmul_pack_x16p2vlx2_x16p_sme(m, kTaps, channels);
      rhs = kai_get_rhs_packed_size_rhs_imatmul_pack_kxn_x16p2vlx2b_x16_x16_sme(n, kTaps, channels);
    } else {
      lhs = kai_get_lhs_packed_size_lhs_imatmul_pack_x8p2vlx4_x8p_sme(m, kTaps, channels);
      rhs = kai_get_rhs_packed_size_rhs_imatmul_pack_kxn_qsi8cxp2vlx4sb_qs8cx_f32_i32_sme(n, kTaps,
                                                                                          channels);
    }
    EXPECT_EQ(gemm->layout().LhsBytes(m), lhs);
    EXPECT_EQ(gemm->layout().RhsBytes(), rhs);
    EXPECT_EQ(gemm->layout().gemv_n_step(), 0u);
  }
}

// Elements [rows, columns] of `bits` each, rows padded to bytes.
std::vector<uint8_t> Transposed(const std::vector<uint8_t>& from, size_t rows, size_t columns,
                                size_t bits) {
  if (bits == 4) {
    const size_t from_bytes = (columns + 1) / 2, to_bytes = (rows + 1) / 2;
    std::vector<uint8_t> to(columns * to_bytes, 0);
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) {
        const unsigned nibble = from[i * from_bytes + j / 2] >> (j % 2 * 4) & 0xFu;
        to[j * to_bytes + i / 2] |= static_cast<uint8_t>(nibble << (i % 2 * 4));
      }
    }
    return to;
  }
  const size_t bytes = bits / 8;
  std::vector<uint8_t> to(from.size());
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      std::memcpy(&to[(j * rows + i) * bytes], &from[(i * columns + j) * bytes], bytes);
    }
  }
  return to;
}

TEST_P(KleidiAiLayout, SlicesAndBothOrdersOfWeightsPackToTheSameBytes) {
  SWITCHYARD_SKIP_WITHOUT_FEATURES(kernel());
  std::mt19937 random(17);
  const size_t nr = kernel().nr.At(HostVl());
  for (bool indirect : {false, true}) {
    if (indirect && kernel().imatmul.empty()) continue;
    for (size_t n : {size_t{1}, nr - 1, nr, 3 * nr + 5}) {
      const bool is_int4 = kernel().variant == Variant::kQp8F32Qb4w;
      const size_t k = is_int4 ? 96 : kTaps * 9;
      GemmProblem problem = Problem(n, k, false, indirect);
      const size_t bits = ElementBits(problem.rhs_type);
      std::vector<uint8_t> nxk(n * ((k * bits + 7) / 8));
      // No byte makes a float that is not finite.
      for (uint8_t& byte : nxk) byte = static_cast<uint8_t>(random() % 0x3C);
      const std::vector<uint8_t> kxn = Transposed(nxk, n, k, bits);
      const std::vector<float> scales(n * k, 0.5f);
      const std::vector<uint16_t> block_scales(n * k / 32 + 1, 0x3F00);
      std::vector<uint32_t> bias(n);
      for (uint32_t& b : bias) b = random() % 0x3C;

      const GemmCase shape{.m = 1, .n = n, .k = k};
      std::vector<GuardedBuffer> packed;
      for (bool is_kxn : {false, true}) {
        problem.rhs_is_kxn = is_kxn;
        const auto gemm = MakePackedGemm(kernel(), problem, HostCpuFeatures());
        ASSERT_NE(gemm, nullptr);
        const GuardedBuffer weights = GuardedBuffer::Of(is_kxn ? kxn : nxk);
        const GemmRun run{.row = kernel(),
                          .gemm = *gemm,
                          .shape = shape,
                          .rhs = {.weights = weights.data(),
                                  .bias = bias.data(),
                                  .scales = scales.data(),
                                  .block_scales = block_scales.data(),
                                  .lhs_zero_point = 3},
                          .lhs = nullptr,
                          .lhs_element_bytes = 0,
                          .output_element_bytes = 0,
                          .stage = {}};
        for (bool in_slices : {false, true}) packed.push_back(run.PackRhs(in_slices));
      }
      for (const GuardedBuffer& other : packed) {
        EXPECT_TRUE(std::ranges::equal(packed[0].bytes(), other.bytes()))
            << "n " << n << (indirect ? " indirect" : "");
      }
    }
  }
}

TEST_P(KleidiAiLayout, NothingIsMadeForACpuWithoutTheFeatures) {
  const GemmProblem problem = Problem(8, 96, false, false);
  for (const CpuFeatureRow& row : CpuFeatureTable()) {
    CpuFeatures cpu = HostCpuFeatures();
    cpu.Remove(row.feature);
    const bool is_enough = cpu.Missing(kernel().required).IsEmpty();
    EXPECT_EQ(MakePackedGemm(kernel(), problem, cpu) != nullptr, is_enough) << row.name;
  }
}

std::vector<std::string> AllRows() {
  std::vector<std::string> names;
  for (const KernelRow& row : kleidiai::kTable) names.emplace_back(row.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Rows, KleidiAiLayout, testing::ValuesIn(AllRows()), ParameterName);

}  // namespace
}  // namespace switchyard::test
