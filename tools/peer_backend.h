// The backend that is registered with ExecuTorch, as a Backend of ours: bare payloads run on it
// without a program.
#pragma once

#include <memory>
#include <span>

#include "runtime/backend.h"
#include "runtime/base/error.h"
#include "runtime/tensor.h"

namespace switchyard::tools {

// Whatever ExecuTorch has under the name "XnnpackBackend"; is_available() is false without one. The
// thread pool is ExecuTorch's own, whatever the context says, and there are no options.
Backend& PeerBackend();

// One call of a delegate that PeerBackend has loaded, with ExecuTorch's tensors made once, so that
// again and again it is nothing but the call.
class PeerCall {
 public:
  // Reads the inputs where `arguments` have them; the delegate, and they, must outlive it.
  PeerCall(DelegateHandle& delegate, std::span<const TensorView> arguments);
  ~PeerCall();
  PeerCall(const PeerCall&) = delete;
  PeerCall& operator=(const PeerCall&) = delete;

  // Errors: the host's.
  Status Execute();
  // The outputs of the last Execute, to where `arguments` have them; resizes these.
  Status CopyOutputs(std::span<TensorView> arguments) const;

 private:
  struct Tensors;
  const std::unique_ptr<Tensors> tensors_;
};

}  // namespace switchyard::tools
