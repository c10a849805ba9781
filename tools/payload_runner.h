// A bare payload on a backend, without ExecuTorch's runtime.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/backend.h"
#include "tools/failure.h"
#include "tools/host.h"
#include "tools/model_file.h"
#include "tools/npy.h"
#include "tools/timeline.h"

namespace switchyard::tools {

class PayloadRunner {
 public:
  // Loads it. `model`, `backend` and `timeline` must outlive the runner. `timeline` gets loading
  // and every run; null: nobody does. `max_memory` is what the outputs may take, in bytes.
  static Outcome<PayloadRunner> Load(ModelFile& model, Backend& backend,
                                     uint64_t max_memory = kDefaultMaxMemory,
                                     Timeline* timeline = nullptr);

  PayloadRunner(PayloadRunner&& other) noexcept;
  PayloadRunner& operator=(PayloadRunner&& other) noexcept;
  ~PayloadRunner();

  // How long the backend took to load it.
  uint64_t load_nanoseconds() const;

  // What `Execute` runs on from now on, in the order of their external ids, each in the physical
  // order that the payload's own dims have. Errors: Usage when they do not fit.
  Outcome<void> SetInputs(std::span<const Array> inputs);
  // Returns how long the backend took, in nanoseconds. Errors: Unsupported when the outputs take
  // more than `max_memory` bytes.
  Outcome<uint64_t> Execute();
  // Of the last Execute, in the order that the payload's own dims have.
  std::vector<Array> Outputs() const;

 private:
  struct Impl;
  explicit PayloadRunner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// For executables whose backend runs no bare payloads.
std::unexpected<Failure> FailWithoutPayloads(const ModelFile& model);

// The inputs that a payload takes, as SetInputs wants them at the payload's bounds.
Outcome<std::vector<ArrayForm>> PayloadInputs(const ModelFile& model);

}  // namespace switchyard::tools
