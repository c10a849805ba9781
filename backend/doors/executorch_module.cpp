// The way into libswitchyard_executorch_backend.so, for libswitchyard_executorch.so alone.
#include "backend/doors/executorch_module.h"

#include <string>

#include "backend/doors/bindings.h"
#include "backend/doors/executorch.h"
#include "backend/switchyard_backend.h"

const char* switchyard_register_executorch() {
  if (const switchyard::Status bound = switchyard::CheckBindings(); !bound) {
    static std::string refusal;
    refusal = bound.error().ToString();
    return refusal.c_str();
  }
  // A refusal is in ExecuTorch's log; the backend that was there first stays in charge.
  static_cast<void>(switchyard::RegisterWithExecutorch(switchyard::SwitchyardBackend()));
  return nullptr;
}
