// The way in from ExecuTorch: its BackendInterface over a Backend of ours.
#pragma once

#include <memory>

#include "runtime/backend.h"
#include "runtime/base/api.h"
#include "runtime/base/error.h"

namespace executorch::runtime {
class BackendInterface;
}  // namespace executorch::runtime

namespace switchyard {

// A door to `backend`, which must outlive it.
//
// Delegates run on ExecuTorch's own thread pool, captured at init: what init's thread sees of it,
// so nothing (one thread) under a NoThreadPoolGuard. Payloads are freed as soon as init returns.
// Messages of errors go to ExecuTorch's log, their codes are returned.
SWITCHYARD_API std::shared_ptr<executorch::runtime::BackendInterface> MakeExecutorchDoor(
    Backend& backend);

// Registers a door to `backend` under the backend's name, for the rest of the process: ExecuTorch
// cannot forget a backend. Errors: ExecuTorch's, also written to its log; the first registration of
// a name wins.
SWITCHYARD_API Status RegisterWithExecutorch(Backend& backend);

}  // namespace switchyard
