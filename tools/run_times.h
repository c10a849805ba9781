// How long a model takes to load and to run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace switchyard::tools {

// Nanoseconds of a clock that never goes back.
uint64_t Now();

// In nanoseconds.
struct RunTimes {
  uint64_t load = 0;
  std::vector<uint64_t> runs;  // in their order
};

// In milliseconds. The median of an even number of runs is the mean of the two in the middle.
struct RunTimesSummary {
  double load = 0, first = 0, median = 0, minimum = 0;
};

// `times` has at least one run.
RunTimesSummary Summarize(RunTimes times);

// "load 12.345 ms; 20 runs: first 1.234 ms, median 1.200 ms, minimum 1.100 ms"
std::string TimesText(const RunTimes& times);

}  // namespace switchyard::tools
