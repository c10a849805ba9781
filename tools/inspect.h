// `inspect`: what is in a program or a payload.
#pragma once

#include <filesystem>
#include <ostream>
#include <vector>

#include "tools/failure.h"

namespace switchyard::tools {

struct InspectOptions {
  std::filesystem::path file;
  std::vector<std::filesystem::path> data;
  bool json = false;
};

// The code is Ok, or that of the first payload that could not be read; everything else is printed
// all the same.
Outcome<ExitCode> Inspect(const InspectOptions& options, std::ostream& out);

}  // namespace switchyard::tools
