// The backend that is registered with ExecuTorch, as a Backend of ours: bare payloads run on it
// without a program.
#pragma once

#include "runtime/backend.h"

namespace switchyard::tools {

// Whatever ExecuTorch has under the name "XnnpackBackend"; is_available() is false without one. The
// thread pool is ExecuTorch's own, whatever the context says, and there are no options.
Backend& PeerBackend();

}  // namespace switchyard::tools
