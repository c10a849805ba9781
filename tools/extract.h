// `extract`: the payloads of a program as files of their own.
#pragma once

#include <filesystem>
#include <ostream>
#include <vector>

#include "tools/failure.h"

namespace switchyard::tools {

struct ExtractOptions {
  std::filesystem::path file;
  std::vector<std::filesystem::path> data;
  std::filesystem::path output_dir = ".";
  bool raw = false;  // the original bytes, and the named constants they need as KEY.bin
};

// Writes METHOD.K.xnn for the K-th delegate of each method and prints a line for each file.
Outcome<ExitCode> Extract(const ExtractOptions& options, std::ostream& out);

}  // namespace switchyard::tools
