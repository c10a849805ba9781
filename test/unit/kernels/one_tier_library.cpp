// All that a program reaches of the kernels, built for one tier; see one_tier.cmake.
#include "kernels/gemm/packed_gemm.h"

[[gnu::visibility("default")]] const void* OneTier(const switchyard::GemmProblem& problem,
                                                   const switchyard::CpuFeatures& cpu) {
  for (const switchyard::KernelRow& kernel : switchyard::KernelTable()) {
    if (auto gemm = switchyard::MakePackedGemm(kernel, problem, cpu)) return gemm.release();
  }
  return nullptr;
}
