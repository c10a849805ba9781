#include "tools/turns.h"

#include <algorithm>
#include <numeric>
#include <ranges>

#include "tools/run_times.h"

namespace switchyard::tools {
namespace {

constexpr size_t kTurns = 4;  // of each side in a round

Outcome<void> PlayRound(std::span<Side* const> sides, size_t round, uint64_t nanoseconds,
                        std::span<SideTimes> times) {
  std::vector<size_t> order(sides.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (round % 2 == 1) std::ranges::reverse(order);
  for (const size_t i : order) {
    SWITCHYARD_ASSIGN(const uint64_t load, sides[i]->Load());
    times[i].loads.push_back(static_cast<double>(load));
  }
  // The first run plans memory and meets cold caches.
  for (const size_t i : order) SWITCHYARD_TRY(sides[i]->Run(0));
  std::vector<uint64_t> fastest(sides.size(), UINT64_MAX);
  for (size_t turn = 0; turn < kTurns; ++turn) {
    for (const size_t i : order) {
      SWITCHYARD_ASSIGN(const uint64_t run, sides[i]->Run(nanoseconds / kTurns));
      fastest[i] = std::min(fastest[i], run);
    }
    std::ranges::reverse(order);
  }
  for (size_t i = 0; i < sides.size(); ++i) {
    times[i].runs.push_back(static_cast<double>(fastest[i]));
  }
  return {};
}

}  // namespace

Outcome<std::vector<SideTimes>> TakeTurns(std::span<Side* const> sides, const TurnsOptions& options,
                                          const std::function<void(size_t)>& on_round) {
  std::vector<SideTimes> times(sides.size());
  for (size_t round = 0; round < options.rounds; ++round) {
    on_round(round);
    Outcome<void> outcome = PlayRound(sides, round, options.nanoseconds / options.rounds, times);
    for (Side* const side : sides) {
      const Outcome<void> unloaded = side->Unload();
      if (outcome && !unloaded) outcome = unloaded;
    }
    if (!outcome) return std::unexpected(std::move(outcome).error());
  }
  return times;
}

TimeRatio RatioOf(std::span<const double> a, std::span<const double> b) {
  std::vector<double> ratios;
  // No clock is finer than a nanosecond.
  for (size_t i = 0; i < a.size(); ++i) ratios.push_back(std::max(a[i], 1.0) / std::max(b[i], 1.0));
  return {.median = Median(ratios),
          .lowest = std::ranges::min(ratios),
          .highest = std::ranges::max(ratios)};
}

}  // namespace switchyard::tools
