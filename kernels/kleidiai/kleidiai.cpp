#include "kernels/kleidiai/kleidiai.h"

#include "kai/kai_common.h"

namespace switchyard::kleidiai {

std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& kernel, const GemmProblem& problem,
                                           const CpuFeatures& cpu) {
  const size_t vl = cpu.streaming_vector_bits / 32;
  if (kernel.IsScalable() && !IsStreamingVectorLength(cpu.streaming_vector_bits)) return nullptr;
  switch (kernel.variant) {
    case Variant::kPf32:
      return MakePf32(kernel, problem, vl);
    case Variant::kPf16:
      return MakePf16(kernel, problem, vl);
    case Variant::kQp8F32Qc8w:
      return MakeQp8F32Qc8w(kernel, problem, vl);
    case Variant::kPqs8Qc8w:
      return MakePqs8Qc8w(kernel, problem, vl);
    case Variant::kQp8F32Qb4w:
      return MakeQp8F32Qb4w(kernel, problem, vl);
  }
  return nullptr;
}

std::string_view Version() { return kai_get_version(); }

}  // namespace switchyard::kleidiai
