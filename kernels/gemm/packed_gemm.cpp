#include "kernels/gemm/packed_gemm.h"

#if defined(SWITCHYARD_KLEIDIAI)
#include "kernels/kleidiai/kleidiai.h"
#endif

namespace switchyard {

std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& kernel,
                                           [[maybe_unused]] const GemmProblem& problem,
                                           const CpuFeatures& cpu) {
  if (!cpu.Missing(kernel.required).IsEmpty()) return nullptr;
  switch (kernel.provider) {
    case Provider::kKleidiAi:
#if defined(SWITCHYARD_KLEIDIAI)
      return kleidiai::MakePackedGemm(kernel, problem, cpu);
#else
      return nullptr;
#endif
  }
  return nullptr;
}

std::string_view PackerVersion(const KernelRow& kernel) {
  switch (kernel.provider) {
    case Provider::kKleidiAi:
#if defined(SWITCHYARD_KLEIDIAI)
      return kleidiai::Version();
#else
      return {};
#endif
  }
  return {};
}

}  // namespace switchyard
