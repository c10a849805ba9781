// Runs cases in a process of its own, so that a crash or a hang costs one case, not the suite.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>

#include "test/conformance/runner.h"

namespace switchyard::conformance {

// The parent must not have touched the backend, nor have started a thread: a worker begins as a
// copy of it.
class Worker {
 public:
  // `run` is called in the worker with the number of a case. `timeout` is that of one case.
  Worker(std::function<CaseResult(size_t)> run, std::chrono::milliseconds timeout)
      : run_(std::move(run)), timeout_(timeout) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Runs one case in the present worker, or in a new one when there is none, or it has died.
  CaseResult Run(size_t index);

 private:
  void Start();
  // Ends the worker; says how it ended.
  std::string Stop(bool kill);
  [[noreturn]] void Serve(int requests, int results);

  std::function<CaseResult(size_t)> run_;
  std::chrono::milliseconds timeout_;
  pid_t process_ = -1;
  int requests_ = -1, results_ = -1;
};

}  // namespace switchyard::conformance
