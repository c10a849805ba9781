// `check`: models against the answers beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tools/compare.h"
#include "tools/failure.h"
#include "tools/host.h"
#include "tools/task.h"

namespace switchyard::tools {

struct CheckOptions {
  std::vector<std::filesystem::path> roots;
  std::vector<std::string> filters;  // globs on the model's name, any of them; empty: all
  std::optional<uint32_t> threads;
  uint64_t max_memory = kDefaultMaxMemory;
  bool json = false;
  bool progress = false;  // one line on stderr that is written over
};

// One case of one program.
struct CaseResult {
  std::string model;
  std::string name;  // "case0", "model.bpte case0"
  std::string method;
  std::vector<Comparison> outputs;
  std::optional<Failure> failure;  // it could not be run or judged
  std::optional<TaskResult> task;
  std::optional<double> reference_accuracy;  // of the expected outputs, where `task` is set

  bool pass() const;
};

// Runs every case of every program of one folder. A failure of a program is one result for each of
// its cases, of the folder itself one without a name.
std::vector<CaseResult> CheckFolder(const std::filesystem::path& folder,
                                    uint64_t max_memory = kDefaultMaxMemory);

// The whole subcommand. The code is Mismatch if any answer is wrong; otherwise that of the first
// case that could not be run.
Outcome<ExitCode> Check(const CheckOptions& options, std::ostream& out);

}  // namespace switchyard::tools
