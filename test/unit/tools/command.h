// The `switchyard` command, run inside the test.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "backend/switchyard_backend.h"
#include "test/unit/tools/tool_test.h"
#include "tools/cli.h"

namespace switchyard::tools {

inline ToolRun Switchyard(const std::vector<std::string>& arguments) {
  Cli cli{.name = "switchyard",
          .description = "test",
          .payload_backend = &SwitchyardBackend(),
          .reads_files = true,
          .backend_options = BackendOptionTable(),
#ifdef SWITCHYARD_PROGRAM
          .program = SWITCHYARD_PROGRAM
#endif
  };
  std::vector<const char*> argv = {"switchyard"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out, err;
  int code = RunCommandLine(cli, static_cast<int>(argv.size()), argv.data(), out, err);
  return {code, out.str(), err.str()};
}

}  // namespace switchyard::tools
