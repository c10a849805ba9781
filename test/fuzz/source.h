// Bytes as choices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace switchyard::fuzz {

class Source {
 public:
  explicit Source(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  // One byte: 0 to count - 1. Where the bytes end, zeros follow.
  size_t Below(size_t count) {
    if (bytes_.empty()) return 0;
    const size_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte % count;
  }
  size_t Between(size_t low, size_t high) { return low + Below(high - low + 1); }
  bool Flag() { return Below(2) != 0; }
  template <typename T, size_t kCount>
  T Of(const T (&choices)[kCount]) {
    return choices[Below(kCount)];
  }
  template <typename T>
  T Of(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace switchyard::fuzz
