// pf32: f32 x f32 -> f32.

#include "kai/ukernels/matmul/imatmul_clamp_f32_f32p_f32p/kai_imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/imatmul_clamp_f32_f32p_f32p/kai_imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32_f32p/kai_matmul_clamp_f32_f32_f32p16vlx1b_1x16vl_sme2_mla.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32_f32p/kai_matmul_clamp_f32_f32_f32p2vlx1b_1x16vl_sme2_mla.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32_f32p/kai_matmul_clamp_f32_f32_f32p2vlx1b_1x8vl_sme_mla.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32p_f32p/kai_matmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_f32p_f32p/kai_matmul_clamp_f32_f32p2vlx1_f32p2vlx1biasf32_sme2_mopa.h"
#include "kai/ukernels/matmul/pack/kai_lhs_imatmul_pack_x32p2vlx1_x32p_sme.h"
#include "kai/ukernels/matmul/pack/kai_lhs_pack_f32p2vlx1_f32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_imatmul_pack_kxn_x32p2vlx1b_x32_x32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_kxn_f32p16vlx1b_f32_f32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_kxn_f32p2vlx1biasf32_f32_f32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_f32p2vlx1biasf32_f32_f32_sme.h"
#include "kernels/cpu/built_tiers.h"
#include "kernels/kleidiai/float_gemm.h"
#include "kernels/kleidiai/kleidiai.h"
#include "kernels/kleidiai/rows.h"

namespace switchyard::kleidiai {
namespace {

constexpr auto kFunctions = BuiltFunctions(
    std::to_array<FloatFunctions>({
        {.row = "pf32_sme2",
         .pack_lhs = kai_run_lhs_pack_f32p2vlx1_f32_sme,
         .pack_lhs_indirect = kai_run_lhs_imatmul_pack_x32p2vlx1_x32p_sme,
         .pack_rhs_nxk = kai_run_rhs_pack_nxk_f32p2vlx1biasf32_f32_f32_sme,
         .pack_rhs_kxn = kai_run_rhs_pack_kxn_f32p2vlx1biasf32_f32_f32_sme,
         .pack_rhs_indirect = kai_run_rhs_imatmul_pack_kxn_x32p2vlx1b_x32_x32_sme,
         .gemm = kai_run_matmul_clamp_f32_f32p2vlx1_f32p2vlx1biasf32_sme2_mopa,
         .gemv = kai_run_matmul_clamp_f32_f32_f32p2vlx1b_1x16vl_sme2_mla,
         .imatmul = kai_run_imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme2_mopa},
        {.row = "pf32_sme",
         .pack_lhs = kai_run_lhs_pack_f32p2vlx1_f32_sme,
         .pack_lhs_indirect = kai_run_lhs_imatmul_pack_x32p2vlx1_x32p_sme,
         .pack_rhs_nxk = kai_run_rhs_pack_nxk_f32p2vlx1biasf32_f32_f32_sme,
         .pack_rhs_kxn = kai_run_rhs_pack_kxn_f32p2vlx1biasf32_f32_f32_sme,
         .pack_rhs_indirect = kai_run_rhs_imatmul_pack_kxn_x32p2vlx1b_x32_x32_sme,
         .gemm = kai_run_matmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa,
         .gemv = kai_run_matmul_clamp_f32_f32_f32p2vlx1b_1x8vl_sme_mla,
         .imatmul = kai_run_imatmul_clamp_f32_f32p2vlx1_f32p2vlx1b_2vlx2vl_sme_mopa},
        {.row = "pf32_sme2_gemv",
         .pack_rhs_kxn = kai_run_rhs_pack_kxn_f32p16vlx1b_f32_f32_sme,
         .gemv = kai_run_matmul_clamp_f32_f32_f32p16vlx1b_1x16vl_sme2_mla},
    }),
    kTable);

}  // namespace

std::unique_ptr<PackedGemm> MakePf32(const KernelRow& kernel, const GemmProblem& problem,
                                     size_t vl) {
  return MakeFloatGemm(kFunctions, DataType::kF32, kernel, problem, vl);
}

}  // namespace switchyard::kleidiai
