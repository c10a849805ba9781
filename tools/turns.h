// Comparing two or more things that take time, so that what else the machine does falls on all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tools/failure.h"

namespace switchyard::tools {

class Side {
 public:
  virtual ~Side() = default;
  // Loads it anew. Returns nanoseconds.
  virtual Outcome<uint64_t> Load() = 0;
  // Runs it, once at least, and again until `nanoseconds` are over. Returns the time of the
  // fastest run, in nanoseconds.
  virtual Outcome<uint64_t> Run(uint64_t nanoseconds) = 0;
  // What Load made goes. Does nothing where there is none.
  virtual Outcome<void> Unload() = 0;
};

struct TurnsOptions {
  size_t rounds = 7;                     // fresh loads of every side
  uint64_t nanoseconds = 1'000'000'000;  // for the runs of one side, in all rounds together
};

// Of one side, by round, in nanoseconds.
struct SideTimes {
  std::vector<double> loads;
  std::vector<double> runs;  // each the fastest of its round
};

// In every round all sides are loaded anew, run once, take turns at running, and are unloaded; who
// is first changes from round to round and from turn to turn. `on_round` is called with the number
// of each before it begins. Errors: the first of a side, with all sides unloaded.
Outcome<std::vector<SideTimes>> TakeTurns(std::span<Side* const> sides, const TurnsOptions& options,
                                          const std::function<void(size_t)>& on_round);

// How often `a` takes the time of `b`: by round, then the median of the rounds, and their range.
struct TimeRatio {
  double median = 0, lowest = 0, highest = 0;
};
// Both have as many elements, at least one.
TimeRatio RatioOf(std::span<const double> a, std::span<const double> b);

}  // namespace switchyard::tools
