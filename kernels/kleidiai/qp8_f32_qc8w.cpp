// qp8_f32_qc8w: f32, quantized per row, x int8 per channel -> f32.

#include <array>
#include <memory>
#include <vector>

#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme2_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme2_dot.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme_dot.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1x4_qsi8cxp4x4_1x4_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp1x8_qsi8cxp4x8_1x4_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp4x4_qsi8cxp4x4_16x4_neon_dotprod.h"
#include "kai/ukernels/matmul/matmul_clamp_f32_qai8dxp_qsi8cxp/kai_matmul_clamp_f32_qai8dxp4x8_qsi8cxp4x8_16x4_neon_i8mm.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_qsi8cxp_qsi8cx_neon.h"
#include "kernels/cpu/built_tiers.h"
#include "kernels/kleidiai/kleidiai.h"
#include "kernels/kleidiai/qp8_gemm.h"
#include "kernels/kleidiai/rows.h"

namespace switchyard::kleidiai {
namespace {

struct Functions {
  std::string_view row;
  using Run = void(size_t m, size_t n, size_t k, const void* lhs_packed, const void* rhs_packed,
                   float* out, size_t out_stride, size_t element_bytes, float min, float max);
  Run* gemm;
  Run* gemv;
};

constexpr auto kFunctions = BuiltFunctions(
    std::to_array<Functions>({
        {.row = "qp8_f32_qc8w_sme2",
         .gemm = kai_run_matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme2_mopa,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme2_dot},
        {.row = "qp8_f32_qc8w_sme",
         .gemm = kai_run_matmul_clamp_f32_qai8dxp1vlx4_qsi8cxp4vlx4_1vlx4vl_sme_mopa,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x4_qsi8cxp4vlx4_1x4vl_sme_dot},
        {.row = "qp8_f32_qc8w_i8mm",
         .gemm = kai_run_matmul_clamp_f32_qai8dxp4x8_qsi8cxp4x8_16x4_neon_i8mm,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x8_qsi8cxp4x8_1x4_neon_dotprod},
        {.row = "qp8_f32_qc8w_dotprod",
         .gemm = kai_run_matmul_clamp_f32_qai8dxp4x4_qsi8cxp4x4_16x4_neon_dotprod,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x4_qsi8cxp4x4_1x4_neon_dotprod},
    }),
    kTable);

class Qc8wGemm final : public Qp8Gemm {
 public:
  Qc8wGemm(const Functions& functions, const KernelRow& kernel, const GemmProblem& problem,
           size_t vl)
      : Qp8Gemm(kernel, problem, vl), functions_(functions) {}

  void Gemm(const GemmBlock& block, const OutputStage& stage) const override {
    functions_.gemm(block.m, block.n, k_, PackedData(block), Panel(block),
                    reinterpret_cast<float*>(block.out), block.out_stride, sizeof(float), stage.min,
                    stage.max);
  }

  void Gemv(const GemmBlock& block, const OutputStage& stage) const override {
    functions_.gemv(1, block.n, k_, PackedData(block), Panel(block),
                    reinterpret_cast<float*>(block.out), block.n * sizeof(float), sizeof(float),
                    stage.min, stage.max);
  }

 private:
  void PackPanel(const RhsSource& source, size_t n0, size_t n, void* panel) const override {
    const int8_t* weights = static_cast<const int8_t*>(source.weights);
    if (!rhs_is_kxn_) {
      Pack(source, n0, n, weights + n0 * k_, panel);
      return;
    }
    // The [k, n] packer takes whole matrices only.
    std::vector<int8_t> copy(n * k_);
    CopyPanel(weights, true, n_, k_, n0, n, copy.data(), false, [](int8_t value) { return value; });
    Pack(source, n0, n, copy.data(), panel);
  }

  // `weights`: [n, k].
  void Pack(const RhsSource& source, size_t n0, size_t n, const int8_t* weights,
            void* panel) const {
    // The packer's zero point is a factor of the column sums, not that of the activations.
    constexpr kai_rhs_pack_qsi8cx_params kParams{.lhs_zero_point = 1, .scale_multiplier = 1.0f};
    kai_run_rhs_pack_nxk_qsi8cxp_qsi8cx_neon(1, n, k_, nr_, kr_, sr_, weights,
                                             AtOrNull<float>(source.bias, n0), source.scales + n0,
                                             panel, 0, &kParams);
  }

  const Functions& functions_;
};

}  // namespace

std::unique_ptr<PackedGemm> MakeQp8F32Qc8w(const KernelRow& kernel, const GemmProblem& problem,
                                           size_t vl) {
  if constexpr (AnyBuilt(kFunctions)) {
    const Functions* functions = FindRow<Functions>(kFunctions, kernel);
    if (functions != nullptr) {
      return std::make_unique<Qc8wGemm>(*functions, kernel, problem, vl);
    }
  }
  return nullptr;
}

}  // namespace switchyard::kleidiai
