// Shape of a tensor: at most six dimensions, in the physical order of the data.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include "runtime/base/api.h"
#include "runtime/base/checked_math.h"

namespace switchyard {

inline constexpr size_t kMaxRank = 6;

class Dims {
 public:
  constexpr Dims() = default;
  // At most kMaxRank sizes; what comes from a file is checked before it gets here.
  constexpr Dims(std::initializer_list<size_t> sizes)
      : Dims(std::span(sizes.begin(), sizes.size())) {}
  constexpr explicit Dims(std::span<const size_t> sizes) : rank_(sizes.size()) {
    assert(sizes.size() <= kMaxRank);
    std::ranges::copy(sizes, sizes_.begin());
  }

  constexpr size_t rank() const { return rank_; }
  constexpr size_t operator[](size_t i) const { return sizes_[i]; }
  constexpr size_t& operator[](size_t i) { return sizes_[i]; }
  // Size of the last dimension but `i`; back(0) is the innermost.
  constexpr size_t back(size_t i = 0) const { return sizes_[rank_ - 1 - i]; }
  constexpr const size_t* data() const { return sizes_.data(); }
  constexpr const size_t* begin() const { return sizes_.data(); }
  constexpr const size_t* end() const { return sizes_.data() + rank_; }
  constexpr std::span<const size_t> span() const { return {sizes_.data(), rank_}; }
  constexpr void push_back(size_t size) {
    assert(rank_ < kMaxRank);
    sizes_[rank_++] = size;
  }

  // Number of elements (1 for rank 0); nothing if it overflows.
  constexpr std::optional<size_t> NumElements() const { return CheckedProduct(span()); }

  friend constexpr bool operator==(const Dims& a, const Dims& b) {
    return std::ranges::equal(a.span(), b.span());
  }

 private:
  std::array<size_t, kMaxRank> sizes_{};
  size_t rank_ = 0;
};

// Whether `dims` has the rank of `bounds` and no size above its bound.
constexpr bool IsWithin(const Dims& dims, const Dims& bounds) {
  return dims.rank() == bounds.rank() &&
         std::ranges::equal(dims.span(), bounds.span(), std::ranges::less_equal());
}

// "[2, 3, 4]"
SWITCHYARD_API std::string ToString(const Dims& dims);

}  // namespace switchyard
