// The error of a graph that breaks a rule: internal to schema/.
#pragma once

#include <format>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/format.h"

namespace switchyard {

// InvalidProgram. The format says object, found and expected; what to do is the same for all.
template <typename... Args>
std::unexpected<Error> Broken(std::format_string<Args...> format, Args&&... args) {
  Error error{ErrorCode::kInvalidProgram, Format(format, std::forward<Args>(args)...)};
  error.message += "; export the file again, or correct the code that built the graph";
  return std::unexpected(std::move(error));
}

}  // namespace switchyard
