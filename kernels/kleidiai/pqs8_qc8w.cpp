// pqs8_qc8w: int8 x int8 per channel -> int8.

#include <array>
#include <memory>
#include <vector>

#include "kai/ukernels/matmul/imatmul_clamp_qai8_qai8p_qsi8cxp/kai_imatmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/imatmul_clamp_qai8_qai8p_qsi8cxp/kai_imatmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_qai8_qai8_qsi8cxp/kai_matmul_clamp_qai8_qai8_qsi8cxp2vlx4sb_1x16vl_sme2_dot.h"
#include "kai/ukernels/matmul/matmul_clamp_qai8_qai8p_qsi8cxp/kai_matmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa.h"
#include "kai/ukernels/matmul/matmul_clamp_qai8_qai8p_qsi8cxp/kai_matmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa.h"
#include "kai/ukernels/matmul/pack/kai_lhs_imatmul_pack_x8p2vlx4_x8p_sme.h"
#include "kai/ukernels/matmul/pack/kai_lhs_pack_x8p2vlx4_x8_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_imatmul_pack_kxn_qsi8cxp2vlx4sb_qs8cx_f32_i32_sme.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_kxn_qsi8cxp2vlx4sb_qs8cx_f32_i32_sme.h"
#include "kernels/cpu/built_tiers.h"
#include "kernels/kleidiai/kleidiai.h"
#include "kernels/kleidiai/panel_gemm.h"
#include "kernels/kleidiai/rows.h"

namespace switchyard::kleidiai {
namespace {

using Requantize = kai_matmul_requantize32_params;

struct Functions {
  std::string_view row;
  void (*gemm)(size_t m, size_t n, size_t k, const void* lhs_packed, const void* rhs_packed,
               void* out, size_t out_stride, size_t element_bytes, const Requantize* params);
  // Null where there is none.
  void (*gemv)(size_t m, size_t n, size_t k, const void* lhs, const void* rhs_packed, void* out,
               size_t out_stride, size_t element_bytes, const Requantize* params);
  void (*imatmul)(size_t m, size_t n, size_t taps, size_t channels, const void* lhs_packed,
                  const void* rhs_packed, void* out, size_t out_stride, const Requantize* params);
};

constexpr auto kFunctions = BuiltFunctions(
    std::to_array<Functions>({
        {.row = "pqs8_qc8w_sme2",
         .gemm = kai_run_matmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa,
         .gemv = kai_run_matmul_clamp_qai8_qai8_qsi8cxp2vlx4sb_1x16vl_sme2_dot,
         .imatmul = kai_run_imatmul_clamp_qai8_qai8p2vlx4_qsi8cxpsb2vlx4_2vlx2vl_sme2_mopa},
        {.row = "pqs8_qc8w_sme",
         .gemm = kai_run_matmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa,
         .gemv = nullptr,
         .imatmul = kai_run_imatmul_clamp_qai8_qai8p2vlx4_qsi8cxp2vlx4sb_2vlx2vl_sme_mopa},
    }),
    kTable);

Requantize ParamsOf(const OutputStage& stage) {
  return {.min_value = stage.quantized_min,
          .max_value = stage.quantized_max,
          .output_zero_point = stage.quantized_zero_point};
}

class Pqs8Gemm final : public PanelGemm {
 public:
  Pqs8Gemm(const Functions& functions, const KernelRow& kernel, const GemmProblem& problem,
           size_t vl)
      : PanelGemm(kernel, problem, vl), functions_(functions) {}

  void PackRows(const RawRows& rows, size_t m, std::byte* /*scratch*/,
                std::byte* packed) const override {
    kai_run_lhs_pack_x8p2vlx4_x8_sme(m, k_, mr_, kr_, sr_, 0, rows.base, rows.stride, packed);
  }

  void Gemm(const GemmBlock& block, const OutputStage& stage) const override {
    const Requantize params = ParamsOf(stage);
    if (is_indirect_) {
      functions_.imatmul(block.m, block.n, taps_, channels_, PackedData(block), Panel(block),
                         block.out, block.out_stride, &params);
    } else {
      functions_.gemm(block.m, block.n, k_, PackedData(block), Panel(block), block.out,
                      block.out_stride, sizeof(int8_t), &params);
    }
  }

  void Gemv(const GemmBlock& block, const OutputStage& stage) const override {
    const Requantize params = ParamsOf(stage);
    functions_.gemv(1, block.n, k_, std::get<RawRows>(block.lhs).base, Panel(block), block.out,
                    block.n, sizeof(int8_t), &params);
  }

 private:
  void PackPointers(const void* const* pointers, const void* padding, size_t m,
                    std::byte* packed) const override {
    kai_run_lhs_imatmul_pack_x8p2vlx4_x8p_sme(m, taps_, channels_, pointers, /*offset=*/0, padding,
                                              packed);
  }

  void PackPanel(const RhsSource& source, size_t n0, size_t n, void* panel) const override {
    const int8_t* weights = static_cast<const int8_t*>(source.weights);
    if (rhs_is_kxn_) {
      PackKxn(source, n0, n, weights + n0, n_, panel);
      return;
    }
    // There is no [n, k] packer.
    std::vector<int8_t> copy(k_ * n);
    CopyPanel(weights, false, n_, k_, n0, n, copy.data(), true, [](int8_t value) { return value; });
    PackKxn(source, n0, n, copy.data(), n, panel);
  }

  // `weights`: [k, row_length], of which the first n columns.
  void PackKxn(const RhsSource& source, size_t n0, size_t n, const int8_t* weights,
               size_t row_length, void* panel) const {
    const kai_rhs_pack_qsi8cx_params params{.lhs_zero_point = source.lhs_zero_point,
                                            .scale_multiplier = 1.0f};
    const void* bias = AtOrNull<int32_t>(source.bias, n0);
    if (bias == nullptr) bias = ZeroBias();
    if (is_indirect_) {
      kai_run_rhs_imatmul_pack_kxn_qsi8cxp2vlx4sb_qs8cx_f32_i32_sme(
          n, taps_, channels_, row_length, weights, bias, source.scales + n0, panel, &params);
    } else {
      kai_run_rhs_pack_kxn_qsi8cxp2vlx4sb_qs8cx_f32_i32_sme(1, n, k_, nr_, kr_, sr_, row_length,
                                                            weights, bias, source.scales + n0,
                                                            panel, 0, &params);
    }
  }

  const Functions& functions_;
};

}  // namespace

std::unique_ptr<PackedGemm> MakePqs8Qc8w(const KernelRow& kernel, const GemmProblem& problem,
                                         size_t vl) {
  if constexpr (AnyBuilt(kFunctions)) {
    const Functions* functions = FindRow<Functions>(kFunctions, kernel);
    if (functions != nullptr) {
      return std::make_unique<Pqs8Gemm>(*functions, kernel, problem, vl);
    }
  }
  return nullptr;
}

}  // namespace switchyard::kleidiai
