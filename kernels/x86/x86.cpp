#include "kernels/x86/x86.h"

#include "kernels/amx/amx.h"
#include "kernels/avx2/avx2.h"
#include "kernels/avx512/avx512.h"
#include "kernels/cpu/built_tiers.h"

namespace switchyard::x86 {
namespace {

struct TierFunctions {
  FloatFunctions pf32 = {}, pf16 = {};
  Int8Functions qc8w = {}, pqs8 = {};
  const IntegerStripFunction* qb4w = nullptr;
};

// With the last mention of a tier that is not built its kernels leave the program.
template <Tier kTier>
const TierFunctions* FunctionsOf() {
  if constexpr (!IsBuilt(kTier)) {
    return nullptr;
  } else if constexpr (kTier == Tier::kAvx2) {
    static constexpr TierFunctions kFunctions = {
        .pf32 = {avx2::kPf32, &avx2::MultiplyPf32Row},
        .pf16 = {avx2::kPf16, &avx2::MultiplyPf16Row},
        .qc8w = {.strips = avx2::kQc8w, .gemv = &avx2::MultiplyQc8wRow},
        .pqs8 = {.strips = avx2::kPqs8},
        .qb4w = avx2::kQb4w};
    return &kFunctions;
  } else if constexpr (kTier == Tier::kAvx512) {
    static constexpr TierFunctions kFunctions = {
        .pf32 = {avx512::kPf32, &avx512::MultiplyPf32Row},
        .pf16 = {avx512::kPf16, &avx512::MultiplyPf16Row},
        .qc8w = {.strips = avx512::kQc8w, .gemv = &avx512::MultiplyQc8wRow},
        .pqs8 = {.strips = avx512::kPqs8},
        .qb4w = avx512::kQb4w};
    return &kFunctions;
  } else if constexpr (kTier == Tier::kAmx) {
    static constexpr TierFunctions kFunctions = {.qc8w = {.any_strip = &amx::MultiplyQc8w,
                                                          .gemv = &avx512::MultiplyQc8wRow,
                                                          .begin_task = &amx::BeginTask,
                                                          .end_task = &amx::EndTask},
                                                 .pqs8 = {.any_strip = &amx::MultiplyPqs8,
                                                          .begin_task = &amx::BeginTask,
                                                          .end_task = &amx::EndTask}};
    return &kFunctions;
  } else {
    static_assert(kTier == Tier::kAmxModel);
    static constexpr TierFunctions kFunctions = {.qc8w = {.any_strip = &amx::model::MultiplyQc8w,
                                                          .begin_task = &amx::model::BeginTask,
                                                          .end_task = &amx::model::EndTask},
                                                 .pqs8 = {.any_strip = &amx::model::MultiplyPqs8,
                                                          .begin_task = &amx::model::BeginTask,
                                                          .end_task = &amx::model::EndTask}};
    return &kFunctions;
  }
}

const TierFunctions* FunctionsOf(Tier tier) {
  switch (tier) {
    case Tier::kAvx2:
      return FunctionsOf<Tier::kAvx2>();
    case Tier::kAvx512:
      return FunctionsOf<Tier::kAvx512>();
    case Tier::kAmx:
      return FunctionsOf<Tier::kAmx>();
    case Tier::kAmxModel:
      return FunctionsOf<Tier::kAmxModel>();
    default:
      return nullptr;
  }
}

}  // namespace

std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& row, const GemmProblem& problem,
                                           const CpuFeatures& /*cpu*/) {
  const TierFunctions* const functions = FunctionsOf(row.tier);
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
