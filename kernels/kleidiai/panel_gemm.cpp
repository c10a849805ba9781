#include "kernels/kleidiai/panel_gemm.h"

#include <array>
#include <cstdint>

namespace switchyard::kleidiai {

PanelGemm::PanelGemm(const KernelRow& kernel, const GemmProblem& problem, size_t vl)
    : PackedGemm(PackedLayout(kernel, problem, vl)),
      n_(problem.n),
      k_(problem.k),
      taps_(problem.op == GemmOperator::kConv2d ? problem.taps : 1),
      channels_(problem.op == GemmOperator::kConv2d ? problem.channels_per_tap : problem.k),
      is_indirect_(problem.op == GemmOperator::kConv2d),
      rhs_is_kxn_(problem.rhs_is_kxn),
      rhs_type_(problem.rhs_type),
      mr_(kernel.mr.At(vl)),
      nr_(kernel.nr.At(vl)),
      kr_(kernel.kr),
      sr_(kernel.sr) {}

void PanelGemm::PackRhs(const RhsSource& source, size_t n0, size_t n, void* packed) const {
  auto* panel = static_cast<std::byte*>(packed);
  for (const size_t end = n0 + n; n0 < end; n0 += nr_, panel += layout_.RhsOffset(nr_)) {
    PackPanel(source, n0, std::min(nr_, end - n0), panel);
  }
}

void PanelGemm::PackTaps(const Taps& taps, size_t m, std::byte* scratch, std::byte* packed) const {
  auto** pointers = reinterpret_cast<const void**>(scratch);
  taps.FillPointers(m, layout_.m_step(), pointers);
  PackPointers(pointers, taps.padding, m, packed);
}

const void* ZeroBias() {
  // 16 VL columns of 4 bytes.
  static constexpr std::array<uint32_t, 16 * kMaxStreamingVectorBits / 32> kZeros{};
  return kZeros.data();
}

}  // namespace switchyard::kleidiai
