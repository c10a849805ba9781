#include "tools/run_times.h"

#include <algorithm>
#include <chrono>

#include "runtime/base/format.h"

namespace switchyard::tools {

double Milliseconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

uint64_t Now() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

RunTimesSummary Summarize(const RunTimes& times) {
  std::vector<double> runs;
  for (const uint64_t run : times.runs) runs.push_back(Milliseconds(run));
  const double first = runs.front();
  std::ranges::sort(runs);
  return {.load = Milliseconds(times.load),
          .first = first,
          .median = Median(runs),
          .p99 = runs[(99 * runs.size() + 99) / 100 - 1],
          .minimum = runs.front()};
}

std::string TimesText(const RunTimes& times) {
  const RunTimesSummary summary = Summarize(times);
  return Format("load {:.3f} ms; {} runs: first {:.3f} ms, median {:.3f} ms, minimum {:.3f} ms",
                summary.load, times.runs.size(), summary.first, summary.median, summary.minimum);
}

}  // namespace switchyard::tools
