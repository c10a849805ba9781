// What the variants have in common whose activations are quantized per row while they are packed.
#pragma once

#include <cstdint>

#include "kernels/kleidiai/panel_gemm.h"

namespace switchyard::kleidiai {

class Qp8Gemm : public PanelGemm {
 public:
  void PackLhs(const void* lhs, size_t lhs_stride, size_t m, void* packed) const final;
  size_t GemvLhsBytes() const final;
  void PackGemvLhs(const void* lhs, void* packed) const final;

 protected:
  Qp8Gemm(const KernelRow& kernel, const GemmProblem& problem, size_t vl, size_t rhs_column_bytes);

 private:
  // `m` rows of the problem's type, `mr` to a panel.
  void Quantize(const void* lhs, size_t lhs_stride, size_t m, size_t mr, void* packed) const;

  const bool lhs_is_f16_;
};

// Elements of k in a packed row, which is padded whatever the kernel.
constexpr size_t Qp8Depth(size_t k) { return RoundUp(k, 32); }

}  // namespace switchyard::kleidiai
