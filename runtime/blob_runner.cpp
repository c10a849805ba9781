#include "runtime/blob_runner.h"

#include <utility>

#include "runtime/base/guard.h"

namespace switchyard {

Result<BlobRunner> BlobRunner::Load(Backend& backend, std::span<const std::byte> payload,
                                    const InitContext& context) {
  return Guard("blob runner", [&]() -> Result<BlobRunner> {
    if (!backend.is_available()) {
      return Fail(ErrorCode::kNotFound,
                  "backend '{}': not available on this machine, or without memory to start; use "
                  "another backend",
                  backend.name());
    }
    SWITCHYARD_ASSIGN(DelegateHandle* const handle, backend.Init(context, payload));
    return BlobRunner(backend, handle);
  });
}

BlobRunner::BlobRunner(BlobRunner&& other) noexcept
    : backend_(other.backend_), handle_(std::exchange(other.handle_, nullptr)) {}

BlobRunner& BlobRunner::operator=(BlobRunner&& other) noexcept {
  std::swap(backend_, other.backend_);
  std::swap(handle_, other.handle_);
  return *this;
}

BlobRunner::~BlobRunner() {
  if (handle_ != nullptr) backend_->Destroy(handle_);
}

Status BlobRunner::Run(std::span<TensorView> arguments, const ExecuteContext& context) {
  return Guard("blob runner", [&]() -> Status {
    if (handle_ == nullptr) {
      return Fail(ErrorCode::kInvalidState,
                  "blob runner: found no delegate, since the runner was moved from; run the one it "
                  "was moved to");
    }
    return backend_->Execute(context, handle_, arguments);
  });
}

Status BlobRunner::Run(std::span<OwnedTensor> arguments, const ExecuteContext& context) {
  return Guard("blob runner", [&] {
    std::vector<TensorView> views;
    views.reserve(arguments.size());
    for (OwnedTensor& tensor : arguments) views.push_back(tensor.View());
    return Run(std::span(views), context);
  });
}

}  // namespace switchyard
