// `bench`: how long a model takes, where the time goes, and how that compares: with the same model
// on stock XNNPACK, and on ExecuTorch's own backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "runtime/backend.h"
#include "tools/bench_model.h"
#include "tools/failure.h"

namespace switchyard::tools {

// An option of the backend that the command line can set.
struct KernelOptionRow {
  const char* flag;
  const char* key;
  const char* doc;
};
inline constexpr KernelOptionRow kKernelOptions[] = {
    {"--force-kernel", "force_kernel",
     "Name of a kernel, or of a tier of kernels (reference, ...), to run wherever it serves"},
    {"--cpu", "cpu_features", "A tier or a list of CPU features that kernels may use (host,-sme2)"},
};

struct BenchOptions {
  BenchModelOptions model;
  std::vector<uint32_t> threads;                       // empty: as many as ExecuTorch's pool has
  double seconds = 1;                                  // of runs, in each comparison for each side
  size_t rounds = 7;                                   // fresh loads of each side in a comparison
  std::map<std::string, std::string> backend_options;  // by key, of kKernelOptions
  bool peer = false;
  std::filesystem::path program;       // of this executable, to be started again
  std::filesystem::path peer_program;  // empty: `switchyard-peer` beside `program`
  bool all_rows = false;
  bool json = false;
  bool progress = false;  // for a person at a terminal
};

// `backend` is ours; its options are what they were afterwards.
Outcome<ExitCode> Bench(const BenchOptions& options, Backend& backend, std::ostream& out);

struct TakeTurnsOptions {
  BenchModelOptions model;
  uint32_t threads = 1;
  std::map<std::string, std::string> backend_options;
};

// The hidden subcommand that `bench --peer` starts: loads and runs a model when standard input says
// so (peer_process.h).
Outcome<ExitCode> ServeModel(const TakeTurnsOptions& options, Backend* payload_backend);

}  // namespace switchyard::tools
