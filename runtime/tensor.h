// A host's tensor, as execute() sees it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/base/api.h"
#include "runtime/base/data_type.h"
#include "runtime/base/dims.h"
#include "runtime/base/error.h"

namespace switchyard {

// More than a graph value can have, so that a tensor of higher rank gets a message, not a crash.
inline constexpr size_t kMaxTensorRank = 16;

// A view of one argument. `sizes` are logical; `dim_order[i]` is the logical dimension at physical
// position i, outermost first; the data is dense in that order.
struct SWITCHYARD_API TensorView {
  // Gives the tensor new logical sizes (rank unchanged) and moves `data` if it has to. Returns the
  // host's error code unchanged.
  using ResizeFunction = Status (*)(TensorView& tensor, std::span<const size_t> sizes);

  ElementType element_type = ElementType::kF32;
  size_t rank = 0;
  std::array<size_t, kMaxTensorRank> sizes{};
  std::array<uint8_t, kMaxTensorRank> dim_order{};
  void* data = nullptr;
  size_t capacity_bytes = 0;        // of `data`
  ResizeFunction resize = nullptr;  // null: the tensor cannot change its sizes
  void* host_tensor = nullptr;      // for `resize`
  // Why the host's argument is no tensor of ours; null where it is one. A payload may leave
  // arguments out, such as the number that a dynamic size is, so that this is an error of whoever
  // uses it.
  const Error* error = nullptr;

  bool HasDefaultDimOrder() const;
  // Bytes of the current sizes; nothing if it overflows.
  std::optional<size_t> NumBytes() const;
};

// A tensor that owns its data, in default dim order; what BlobRunner and the tests hand over. The
// data is aligned to 64 bytes and followed by 64 more zero bytes, since XNNPACK may read 16 beyond
// a tensor.
class SWITCHYARD_API OwnedTensor {
 public:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kSlackBytes = 64;

  // Sizes {0}, no data.
  OwnedTensor() : sizes_{0} {}
  // Data is zero. For sizes that are known to fit in memory; with others the tensor is as default
  // constructed. Sizes from a file go through Create.
  OwnedTensor(ElementType type, std::span<const size_t> sizes);
  // Errors: InvalidArgument (rank above kMaxTensorRank), MemoryAllocationFailed.
  static Result<OwnedTensor> Create(ElementType type, std::span<const size_t> sizes);

  OwnedTensor(const OwnedTensor& other);
  OwnedTensor(OwnedTensor&& other) noexcept = default;
  OwnedTensor& operator=(OwnedTensor other) noexcept;
  ~OwnedTensor() = default;

  ElementType element_type() const { return type_; }
  std::span<const size_t> sizes() const { return sizes_; }
  std::span<std::byte> bytes() { return {storage_.get(), num_bytes_}; }
  std::span<const std::byte> bytes() const { return {storage_.get(), num_bytes_}; }
  template <typename T>
  T* data() {
    return reinterpret_cast<T*>(storage_.get());
  }
  template <typename T>
  const T* data() const {
    return reinterpret_cast<const T*>(storage_.get());
  }

  // Valid until this tensor is moved, assigned to or destroyed. Resizing through the view
  // reallocates, with zero data, unless the number of bytes stays the same.
  TensorView View();

 private:
  struct Release {
    void operator()(std::byte* pointer) const;
  };
  using Storage = std::unique_ptr<std::byte[], Release>;

  // `bytes` zero bytes and the slack; null when there is no memory.
  static Storage AllocateStorage(size_t bytes);
  // Leaves the tensor as it was on errors, which are those of Create.
  Status Resize(std::span<const size_t> sizes);

  ElementType type_ = ElementType::kF32;
  std::vector<size_t> sizes_;
  size_t num_bytes_ = 0;
  Storage storage_;
};

}  // namespace switchyard
