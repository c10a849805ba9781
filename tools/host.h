// ExecuTorch's runtime, as the tools use it: programs in, arrays out. What is delegated runs on the
// backend that the executable is linked with.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/host_services.h"
#include "tools/failure.h"
#include "tools/model_file.h"
#include "tools/npy.h"

namespace executorch::runtime {
class EventTracer;
}  // namespace executorch::runtime

namespace switchyard::tools {

// How ExecuTorch's messages are treated: printed to stderr when `verbose`, otherwise dropped,
// except that a failure quotes its errors. Call once, before anything else of this file.
void StartHost(bool verbose);

// Gives ExecuTorch's thread pool `threads` threads, at least 1.
Outcome<void> SetThreads(uint32_t threads);
// How many it has.
uint32_t HostThreads();

// ExecuTorch's thread pool, for a payload that runs without it; null: the calling thread works
// alone.
::pthreadpool* HostThreadPool();

// Bytes that a file may ask for before it has shown that it is worth them, unless the command line
// says more: the memory that a method's plan wants, the outputs of a bare payload.
inline constexpr uint64_t kDefaultMaxMemory = uint64_t{4} << 30;

struct MethodInput {
  Array array;
  std::vector<uint8_t> dim_order;  // to hand it over in; empty: that of the program
};

class ProgramRunner {
 public:
  // `model` must have a program, and outlive the runner. Nothing is loaded but the program's
  // tables. Errors: as ExecuTorch gives them, with what it logged.
  static Outcome<ProgramRunner> Load(ModelFile& model, uint64_t max_memory = kDefaultMaxMemory);

  ProgramRunner(ProgramRunner&& other) noexcept;
  ProgramRunner& operator=(ProgramRunner&& other) noexcept;
  ~ProgramRunner();

  // Loads a method with its delegates; `Run` does it where it is not done. `tracer` is told of the
  // loading and of every run, and must outlive the runner. Errors: Unsupported, before anything is
  // allocated, when the method's plan takes more than the `max_memory` of Load.
  Outcome<void> LoadMethod(const std::string& method,
                           executorch::runtime::EventTracer* tracer = nullptr);

  // What `Execute` runs from now on. Errors: Usage when the method is not there or the inputs do
  // not fit it.
  Outcome<void> SetInputs(const std::string& method, std::span<const MethodInput> inputs);
  // Runs the method of the last SetInputs. Returns how long ExecuTorch took, from inputs to outputs
  // in its own memory, in nanoseconds.
  Outcome<uint64_t> Execute();
  // Of the last Execute, in C order.
  Outcome<std::vector<Array>> Outputs() const;

  // All three.
  Outcome<std::vector<Array>> Run(const std::string& method, std::span<const MethodInput> inputs);

 private:
  struct Impl;
  explicit ProgramRunner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace switchyard::tools
