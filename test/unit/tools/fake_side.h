// A Side that says what is done to it, and whose times are given.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tools/turns.h"

namespace switchyard::tools {

class FakeSide final : public Side {
 public:
  FakeSide(std::string name, std::vector<std::string>& log) : name_(std::move(name)), log_(log) {}

  Outcome<uint64_t> Load() override { return Do("load", loads, num_loads_); }
  Outcome<uint64_t> Run(uint64_t nanoseconds) override {
    return Do("run " + std::to_string(nanoseconds), runs, num_runs_);
  }
  Outcome<void> Unload() override {
    const std::vector<uint64_t> none = {0};
    size_t count = 0;
    SWITCHYARD_TRY(Do("unload", none, count));
    return {};
  }

  std::vector<uint64_t> loads = {1}, runs = {1};  // one after the other; the last again and again
  std::string fails_at;                           // "run 0"

 private:
  Outcome<uint64_t> Do(const std::string& what, const std::vector<uint64_t>& times, size_t& count) {
    log_.push_back(name_ + " " + what);
    if (what == fails_at) {
      return Fail(ExitCode::kInvalidFile, "{} cannot {}", name_, what);
    }
    return times[std::min(count++, times.size() - 1)];
  }

  const std::string name_;
  std::vector<std::string>& log_;
  size_t num_loads_ = 0, num_runs_ = 0;
};

}  // namespace switchyard::tools
