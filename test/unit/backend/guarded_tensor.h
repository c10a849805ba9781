// Tensors of a host that notices what is done outside of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/base/data_type.h"
#include "runtime/base/dims.h"
#include "runtime/tensor.h"
#include "test/support/guarded_buffer.h"

namespace switchyard::test {

// A tensor whose memory ends after what XNNPACK may read beyond it (of outputs, too: a softmax
// computes in place), and that knows when somebody has written there.
class GuardedTensor {
 public:
  GuardedTensor() = default;
  // In the default dim order. Each byte of it, and of what lies behind it, is `behind`. Nothing
  // when it is more than a test hands over.
  static std::optional<GuardedTensor> Create(ElementType type, const Dims& dims,
                                             std::byte behind = std::byte{GuardedBuffer::kFill});

  std::span<std::byte> bytes() { return {buffer_.data(), num_bytes_}; }
  bool BordersAreIntact() const;
  // Numbers that follow from the seed: floats of at most 4, integers of all sizes; some of
  // `special` ones are infinite, NaN, subnormal or zero.
  void Fill(uint64_t seed, bool special);

  // Valid until this tensor is moved. Resizing through the view keeps `behind`.
  TensorView View();

 private:
  static Status Resize(TensorView& view, std::span<const size_t> sizes);

  TensorView view_;
  GuardedBuffer buffer_{0};
  size_t num_bytes_ = 0;
  std::byte behind_{};
};

}  // namespace switchyard::test
