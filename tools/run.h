// `run`: one model, inputs from .npy files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "runtime/backend.h"
#include "tools/failure.h"
#include "tools/host.h"
#include "tools/model_file.h"
#include "tools/npy.h"
#include "tools/run_times.h"
#include "tools/timeline.h"

namespace switchyard::tools {

struct RunOptions {
  std::filesystem::path file;
  std::vector<std::filesystem::path> data;
  std::optional<std::string> method;  // not given: "forward", or the only one
  std::vector<std::filesystem::path> inputs;
  std::optional<std::filesystem::path> output_dir;  // output_I.npy go here
  std::optional<uint32_t> threads;
  uint64_t max_memory = kDefaultMaxMemory;
  uint32_t repeat = 1;  // runs; the outputs are those of the last; above 1 they are timed
  std::optional<std::filesystem::path> trace;   // all runs, for Perfetto
  std::optional<std::filesystem::path> etdump;  // all runs, for ExecuTorch's Inspector
  bool json = false;
};

// `payload_backend` runs bare payloads; null where the executable has none.
Outcome<ExitCode> Run(const RunOptions& options, Backend* payload_backend, std::ostream& out);

struct Measurement {
  uint32_t repeat = 1;
  Timeline* timeline = nullptr;  // gets loading and every run; null: nobody does
  RunTimes times = {};           // of them
};

// Runs a bare payload: `inputs` are its external inputs in the order of their ids. The outputs are
// in the physical order that the payload's own dims have. Errors: Usage when the inputs do not fit,
// Unsupported when the outputs take more than `max_memory` bytes.
Outcome<std::vector<Array>> RunPayload(ModelFile& model, Backend& backend,
                                       std::span<const Array> inputs, Measurement& measurement,
                                       uint64_t max_memory = kDefaultMaxMemory);

}  // namespace switchyard::tools
