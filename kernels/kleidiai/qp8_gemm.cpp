#include "kernels/kleidiai/qp8_gemm.h"

#include <vector>

#include "kai/ukernels/matmul/pack/kai_lhs_quant_pack_qai8dxp_f32.h"

namespace switchyard::kleidiai {
namespace {

// Beside its elements a row has the negative zero point and the scale.
constexpr size_t RowBytes(size_t k) { return Qp8Depth(k) + sizeof(int32_t) + sizeof(float); }

}  // namespace

Qp8Gemm::Qp8Gemm(const KernelRow& kernel, const GemmProblem& problem, size_t vl,
                 size_t rhs_column_bytes)
    : PanelGemm(kernel, problem, vl, RowBytes(problem.k), rhs_column_bytes),
      lhs_is_f16_(problem.lhs_type == DataType::kF16) {}

void Qp8Gemm::PackLhs(const void* lhs, size_t lhs_stride, size_t m, void* packed) const {
  Quantize(lhs, lhs_stride, m, mr_, packed);
}

size_t Qp8Gemm::GemvLhsBytes() const { return RowBytes(k_); }

void Qp8Gemm::PackGemvLhs(const void* lhs, void* packed) const {
  Quantize(lhs, k_ * (lhs_is_f16_ ? sizeof(uint16_t) : sizeof(float)), 1, 1, packed);
}

void Qp8Gemm::Quantize(const void* lhs, size_t lhs_stride, size_t m, size_t mr,
                       void* packed) const {
  if (!lhs_is_f16_) {
    kai_run_lhs_quant_pack_qai8dxp_f32(m, k_, mr, kr_, sr_, 0, static_cast<const float*>(lhs),
                                       lhs_stride, packed);
    return;
  }
  // KleidiAI's packer of halves (1.19) truncates, has the layout of kr / sr = 8 only, and needs f16
  // arithmetic. Halves are exact in f32, so a panel is widened and packed as f32.
  const std::byte* row = static_cast<const std::byte*>(lhs);
  std::byte* panel = static_cast<std::byte*>(packed);
  std::vector<float> wide(std::min(m, mr) * k_);
  for (size_t m0 = 0; m0 < m; m0 += mr, panel += mr * RowBytes(k_)) {
    const size_t rows = std::min(mr, m - m0);
    for (size_t i = 0; i < rows; ++i, row += lhs_stride) {
      const __fp16* halves = reinterpret_cast<const __fp16*>(row);
      std::copy(halves, halves + k_, wide.begin() + static_cast<ptrdiff_t>(i * k_));
    }
    kai_run_lhs_quant_pack_qai8dxp_f32(rows, k_, mr, kr_, sr_, 0, wide.data(), k_ * sizeof(float),
                                       panel);
  }
}

}  // namespace switchyard::kleidiai
