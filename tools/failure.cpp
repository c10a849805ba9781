#include "tools/failure.h"

#include <cstdint>

namespace switchyard::tools {

ExitCode ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kInvalidType:
    case ErrorCode::kNotFound:
    case ErrorCode::kAccessFailed:
    case ErrorCode::kInvalidProgram:
    case ErrorCode::kInvalidExternalData:
    case ErrorCode::kDelegateInvalidCompatibility:
      return ExitCode::kInvalidFile;
    default:
      return ExitCode::kUnsupported;
  }
}

std::unexpected<Failure> FailWith(std::string_view object, const Error& error) {
  return Fail(ExitCodeOf(error.code), "{}: {}", object, error.ToString());
}

}  // namespace switchyard::tools
