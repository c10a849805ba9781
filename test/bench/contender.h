// The sides of a comparison.
#pragma once

#include <functional>
#include <memory>

#include "runtime/base/error.h"

namespace switchyard::bench {

// One creation of a side: operators, buffers and data of its own, ready to run again and again.
class Contender {
 public:
  virtual ~Contender() = default;
  // Runs once. Returns how many seconds that took, or the part of it that counts.
  virtual Result<double> TimedRun() = 0;
};

using MakeContender = std::function<Result<std::unique_ptr<Contender>>()>;

}  // namespace switchyard::bench
