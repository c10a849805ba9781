#include "kernels/x86/x86.h"

#include "kernels/avx2/avx2.h"
#include "kernels/avx512/avx512.h"
#include "kernels/cpu/built_tiers.h"

namespace switchyard::x86 {
namespace {

struct TierFunctions {
  FloatFunctions pf32, pf16;
  const IntegerStripFunction *qc8w, *pqs8, *qb4w;
};

constexpr TierFunctions kAvx2 = {{avx2::kPf32, &avx2::MultiplyPf32Row},
                                 {avx2::kPf16, &avx2::MultiplyPf16Row},
                                 avx2::kQc8w,
                                 avx2::kPqs8,
                                 avx2::kQb4w};
constexpr TierFunctions kAvx512 = {{avx512::kPf32, &avx512::MultiplyPf32Row},
                                   {avx512::kPf16, &avx512::MultiplyPf16Row},
                                   avx512::kQc8w,
                                   avx512::kPqs8,
                                   avx512::kQb4w};

}  // namespace

std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& row, const GemmProblem& problem,
                                           const CpuFeatures& /*cpu*/) {
  // With the last mention of a tier that is not built its kernels leave the program.
  const TierFunctions* functions = nullptr;
  if constexpr (IsBuilt(Tier::kAvx2)) {
    if (row.tier == Tier::kAvx2) functions = &kAvx2;
  }
  if constexpr (IsBuilt(Tier::kAvx512)) {
    if (row.tier == Tier::kAvx512) functions = &kAvx512;
  }
  if (functions == nullptr) return nullptr;
  switch (row.variant) {
    case Variant::kPf32:
      return MakeFloatGemm(functions->pf32, row, problem);
    case Variant::kPf16:
      return MakeFloatGemm(functions->pf16, row, problem);
    case Variant::kQp8F32Qc8w:
      return MakeInt8Gemm(functions->qc8w, row, problem);
    case Variant::kPqs8Qc8w:
      return MakeInt8Gemm(functions->pqs8, row, problem);
    case Variant::kQp8F32Qb4w:
      return MakeInt4Gemm(functions->qb4w, row, problem);
  }
  return nullptr;
}

}  // namespace switchyard::x86
