#include "tools/run_times.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/base/format.h"

namespace switchyard::tools {
namespace {

double Milliseconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

}  // namespace

uint64_t Now() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

RunTimesSummary Summarize(RunTimes times) {
  std::vector<uint64_t> sorted = std::move(times.runs);
  const uint64_t first = sorted.front();
  std::ranges::sort(sorted);
  const uint64_t below = sorted[(sorted.size() - 1) / 2], above = sorted[sorted.size() / 2];
  return {.load = Milliseconds(times.load),
          .first = Milliseconds(first),
          .median = (Milliseconds(below) + Milliseconds(above)) / 2,
          .minimum = Milliseconds(sorted.front())};
}

std::string TimesText(const RunTimes& times) {
  const RunTimesSummary summary = Summarize(times);
  return Format("load {:.3f} ms; {} runs: first {:.3f} ms, median {:.3f} ms, minimum {:.3f} ms",
                summary.load, times.runs.size(), summary.first, summary.median, summary.minimum);
}

}  // namespace switchyard::tools
