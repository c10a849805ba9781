// The backend: payloads in, compiled delegates out.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/plan/report.h"
#include "runtime/backend.h"
#include "runtime/base/api.h"
#include "runtime/base/error.h"
#include "runtime/options.h"
#include "runtime/tensor.h"

namespace switchyard {

inline constexpr std::string_view kBackendName = "XnnpackBackend";

// The process's one instance. It is not registered anywhere by this call. The first call throws
// std::bad_alloc where there is no memory for it; so does every function here that returns a
// container, and MakeSwitchyardBackend.
SWITCHYARD_API Backend& SwitchyardBackend();

// Registers it in the registry of runtime/registry.h under its name; again changes nothing. A
// library that is linked whole, or shared, does this when it is loaded; any other may call it.
// Errors: as RegisterBackend(Backend*).
SWITCHYARD_API Status RegisterBackend();

// An instance of one's own: its options, packed weights and workspaces are shared with no other. It
// must outlive its delegates. XNNPACK, of which the process has only one, gets none of its memory
// through an instance, so that the code of it may be unloaded.
SWITCHYARD_API std::unique_ptr<Backend> MakeSwitchyardBackend();

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

// What a delegate's argument is: the tensor of the payload's bounds, without data. An input has the
// dim order that the graph wants, an output the default order.
struct Argument {
  TensorView form;
  bool is_output = false;
};
SWITCHYARD_API size_t NumLoadedArguments(const DelegateHandle& handle);
// `index`, less than that, counts Execute's arguments.
SWITCHYARD_API Argument LoadedArgument(const DelegateHandle& handle, size_t index);

// The rows of its options.
SWITCHYARD_API std::span<const OptionRow> BackendOptionTable();

}  // namespace switchyard
