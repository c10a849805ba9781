#include "runtime/tensor.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"

namespace switchyard {
namespace {

std::optional<size_t> BytesOf(ElementType type, std::span<const size_t> sizes) {
  const std::optional<size_t> elements = CheckedProduct(sizes);
  if (!elements) return std::nullopt;
  return CheckedMultiply(*elements, ElementBytes(type));
}

std::string ToString(std::span<const size_t> sizes) {
  std::string text = "[";
  for (size_t size : sizes) text += Format("{}{}", text.size() > 1 ? ", " : "", size);
  return text + "]";
}

}  // namespace

bool TensorView::HasDefaultDimOrder() const {
  for (size_t i = 0; i < rank; ++i) {
    if (dim_order[i] != i) return false;
  }
  return true;
}

std::optional<size_t> TensorView::NumBytes() const {
  return BytesOf(element_type, std::span(sizes).first(rank));
}

OwnedTensor::OwnedTensor(ElementType type, std::span<const size_t> sizes) : OwnedTensor() {
  type_ = type;
  static_cast<void>(Resize(sizes));
}

Result<OwnedTensor> OwnedTensor::Create(ElementType type, std::span<const size_t> sizes) {
  OwnedTensor tensor;
  tensor.type_ = type;
  SWITCHYARD_TRY(tensor.Resize(sizes));
  return tensor;
}

OwnedTensor::OwnedTensor(const OwnedTensor& other) : OwnedTensor(other.type_, other.sizes_) {
  if (num_bytes_ > 0) std::memcpy(storage_.get(), other.storage_.get(), num_bytes_);
}

OwnedTensor& OwnedTensor::operator=(OwnedTensor other) noexcept {
  std::swap(type_, other.type_);
  std::swap(sizes_, other.sizes_);
  std::swap(num_bytes_, other.num_bytes_);
  std::swap(storage_, other.storage_);
  return *this;
}

void OwnedTensor::Release::operator()(std::byte* pointer) const {
  ::operator delete(pointer, std::align_val_t{kAlignment});
}

OwnedTensor::Storage OwnedTensor::AllocateStorage(size_t bytes) {
  const std::optional<size_t> total = CheckedAdd(bytes, kSlackBytes);
  if (!total || *total > PTRDIFF_MAX) return nullptr;
  void* memory = ::operator new(*total, std::align_val_t{kAlignment}, std::nothrow);
  if (memory != nullptr) std::memset(memory, 0, *total);
  return Storage(static_cast<std::byte*>(memory));
}

Status OwnedTensor::Resize(std::span<const size_t> sizes) {
  if (sizes.size() > kMaxTensorRank) {
    return Fail(ErrorCode::kInvalidArgument, "tensor: rank {}, expected at most {}; reshape it",
                sizes.size(), kMaxTensorRank);
  }
  const std::optional<size_t> bytes = BytesOf(type_, sizes);
  if (!bytes) {
    return Fail(ErrorCode::kMemoryAllocationFailed,
                "tensor: {} elements of {} are more bytes than can be addressed; use smaller sizes",
                ToString(sizes), Name(type_));
  }
  if (storage_ == nullptr || *bytes != num_bytes_) {
    Storage storage = AllocateStorage(*bytes);
    if (storage == nullptr) {
      return Fail(ErrorCode::kMemoryAllocationFailed,
                  "tensor: no memory for {} elements of {} ({} bytes); free some or use smaller "
                  "sizes",
                  ToString(sizes), Name(type_), *bytes);
    }
    storage_ = std::move(storage);
    num_bytes_ = *bytes;
  }
  sizes_.assign(sizes.begin(), sizes.end());
  return {};
}

TensorView OwnedTensor::View() {
  TensorView view;
  view.element_type = type_;
  view.rank = sizes_.size();
  std::ranges::copy(sizes_, view.sizes.begin());
  for (size_t i = 0; i < view.rank; ++i) view.dim_order[i] = static_cast<uint8_t>(i);
  view.data = storage_.get();
  view.capacity_bytes = num_bytes_;
  view.host_tensor = this;
  view.resize = [](TensorView& tensor, std::span<const size_t> sizes) -> Status {
    if (sizes.size() != tensor.rank) {
      return Fail(ErrorCode::kInvalidArgument,
                  "tensor: resized to rank {}, expected its own rank {}; make a new tensor",
                  sizes.size(), tensor.rank);
    }
    auto& owner = *static_cast<OwnedTensor*>(tensor.host_tensor);
    SWITCHYARD_TRY(owner.Resize(sizes));
    tensor = owner.View();
    return {};
  };
  return view;
}

}  // namespace switchyard
