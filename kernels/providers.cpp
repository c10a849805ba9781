#include "kernels/providers.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "kernels/avx2/rows.h"
#include "kernels/avx512/rows.h"
#include "kernels/cpu/built_tiers.h"
#include "kernels/kleidiai/kleidiai.h"
#include "kernels/kleidiai/rows.h"
#include "kernels/reference/reference.h"
#include "kernels/reference/rows.h"
#if defined(SWITCHYARD_X86)
#include "kernels/x86/x86.h"
#endif

namespace switchyard {
namespace {

// The list of providers. Within a variant the rows of one are preferred to those of the next.
constexpr Provider kProviders[] = {
#if defined(SWITCHYARD_KLEIDIAI)
    {kleidiai::kTable, &kleidiai::MakePackedGemm, &kleidiai::Version},
#else
    {kleidiai::kTable, nullptr, nullptr},
#endif
#if defined(SWITCHYARD_X86)
    {avx512::kTable, &x86::MakePackedGemm, &x86::Version},
    {avx2::kTable, &x86::MakePackedGemm, &x86::Version},
#else
    {avx512::kTable, nullptr, nullptr},
    {avx2::kTable, nullptr, nullptr},
#endif
    {reference::kTable, IsBuilt(Tier::kReference) ? &reference::MakePackedGemm : nullptr,
     IsBuilt(Tier::kReference) ? &reference::Version : nullptr},
};

consteval size_t NumRows() {
  size_t rows = 0;
  for (const Provider& provider : kProviders) rows += provider.rows.size();
  return rows;
}

consteval auto AllRows() {
  std::array<KernelRow, NumRows()> all{};
  auto next = all.begin();
  for (size_t i = 0; i < std::size(kProviders); ++i) {
    for (const KernelRow& row : kProviders[i].rows) {
      *next = row;
      next->provider = static_cast<uint8_t>(i);
      next->is_built = IsBuilt(row.tier);
      ++next;
    }
  }
  return all;
}
constexpr auto kRows = AllRows();

}  // namespace

std::span<const KernelRow> KernelTable() { return kRows; }

std::unique_ptr<PackedGemm> MakePackedGemm(const KernelRow& row, const GemmProblem& problem,
                                           const CpuFeatures& cpu) {
  if (!cpu.Missing(row.required).IsEmpty()) return nullptr;
  const Provider& provider = kProviders[row.provider];
  return provider.make == nullptr ? nullptr : provider.make(row, problem, cpu);
}

std::string_view PackerVersion(const KernelRow& row) {
  const Provider& provider = kProviders[row.provider];
  return provider.version == nullptr ? std::string_view() : provider.version();
}

}  // namespace switchyard
