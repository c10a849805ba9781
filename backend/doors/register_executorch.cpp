// Registers the backend with ExecuTorch when the program or shared library that holds this file is
// loaded. Nothing refers to it, so a static library that holds it must be linked whole.
#include "backend/doors/executorch.h"
#include "backend/switchyard_backend.h"
#include "runtime/base/guard.h"

namespace switchyard {
namespace {

// A refusal is in ExecuTorch's log; the backend that was there first stays in charge.
[[maybe_unused]] const bool registered =
    Guard("registration", [] { return RegisterWithExecutorch(SwitchyardBackend()); }).has_value();

}  // namespace
}  // namespace switchyard
