// The sides of a comparison.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "runtime/base/error.h"

namespace switchyard::bench {

struct Effort {
  size_t creations = 7;   // of each side
  size_t runs = 5;        // at least, of each creation, after one that does not count
  double seconds = 0.03;  // at least, of each creation
  double pause = 0;       // seconds before the first run of a creation
};

// One creation of a side: operators, buffers and data of its own, ready to run again and again.
class Contender {
 public:
  virtual ~Contender() = default;
  // Runs once. Returns how many seconds that took, or the part of it that counts.
  virtual Result<double> TimedRun() = 0;
  // The least of many runs. One that lives in another process makes them there.
  virtual Result<double> Fastest(const Effort& effort);
};

using MakeContender = std::function<Result<std::unique_ptr<Contender>>()>;

}  // namespace switchyard::bench
