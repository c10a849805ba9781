// The backend: payloads in, compiled delegates out.
#pragma once

#include <string_view>

#include "backend/plan/report.h"
#include "runtime/backend.h"
#include "runtime/options.h"

namespace switchyard {

inline constexpr std::string_view kBackendName = "XnnpackBackend";

// The process's one instance. It is not registered anywhere by this call; the doors do that.
Backend& SwitchyardBackend();

// What runs where in a delegate that this backend loaded, and why.
const RouteReport& LoadedReport(const DelegateHandle& handle);

// The rows of its options.
std::span<const OptionRow> BackendOptionTable();

}  // namespace switchyard
