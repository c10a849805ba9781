// One bare payload on any backend, without a host runtime.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/backend.h"
#include "runtime/base/api.h"
#include "runtime/base/error.h"
#include "runtime/tensor.h"

namespace switchyard {

class SWITCHYARD_API BlobRunner {
 public:
  // Loads `payload` (free to go afterwards). `backend` must outlive the runner.
  static Result<BlobRunner> Load(Backend& backend, std::span<const std::byte> payload,
                                 const InitContext& context = {});

  BlobRunner(BlobRunner&& other) noexcept;
  BlobRunner& operator=(BlobRunner&& other) noexcept;
  ~BlobRunner();

  // `arguments` in the order of external ids: inputs, then outputs. Output tensors are resized.
  Status Run(std::span<TensorView> arguments, const ExecuteContext& context = {});
  // The same with tensors that own their data.
  Status Run(std::span<OwnedTensor> arguments, const ExecuteContext& context = {});

  DelegateHandle* handle() { return handle_; }

 private:
  BlobRunner(Backend& backend, DelegateHandle* handle) : backend_(&backend), handle_(handle) {}

  Backend* backend_;
  DelegateHandle* handle_;
};

}  // namespace switchyard
