#include "test/bench/ratio.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <thread>
#include <utility>

#include "test/bench/clock.h"

namespace switchyard::bench {

Result<double> Contender::Fastest(const Effort& effort) {
  SWITCHYARD_TRY(TimedRun());
  double fastest = INFINITY;
  const uint64_t start = Nanoseconds();
  for (size_t run = 0; run < effort.runs || SecondsSince(start) < effort.seconds; ++run) {
    SWITCHYARD_ASSIGN(const double seconds, TimedRun());
    fastest = std::min(fastest, seconds);
  }
  return fastest;
}

Result<Ratio> Compare(const MakeContender& ours, const MakeContender& stock, const Effort& effort) {
  enum Side { kOurs, kStock, kStockAgain, kNumSides };
  using Round = std::array<std::unique_ptr<Contender>, kNumSides>;
  std::array<std::vector<double>, kNumSides> times;
  std::vector<double> ratios, own_ratios;
  Round previous;
  for (size_t i = 0; i < effort.creations; ++i) {
    std::array<Side, kNumSides> order = {kStock, kOurs, kStockAgain};
    if (i % 2 == 1) std::ranges::reverse(order);
    Round round;
    for (const Side side : order) {
      SWITCHYARD_ASSIGN(round[side], (side == kOurs ? ours : stock)());
    }
    for (const Side side : order) {
      if (effort.pause > 0)
        std::this_thread::sleep_for(std::chrono::duration<double>(effort.pause));
      SWITCHYARD_ASSIGN(const double fastest, round[side]->Fastest(effort));
      times[side].push_back(fastest);
    }
    ratios.push_back(times[kStock].back() / times[kOurs].back());
    own_ratios.push_back(times[kStock].back() / times[kStockAgain].back());
    previous = std::move(round);
  }
  const auto [low, high] = std::ranges::minmax(own_ratios);
  return Ratio{.ours = Median(times[kOurs]),
               .stock = Median(times[kStock]),
               .ratio = Median(std::move(ratios)),
               .low = low,
               .high = high};
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double GeometricMean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

}  // namespace switchyard::bench
