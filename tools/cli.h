// The command line: what main() of `switchyard` and of `switchyard-peer` hand to the subcommands.
#pragma once

#include <filesystem>
#include <ostream>
#include <span>
#include <string>

#include "runtime/backend.h"
#include "runtime/options.h"

namespace switchyard::tools {

struct Cli {
  std::string name;                    // of the executable
  std::string description;             // what it runs models on
  Backend* payload_backend = nullptr;  // for `run` on bare payloads; null: it has none
  bool reads_files = false;            // has `inspect`, `explain`, `extract`, `tables`, `bench`
  std::span<const OptionRow> backend_options = {};  // for `tables`
  std::filesystem::path program = {};  // that `bench` starts again; empty: this executable
};

// Returns the exit code. Never throws.
int RunCommandLine(const Cli& cli, int argc, const char* const* argv, std::ostream& out,
                   std::ostream& err);

}  // namespace switchyard::tools
