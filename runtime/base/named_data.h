// Bytes that a payload refers to by key and that the host keeps elsewhere.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"

namespace switchyard {

// A view of bytes with whatever keeps them alive. Move-only; the bytes are given back when it is
// destroyed.
class DataBuffer {
 public:
  DataBuffer() = default;
  // `owner` is destroyed together with this buffer; null when the caller keeps the bytes alive.
  explicit DataBuffer(std::span<const std::byte> bytes, std::shared_ptr<void> owner = nullptr)
      : bytes_(bytes), owner_(std::move(owner)) {}
  DataBuffer(DataBuffer&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})), owner_(std::move(other.owner_)) {}
  DataBuffer& operator=(DataBuffer&& other) noexcept {
    bytes_ = std::exchange(other.bytes_, {});
    owner_ = std::move(other.owner_);
    return *this;
  }

  std::span<const std::byte> bytes() const { return bytes_; }
  void Release() { *this = DataBuffer(); }

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<void> owner_;
};

class NamedDataMap {
 public:
  virtual ~NamedDataMap() = default;
  // The bytes under `key`; NotFound if there are none. Called during init only, possibly from
  // several threads at once.
  virtual Result<DataBuffer> Get(std::string_view key) const = 0;
};

}  // namespace switchyard
