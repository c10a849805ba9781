// How a subcommand ends: an exit code, and words when it is not a success.
#pragma once

#include <expected>
#include <format>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/format.h"

namespace switchyard::tools {

enum class ExitCode : int {
  kOk = 0,
  kMismatch = 1,     // an answer is not the expected one
  kUsage = 2,        // the command line, or the inputs it names for a model, are wrong
  kInvalidFile = 3,  // a file is damaged, or is not what it should be
  kUnsupported = 4,  // the file is in order, but this build on this machine cannot run it
};

struct Failure {
  ExitCode exit;
  std::string message;
};

template <typename T>
using Outcome = std::expected<T, Failure>;

template <typename... Args>
std::unexpected<Failure> Fail(ExitCode exit, std::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Failure{exit, Format(format, std::forward<Args>(args)...)});
}

// The exit code that an error of the library or of the host stands for. Also takes the numbers of
// the host's error codes that ErrorCode does not name.
ExitCode ExitCodeOf(ErrorCode code);

// "PATH: InvalidProgram: value 3: ...", with the exit code that the error stands for.
std::unexpected<Failure> FailWith(std::string_view object, const Error& error);

}  // namespace switchyard::tools
