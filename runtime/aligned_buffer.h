// Memory from the host's allocator.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/host_services.h"

namespace switchyard {

class AlignedBuffer {
 public:
  static constexpr size_t kAlignment = 64;

  AlignedBuffer() = default;
  // Uninitialised; zero bytes allocate nothing. Errors: MemoryAllocationFailed, naming `purpose`.
  static Result<AlignedBuffer> Allocate(Allocator& allocator, size_t bytes,
                                        std::string_view purpose) {
    AlignedBuffer buffer;
    if (bytes == 0) return buffer;
    void* data = allocator.Allocate(bytes, kAlignment);
    if (data == nullptr) {
      return Fail(ErrorCode::kMemoryAllocationFailed,
                  "{}: the host's allocator has no {} bytes; free memory or use a smaller model",
                  purpose, bytes);
    }
    buffer.allocator_ = &allocator;
    buffer.bytes_ = {static_cast<std::byte*>(data), bytes};
    return buffer;
  }

  AlignedBuffer(AlignedBuffer&& other) noexcept
      : allocator_(std::exchange(other.allocator_, nullptr)),
        bytes_(std::exchange(other.bytes_, {})) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(allocator_, other.allocator_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~AlignedBuffer() {
    if (allocator_ != nullptr) allocator_->Free(bytes_.data());
  }

  std::byte* data() const { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }

 private:
  Allocator* allocator_ = nullptr;
  std::span<std::byte> bytes_;
};

}  // namespace switchyard
