// Names to backends, for hosts that have no registry of their own.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/backend.h"
#include "runtime/base/error.h"

namespace switchyard {

inline constexpr size_t kMaxRegisteredBackends = 16;

// Thread-safe. The first registration of a name wins. `backend` must outlive the process's use of
// the registry. Errors: InvalidArgument (name already present), Internal (full).
Status RegisterBackend(Backend* backend);

// Errors: NotFound; the message lists what is registered and how a static library gets linked.
Result<Backend*> FindBackend(std::string_view name);

std::vector<std::string> RegisteredBackends();

}  // namespace switchyard
