// The backend: payloads in, compiled delegates out.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "backend/plan/report.h"
#include "runtime/backend.h"
#include "runtime/options.h"
#include "runtime/tensor.h"

namespace switchyard {

inline constexpr std::string_view kBackendName = "XnnpackBackend";

// The process's one instance. It is not registered anywhere by this call; the doors do that.
Backend& SwitchyardBackend();

// An instance of one's own: its options, packed weights and workspaces are shared with no other. It
// must outlive its delegates. XNNPACK, of which the process has only one, gets none of its memory
// through an instance, so that the code of it may be unloaded.
std::unique_ptr<Backend> MakeSwitchyardBackend();

// What runs where in a delegate that this backend loaded, and why.
const RouteReport& LoadedReport(const DelegateHandle& handle);

// What a delegate's argument is: the tensor of the payload's bounds, without data. An input has the
// dim order that the graph wants, an output the default order.
struct Argument {
  TensorView form;
  bool is_output = false;
};
// In the order of Execute's arguments.
std::vector<Argument> LoadedArguments(const DelegateHandle& handle);
size_t NumLoadedArguments(const DelegateHandle& handle);

// The rows of its options.
std::span<const OptionRow> BackendOptionTable();

}  // namespace switchyard
