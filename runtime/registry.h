// Names to backends, for hosts that have no registry of their own.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/backend.h"
#include "runtime/base/api.h"
#include "runtime/base/error.h"

namespace switchyard {

inline constexpr size_t kMaxRegisteredBackends = 16;

// Thread-safe. The first registration of a name wins; the same backend again changes nothing.
// `backend` must outlive the process's use of the registry. Errors: InvalidArgument (null, or
// another backend of this name is there), Internal (full).
SWITCHYARD_API Status RegisterBackend(Backend* backend);

// Errors: NotFound; the message lists what is registered and how a static library gets linked.
SWITCHYARD_API Result<Backend*> FindBackend(std::string_view name);

SWITCHYARD_API std::vector<std::string> RegisteredBackends();

}  // namespace switchyard
