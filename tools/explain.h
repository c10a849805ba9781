// `explain`: what would run where on a CPU, and why, without running the model.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "backend/options.h"
#include "tools/failure.h"

namespace switchyard::tools {

struct ExplainOptions {
  std::filesystem::path file;
  std::vector<std::filesystem::path> data;
  std::vector<std::string> cpus;  // as kernels/cpu/mask.h takes them; empty: the host
  bool all_nodes = false;         // also those that no rule speaks about
  bool json = false;
  size_t threads = 1;  // of the pool that the model would be loaded with
  uint64_t max_workspace_bytes = kDefaultMaxWorkspaceBytes;
};

// Errors: Usage (no such CPU), InvalidFile.
Outcome<ExitCode> Explain(const ExplainOptions& options, std::ostream& out);

}  // namespace switchyard::tools
