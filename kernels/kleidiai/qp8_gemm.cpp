#include "kernels/kleidiai/qp8_gemm.h"

#include <algorithm>

#include "kai/ukernels/matmul/pack/kai_lhs_quant_pack_qai8dxp_f32.h"

namespace switchyard::kleidiai {

Qp8Gemm::Qp8Gemm(const KernelRow& kernel, const GemmProblem& problem, size_t vl)
    : PanelGemm(kernel, problem, vl), lhs_is_f16_(problem.lhs_type == DataType::kF16) {}

void Qp8Gemm::PackRows(const RawRows& rows, size_t m, std::byte* scratch, std::byte* packed) const {
  Quantize(rows, m, mr_, scratch, packed);
}

void Qp8Gemm::PackGemvRow(const std::byte* row, std::byte* scratch, std::byte* packed) const {
  Quantize({.base = row, .stride = 0}, 1, 1, scratch, packed);
}

void Qp8Gemm::Quantize(const RawRows& rows, size_t m, size_t mr, std::byte* scratch,
                       std::byte* packed) const {
  if (!lhs_is_f16_) {
    kai_run_lhs_quant_pack_qai8dxp_f32(
        m, k_, mr, kr_, sr_, 0, reinterpret_cast<const float*>(rows.base), rows.stride, packed);
    return;
  }
  // KleidiAI's packer of halves (1.19) truncates, has the layout of kr / sr = 8 only, and needs f16
  // arithmetic. Halves are exact in f32, so a panel is widened and packed as f32.
  const std::byte* row = rows.base;
  auto* const wide = reinterpret_cast<float*>(scratch);
  for (size_t m0 = 0; m0 < m; m0 += mr, packed += layout_.LhsOffset(mr)) {
    const size_t panel_rows = std::min(mr, m - m0);
    for (size_t i = 0; i < panel_rows; ++i, row += rows.stride) {
      const __fp16* halves = reinterpret_cast<const __fp16*>(row);
      std::copy(halves, halves + k_, wide + i * k_);
    }
    kai_run_lhs_quant_pack_qai8dxp_f32(panel_rows, k_, mr, kr_, sr_, 0, wide, k_ * sizeof(float),
                                       packed);
  }
}

}  // namespace switchyard::kleidiai
