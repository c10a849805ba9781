// The table of tiers (tiers.inc) as values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/cpu/features.h"

namespace switchyard {

#define SWITCHYARD_TIER(identifier, macro, name, ...) identifier,
enum class Tier : uint8_t {
#include "kernels/cpu/tiers.inc"
};
#undef SWITCHYARD_TIER

struct TierRow {
  Tier tier;
  std::string_view name;
  uint32_t features;  // FeatureBits
};

namespace tiers_internal {
using enum CpuFeature;
#define SWITCHYARD_TIER(identifier, macro, name, ...) \
  {Tier::identifier, name, FeatureBits({__VA_ARGS__})},
inline constexpr TierRow kRows[] = {
#include "kernels/cpu/tiers.inc"
};
#undef SWITCHYARD_TIER
}  // namespace tiers_internal

// Worst first, by Tier.
inline constexpr auto& kTiers = tiers_internal::kRows;

// Whether a tier's kernels are plain C++, which runs on any CPU, and is there for tests.
constexpr bool IsPlain(Tier tier) { return kTiers[static_cast<size_t>(tier)].features == 0; }

constexpr std::string_view Name(Tier tier) { return kTiers[static_cast<size_t>(tier)].name; }

}  // namespace switchyard
