// Time as the benchmarks read it.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "runtime/base/error.h"

namespace switchyard::bench {

// Of a clock that never goes back.
inline uint64_t Nanoseconds() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

inline double SecondsSince(uint64_t start) {
  return static_cast<double>(Nanoseconds() - start) * 1e-9;
}

// How long `run`, which returns a Status, takes.
template <typename Run>
Result<double> Time(Run&& run) {
  const uint64_t start = Nanoseconds();
  SWITCHYARD_TRY(std::forward<Run>(run)());
  return SecondsSince(start);
}

}  // namespace switchyard::bench
