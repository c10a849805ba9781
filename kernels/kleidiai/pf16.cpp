// pf16: f16 x f16 -> f16, accumulated in f32.

#include "kai/ukernels/matmul/imatmul_clamp_f16_f16p_f16p/kai_imatmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/imatmul_clamp_f16_f16p_f16p/kai_imatmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f16_f16_f16p/kai_matmul_clamp_f16_f16_f16p2vlx2b_1x16vl_sme2_dot.h"
#include "kai/ukernels/matmul/matmul_clamp_f16_f16_f16p/kai_matmul_clamp_f16_f16_f16p2vlx2b_1x8vl_sme_mla.h"
#include "kai/ukernels/matmul/matmul_clamp_f16_f16p_f16p/kai_matmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f16_f16p_f16p/kai_matmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/pack/kai_lhs_imatmul_pack_x16p2vlx2_x16p_sme.h"
#include "kai/ukernels/matmul/pack/kai_lhs_pack_x16p2vlx2_x16_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_imatmul_pack_kxn_x16p2vlx2b_x16_x16_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_kxn_x16p2vlx2b_x16_x16_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_x16p2vlx2b_x16_x16_sme.h"
#include "kernels/cpu/built_tiers.h"
#include "kernels/kleidiai/float_gemm.h"
#include "kernels/kleidiai/kleidiai.h"
#include "kernels/kleidiai/rows.h"

namespace switchyard::kleidiai {
namespace {

constexpr auto kFunctions =
    BuiltFunctions(std::to_array<FloatFunctions>({
                       {.row = "pf16_sme2",
                        .pack_lhs = kai_run_lhs_pack_x16p2vlx2_x16_sme,
                        .pack_lhs_indirect = kai_run_lhs_imatmul_pack_x16p2vlx2_x16p_sme,
                        .pack_rhs_nxk = kai_run_rhs_pack_nxk_x16p2vlx2b_x16_x16_sme,
                        .pack_rhs_kxn = kai_run_rhs_pack_kxn_x16p2vlx2b_x16_x16_sme,
                        .pack_rhs_indirect = kai_run_rhs_imatmul_pack_kxn_x16p2vlx2b_x16_x16_sme,
                        .gemm = kai_run_matmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa,
                        .gemv = kai_run_matmul_clamp_f16_f16_f16p2vlx2b_1x16vl_sme2_dot,
                        .imatmul = kai_run_imatmul_clamp_f16_f16p2vlx2_f16p2vlx2_2vlx2vl_sme2_mopa},
                       {.row = "pf16_sme",
                        .pack_lhs = kai_run_lhs_pack_x16p2vlx2_x16_sme,
                        .pack_lhs_indirect = kai_run_lhs_imatmul_pack_x16p2vlx2_x16p_sme,
                        .pack_rhs_nxk = kai_run_rhs_pack_nxk_x16p2vlx2b_x16_x16_sme,
                        .pack_rhs_kxn = kai_run_rhs_pack_kxn_x16p2vlx2b_x16_x16_sme,
                        .pack_rhs_indirect = kai_run_rhs_imatmul_pack_kxn_x16p2vlx2b_x16_x16_sme,
                        .gemm = kai_run_matmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa,
                        .gemv = kai_run_matmul_clamp_f16_f16_f16p2vlx2b_1x8vl_sme_mla,
                        .imatmul = kai_run_imatmul_clamp_f16_f16p2vlx2_f16p2vlx2b_2vlx2vl_sme_mopa},
                   }),
                   kTable);

}  // namespace

std::unique_ptr<PackedGemm> MakePf16(const KernelRow& kernel, const GemmProblem& problem,
                                     size_t vl) {
  return MakeFloatGemm(kFunctions, DataType::kF16, kernel, problem, vl);
}

}  // namespace switchyard::kleidiai
