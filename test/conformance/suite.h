// The program: command line, GoogleTest, reports.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"

struct pthreadpool;

namespace switchyard::conformance {

// What a program is linked with.
struct Program {
  std::string_view name;             // "switchyard-conformance", for reports and known issues
  std::string_view default_backend;  // a name in the registry
  // A pool of this many threads for the backend; null: the backend has its own, or works alone.
  // Called in the worker, once.
  std::function<pthreadpool*(uint32_t threads)> make_thread_pool;
  bool takes_options = true;  // whether the backend knows load options
  // Whether the known issues name all that the default backend does not support: a case beyond them
  // fails. Of another backend only what must pass has to be supported.
  bool lists_unsupported = false;
  // Option --row: the rows of the backend's kernel table; none: there is no such option.
  std::vector<std::string> rows = {};
  // Why the backend cannot run one of them here; empty: it can.
  std::function<std::string(std::string_view row)> why_not_row = nullptr;
};

// The whole of main() after the backends have been registered. Returns the exit code: 0 all passed,
// 1 something failed, 2 the command line is wrong, 77 the row of --row cannot run here.
int RunSuite(const Program& program, int argc, char** argv);

}  // namespace switchyard::conformance
