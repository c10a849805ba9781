// A tensor whose memory ends after what a backend may read beyond it, and that knows when somebody
// has written outside.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "runtime/base/dims.h"
#include "runtime/base/error.h"
#include "runtime/tensor.h"
#include "test/support/guarded_buffer.h"

namespace switchyard::test {

class GuardedTensor {
 public:
  struct Options {
    size_t slack_bytes = OwnedTensor::kSlackBytes;  // readable behind the data
    unsigned char fill = GuardedBuffer::kFill;      // of every byte, the slack's included
    size_t max_bytes = SIZE_MAX;
  };

  GuardedTensor() = default;
  // Nothing when it is more than `options` allow.
  static std::optional<GuardedTensor> Create(ElementType type, const Dims& dims,
                                             const Options& options) {
    const std::optional<size_t> elements = dims.NumElements();
    if (!elements || *elements > options.max_bytes / ElementBytes(type)) return std::nullopt;
    GuardedTensor tensor;
    tensor.options_ = options;
    tensor.num_bytes_ = *elements * ElementBytes(type);
    tensor.buffer_ = GuardedBuffer(tensor.num_bytes_ + options.slack_bytes, options.fill);
    tensor.view_.element_type = type;
    tensor.view_.rank = dims.rank();
    for (size_t i = 0; i < dims.rank(); ++i) {
      tensor.view_.sizes[i] = dims[i];
      tensor.view_.dim_order[i] = static_cast<uint8_t>(i);
    }
    return tensor;
  }

  ElementType element_type() const { return view_.element_type; }
  std::span<const size_t> sizes() const { return std::span(view_.sizes).first(view_.rank); }
  std::span<std::byte> bytes() { return {buffer_.data(), num_bytes_}; }
  std::span<const std::byte> bytes() const { return {buffer_.data(), num_bytes_}; }
  bool BordersAreIntact() const {
    return buffer_.FrontIsIntact() &&
           std::ranges::all_of(buffer_.bytes().subspan(num_bytes_),
                               [this](std::byte b) { return b == std::byte{options_.fill}; });
  }

  // Valid until this tensor is moved.
  TensorView View() {
    TensorView view = view_;
    view.data = buffer_.data();
    view.capacity_bytes = num_bytes_;
    view.host_tensor = this;
    view.resize = Resize;
    return view;
  }

 private:
  static Status Resize(TensorView& view, std::span<const size_t> sizes) {
    auto* tensor = static_cast<GuardedTensor*>(view.host_tensor);
    std::optional<GuardedTensor> resized = Create(view.element_type, Dims(sizes), tensor->options_);
    if (!resized) return Fail(ErrorCode::kOutOfResources, "more than the test hands over");
    *tensor = *std::move(resized);
    view = tensor->View();
    return {};
  }

  Options options_;
  TensorView view_;
  GuardedBuffer buffer_{0};
  size_t num_bytes_ = 0;
};

}  // namespace switchyard::test
