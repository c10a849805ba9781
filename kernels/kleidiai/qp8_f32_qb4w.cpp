// qp8_f32_qb4w: f32, quantized per row, x int4 blockwise -> f32.

#include <array>
#include <memory>
#include <vector>

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
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_qsi4c32pnrx4_qsu4c32s1s0_neon.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_qsi4c32pnrx8_qsu4c32s1s0_neon.h"
#include "kai/ukernels/matmul/pack/kai_rhs_pack_nxk_qsi4c32ps1s0nrx4_qsu4c32s1s0_neon.h"
#include "kernels/cpu/built_tiers.h"
#include "kernels/kleidiai/kleidiai.h"
#include "kernels/kleidiai/qp8_gemm.h"
#include "kernels/kleidiai/rows.h"

namespace switchyard::kleidiai {
namespace {

struct Functions {
  std::string_view row;
  // Takes [n, k] only; which one decides the order of the nibbles that the kernels expect.
  void (*pack_rhs)(size_t groups, size_t n, size_t k, size_t nr, size_t kr, size_t sr, size_t bl,
                   const uint8_t* rhs, size_t rhs_stride, const float* bias, const void* scale,
                   size_t scale_stride, void* rhs_packed, size_t extra_bytes,
                   const kai_rhs_pack_nxk_qsi4c32p_qsu4c32s1s0_params* params);
  using Run = void(size_t m, size_t n, size_t k, size_t bl, const void* lhs_packed,
                   const void* rhs_packed, float* out, size_t out_stride, size_t element_bytes,
                   float min, float max);
  Run* gemm;
  Run* gemv;
};

constexpr auto kFunctions = BuiltFunctions(
    std::to_array<Functions>({
        {.row = "qp8_f32_qb4w_sme2",
         .pack_rhs = kai_run_rhs_pack_nxk_qsi4c32ps1s0nrx4_qsu4c32s1s0_neon,
         .gemm = kai_run_matmul_clamp_f32_qai8dxp1vlx4_qsi4c32p4vlx4_1vlx4vl_sme2_mopa,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x4_qsi4c32p4vlx4_1x4vl_sme2_dot},
        {.row = "qp8_f32_qb4w_i8mm_8x4x32",
         .pack_rhs = kai_run_rhs_pack_nxk_qsi4c32pnrx8_qsu4c32s1s0_neon,
         .gemm = kai_run_matmul_clamp_f32_qai8dxp4x8_qsi4c32p4x8_8x4x32_neon_i8mm,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x8_qsi4c32p4x8_1x4x32_neon_dotprod},
        {.row = "qp8_f32_qb4w_i8mm_4x8x32",
         .pack_rhs = kai_run_rhs_pack_nxk_qsi4c32pnrx8_qsu4c32s1s0_neon,
         .gemm = kai_run_matmul_clamp_f32_qai8dxp4x8_qsi4c32p8x8_4x8x32_neon_i8mm,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x8_qsi4c32p8x8_1x8x32_neon_dotprod},
        {.row = "qp8_f32_qb4w_i8mm_4x8",
         .pack_rhs = kai_run_rhs_pack_nxk_qsi4c32pnrx8_qsu4c32s1s0_neon,
         .gemm = kai_run_matmul_clamp_f32_qai8dxp4x8_qsi4c32p8x8_4x8_neon_i8mm,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x8_qsi4c32p8x8_1x8_neon_dotprod},
        {.row = "qp8_f32_qb4w_i8mm_16x4x32",
         .pack_rhs = kai_run_rhs_pack_nxk_qsi4c32pnrx8_qsu4c32s1s0_neon,
         .gemm = kai_run_matmul_clamp_f32_qai8dxp4x8_qsi4c32p4x8_16x4x32_neon_i8mm,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x8_qsi4c32p4x8_1x4x32_neon_dotprod},
        {.row = "qp8_f32_qb4w_dotprod_16x4",
         .pack_rhs = kai_run_rhs_pack_nxk_qsi4c32pnrx4_qsu4c32s1s0_neon,
         .gemm = kai_run_matmul_clamp_f32_qai8dxp4x4_qsi4c32p4x4_16x4_neon_dotprod,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x4_qsi4c32p4x4_1x4_neon_dotprod},
        {.row = "qp8_f32_qb4w_dotprod_4x8",
         .pack_rhs = kai_run_rhs_pack_nxk_qsi4c32pnrx4_qsu4c32s1s0_neon,
         .gemm = kai_run_matmul_clamp_f32_qai8dxp4x4_qsi4c32p8x4_4x8_neon_dotprod,
         .gemv = kai_run_matmul_clamp_f32_qai8dxp1x4_qsi4c32p8x4_1x8_neon_dotprod},
    }),
    kTable);

// Columns [n0, n0 + n) of nibbles [k, total_n] as [n, k]. k is even.
void TransposeNibbles(const uint8_t* source, size_t total_n, size_t k, size_t n0, size_t n,
                      uint8_t* target) {
  const size_t row_bytes = CeilDivide<size_t>(total_n, 2);
  for (size_t i = 0; i < k; i += 2) {
    const uint8_t* even = source + i * row_bytes;
    const uint8_t* odd = even + row_bytes;
    for (size_t j = 0; j < n; ++j) {
      const size_t byte = (n0 + j) / 2, shift = (n0 + j) % 2 * 4;
      target[j * (k / 2) + i / 2] =
          static_cast<uint8_t>((even[byte] >> shift & 0xF) | (odd[byte] >> shift & 0xF) << 4);
    }
  }
}

class Qb4wGemm final : public Qp8Gemm {
 public:
  Qb4wGemm(const Functions& functions, const KernelRow& kernel, const GemmProblem& problem,
           size_t vl)
      : Qp8Gemm(kernel, problem, vl), functions_(functions), block_length_(problem.block_length) {}

  void Gemm(const GemmBlock& block, const OutputStage& stage) const override {
    functions_.gemm(block.m, block.n, k_, block_length_, PackedData(block), Panel(block),
                    reinterpret_cast<float*>(block.out), block.out_stride, sizeof(float), stage.min,
                    stage.max);
  }

  void Gemv(const GemmBlock& block, const OutputStage& stage) const override {
    functions_.gemv(1, block.n, k_, block_length_, PackedData(block), Panel(block),
                    reinterpret_cast<float*>(block.out), block.n * sizeof(float), sizeof(float),
                    stage.min, stage.max);
  }

 private:
  void PackPanel(const RhsSource& source, size_t n0, size_t n, void* panel) const override {
    const uint8_t* weights = static_cast<const uint8_t*>(source.weights);
    if (!rhs_is_kxn_) {
      Pack(source, n0, n, weights + n0 * (k_ / 2), panel);
      return;
    }
    // Of the [k, n] packers one is slow, the other reads past the end of the weights.
    std::vector<uint8_t> copy(n * (k_ / 2));
    TransposeNibbles(weights, n_, k_, n0, n, copy.data());
    Pack(source, n0, n, copy.data(), panel);
  }

  // `weights`: [n, k].
  void Pack(const RhsSource& source, size_t n0, size_t n, const uint8_t* weights,
            void* panel) const {
    // The packer's left zero point is a factor of the column sums, not that of the activations.
    constexpr kai_rhs_pack_nxk_qsi4c32p_qsu4c32s1s0_params kParams{
        .lhs_zero_point = 1, .rhs_zero_point = 8, .scale_dt = kai_dt_bf16};
    const size_t blocks = k_ / block_length_;
    functions_.pack_rhs(1, n, k_, nr_, kr_, sr_, block_length_, weights, k_ / 2,
                        AtOrNull<float>(source.bias, n0), source.block_scales + n0 * blocks,
                        blocks * sizeof(uint16_t), panel, 0, &kParams);
  }

  const Functions& functions_;
  const size_t block_length_;
};

}  // namespace

std::unique_ptr<PackedGemm> MakeQp8F32Qb4w(const KernelRow& kernel, const GemmProblem& problem,
                                           size_t vl) {
  if constexpr (AnyBuilt(kFunctions)) {
    const Functions* functions = FindRow<Functions>(kFunctions, kernel);
    if (functions != nullptr) {
      return std::make_unique<Qb4wGemm>(*functions, kernel, problem, vl);
    }
  }
  return nullptr;
}

}  // namespace switchyard::kleidiai
