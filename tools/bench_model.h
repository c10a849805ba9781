// A model with what it is run on again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/backend.h"
#include "tools/failure.h"
#include "tools/host.h"
#include "tools/model_file.h"
#include "tools/payload_runner.h"
#include "tools/program_trace.h"
#include "tools/timeline.h"

namespace switchyard::tools {

struct BenchModelOptions {
  std::filesystem::path file;  // a program, a bare payload, or a model folder
  std::vector<std::filesystem::path> data;
  std::optional<std::string> method;
  std::vector<std::filesystem::path> inputs;  // none: made up, or the folder's
  std::optional<size_t> model_case;           // of the folder; not given: the last
  uint64_t max_memory = kDefaultMaxMemory;
};

struct BenchModel {
  ModelFile file;
  std::string method;               // empty: a bare payload
  std::vector<MethodInput> inputs;  // of a payload without dim orders
  std::string inputs_from;          // "case1", "files", "made up"
  uint64_t max_memory = kDefaultMaxMemory;
};

// Errors: those of the files; Usage for options that do not fit the kind of file; Unsupported when
// inputs that are made up take more than `max_memory` bytes.
Outcome<BenchModel> OpenBenchModel(const BenchModelOptions& options);

// An array of that form, the same for the same `seed` on every machine: floats in [-1, 1), all
// values of 8-bit integers, 0 and 1 of wider ones, which may be rows of a table.
Array MakeUpArray(const ArrayForm& form, uint32_t seed);

// A loaded model with its inputs.
class BenchRunner {
 public:
  // `model` and `timeline` must outlive it. `payload_backend` runs bare payloads; null: there is
  // none. `timeline` gets loading and every run; null: nobody does.
  static Outcome<BenchRunner> Load(BenchModel& model, Backend* payload_backend,
                                   Timeline* timeline = nullptr);

  // How long loading took, until the first run could begin.
  uint64_t load_nanoseconds() const { return load_nanoseconds_; }
  // Nanoseconds of one run.
  Outcome<uint64_t> Execute() { return program_ ? program_->Execute() : payload_->Execute(); }

 private:
  std::unique_ptr<ProgramTrace> trace_;  // outlives the program
  std::optional<ProgramRunner> program_;
  std::optional<PayloadRunner> payload_;
  uint64_t load_nanoseconds_ = 0;
};

}  // namespace switchyard::tools
