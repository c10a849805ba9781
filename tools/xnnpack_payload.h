// The delegates of a program whose payloads schema/payload.h reads.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/format.h"
#include "schema/program.h"

namespace switchyard::tools {

// The name that the exporter gives its backend.
inline constexpr std::string_view kXnnpackBackend = "XnnpackBackend";

// For messages: "method forward, delegate 0".
inline std::string DelegateName(const ProgramMethod& method, size_t index) {
  return Format("method {}, delegate {}", method.name, index);
}

}  // namespace switchyard::tools
