// What the variants have in common whose activations are quantized per row while they are packed.
#pragma once

#include <cstdint>

#include "kernels/kleidiai/panel_gemm.h"

namespace switchyard::kleidiai {

class Qp8Gemm : public PanelGemm {
 public:
  void PackRows(const RawRows& rows, size_t m, std::byte* scratch, std::byte* packed) const final;
  void PackGemvRow(const std::byte* row, std::byte* scratch, std::byte* packed) const final;

 protected:
  Qp8Gemm(const KernelRow& kernel, const GemmProblem& problem, size_t vl);

 private:
  // `m` rows of the problem's type, `mr` to a panel.
  void Quantize(const RawRows& rows, size_t m, size_t mr, std::byte* scratch,
                std::byte* packed) const;

  const bool lhs_is_f16_;
};

}  // namespace switchyard::kleidiai
