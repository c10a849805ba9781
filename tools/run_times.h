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

double Milliseconds(uint64_t nanoseconds);

// Of at least one value, in any order. The mean of the two in the middle where their number is
// even.
double Median(std::vector<double> values);

// In milliseconds. `p99` is the smallest time that 99 % of the runs do not exceed.
struct RunTimesSummary {
  double load = 0, first = 0, median = 0, p99 = 0, minimum = 0;
};

// `times` has at least one run.
RunTimesSummary Summarize(const RunTimes& times);

// "load 12.345 ms; 20 runs: first 1.234 ms, median 1.200 ms, minimum 1.100 ms"
std::string TimesText(const RunTimes& times);

}  // namespace switchyard::tools
