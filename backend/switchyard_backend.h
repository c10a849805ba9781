// The backend: payloads in, compiled delegates out.
#pragma once

#include <string_view>

#include "runtime/backend.h"
#include "runtime/options.h"

namespace switchyard {

inline constexpr std::string_view kBackendName = "XnnpackBackend";

// The process's one instance. It is not registered anywhere by this call; the doors do that.
Backend& SwitchyardBackend();

// The rows of its options.
std::span<const OptionRow> BackendOptionTable();

}  // namespace switchyard
