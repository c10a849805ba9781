// What this machine can do at most, measured in the same run as what is compared with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "kernels/cpu/features.h"
#include "runtime/base/variant.h"

namespace switchyard::bench {

struct PeakLoop {
  std::string_view name;  // "fma256"
  uint32_t required;      // FeatureBits
  double macs;            // of one iteration, of SME divided by VL * VL
  void (*run)(size_t iterations);
  // Around a thread's calls of it; null: none.
  bool (*begin)() = nullptr;
  void (*end)() = nullptr;
  bool is_scalable = false;
};

// Of this architecture.
std::span<const PeakLoop> PeakLoops();

// The loop that a kernel of this tier and variant is measured by; nullptr where there is none. By
// the tier's name, so that the answer is there before the tier is.
const PeakLoop* PeakOf(std::string_view tier, Variant variant);

class Peaks {
 public:
  // `seconds` is what one measurement takes at least. Each call measures again and returns the best
  // so far: what else the machine does lowers a peak, and nothing raises it.
  explicit Peaks(double seconds) : seconds_(seconds) {}

  // Operations a second, a multiply-accumulate being two, of all threads together. Nothing where
  // this CPU has not the instructions.
  std::optional<double> OperationsPerSecond(const PeakLoop& loop, size_t threads);
  // Of reading so many bytes again and again, a part for each thread.
  double ReadBytesPerSecond(size_t bytes, size_t threads);

 private:
  const double seconds_;
  std::map<std::pair<const PeakLoop*, size_t>, double> operations_;
  std::map<std::pair<size_t, size_t>, double> reads_;
};

}  // namespace switchyard::bench
