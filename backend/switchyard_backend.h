// The backend: payloads in, compiled delegates out.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/plan/report.h"
#include "runtime/backend.h"
#include "runtime/base/api.h"
#include "runtime/base/error.h"
#include "runtime/options.h"

namespace switchyard {

inline constexpr std::string_view kBackendName = "XnnpackBackend";

// The process's one instance. It is not registered anywhere by this call.
SWITCHYARD_API Backend& SwitchyardBackend();

// Registers it in the registry of runtime/registry.h under its name; again changes nothing. A
// library that is linked whole, or shared, does this when it is loaded; any other may call it.
// Errors: as RegisterBackend(Backend*).
SWITCHYARD_API Status RegisterBackend();

// What runs where in a delegate that this backend loaded, and why.
SWITCHYARD_API const RouteReport& LoadedReport(const DelegateHandle& handle);

struct LoadedDelegate {
  std::string method;  // as in InitContext
  const void* model;   // as in InitContext
  RouteReport report;
};

// The delegates that this backend has loaded and not destroyed yet, oldest first: for hosts whose
// runtime keeps the handles to itself. Thread-safe.
SWITCHYARD_API std::vector<LoadedDelegate> LoadedDelegates();

// The rows of its options.
SWITCHYARD_API std::span<const OptionRow> BackendOptionTable();

}  // namespace switchyard
