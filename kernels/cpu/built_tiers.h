// Which tiers this build has kernels of: CMake's SWITCHYARD_TIERS. Internal to kernels/, whose
// sources alone are compiled with its definitions.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "kernels/cpu/tiers.h"

namespace switchyard {

constexpr bool IsBuilt(Tier tier) {
#define SWITCHYARD_TIER(identifier, macro, name, ...) SWITCHYARD_TIER_##macro != 0,
  constexpr bool kIsBuilt[] = {
#include "kernels/cpu/tiers.inc"
  };
#undef SWITCHYARD_TIER
  return kIsBuilt[static_cast<size_t>(tier)];
}

// A provider's functions, by the names of its rows; those whose tier is not built without anything
// else: with the last pointer to a kernel that kernel leaves the program.
template <typename Functions, size_t kSize, typename Rows>
consteval std::array<Functions, kSize> BuiltFunctions(std::array<Functions, kSize> functions,
                                                      const Rows& rows) {
  for (Functions& entry : functions) {
    const auto row = std::ranges::find(rows, entry.row, [](const auto& r) { return r.name; });
    if (!IsBuilt(row->tier)) entry = {};
  }
  return functions;
}

template <typename Functions, size_t kSize>
consteval bool AnyBuilt(const std::array<Functions, kSize>& functions) {
  return std::ranges::any_of(functions, [](const Functions& entry) { return !entry.row.empty(); });
}

}  // namespace switchyard
