// Which tiers this build has kernels of: CMake's SWITCHYARD_TIERS, all of them unless it says so.
// Internal to kernels/, whose sources alone are compiled with its definitions.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "kernels/cpu/features.h"

namespace switchyard {

struct KernelTier {
  std::string_view name;  // as masks and the names of rows have it
  CpuFeature feature;
  bool built;
};

// Best first: a name with "sme2" has "sme" as well.
inline constexpr KernelTier kKernelTiers[] = {
    {"sme2", CpuFeature::kSme2, SWITCHYARD_TIER_SME2},
    {"sme", CpuFeature::kSme, SWITCHYARD_TIER_SME},
    {"i8mm", CpuFeature::kI8mm, SWITCHYARD_TIER_I8MM},
    {"dotprod", CpuFeature::kDotProd, SWITCHYARD_TIER_DOTPROD},
};

// The tier in the name of a kernel row; every row has one.
constexpr const KernelTier& TierOf(std::string_view row) {
  return *std::ranges::find_if(kKernelTiers,
                               [&](const KernelTier& tier) { return row.contains(tier.name); });
}

// A provider's table, rows without a name where their tier is not built: with the last pointer to a
// kernel that kernel leaves the program.
template <typename Functions, size_t kSize>
consteval std::array<Functions, kSize> BuiltRows(std::array<Functions, kSize> rows) {
  for (Functions& row : rows) {
    if (!TierOf(row.row).built) row = {};
  }
  return rows;
}

template <typename Functions, size_t kSize>
consteval bool AnyBuilt(const std::array<Functions, kSize>& rows) {
  return std::ranges::any_of(rows, [](const Functions& row) { return !row.row.empty(); });
}

}  // namespace switchyard
