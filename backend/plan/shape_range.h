// What is known of a shape before its sizes are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/dims.h"

namespace switchyard {

// The sizes that one dimension may have: `min` to `max`, both included.
struct Range {
  size_t min = 0, max = 0;

  static constexpr Range Exactly(size_t size) { return {size, size}; }
  static constexpr Range AtLeast(size_t size) { return {size, SIZE_MAX}; }
  constexpr bool Contains(size_t size) const { return min <= size && size <= max; }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

// The sizes in both; nothing where there are none.
constexpr std::optional<Range> Meet(Range a, Range b) {
  const Range both{std::max(a.min, b.min), std::min(a.max, b.max)};
  if (both.min > both.max) return std::nullopt;
  return both;
}

// Dims between `min` and `max`, which have one rank. Where the two are equal the dims are known.
struct ShapeRange {
  Dims min, max;

  static constexpr ShapeRange Exactly(const Dims& dims) { return {dims, dims}; }
  static constexpr ShapeRange UpTo(const Dims& dims) {
    ShapeRange range;
    for (const size_t size : dims) range.push_back({0, size});
    return range;
  }

  constexpr size_t rank() const { return max.rank(); }
  constexpr Range operator[](size_t i) const { return {min[i], max[i]}; }
  // Of the last dimension but `i`.
  constexpr Range back(size_t i = 0) const { return {min.back(i), max.back(i)}; }
  constexpr void push_back(Range sizes) {
    min.push_back(sizes.min);
    max.push_back(sizes.max);
  }
  constexpr void Set(size_t i, Range sizes) {
    min[i] = sizes.min;
    max[i] = sizes.max;
  }
  // How many elements there may be; the largest number stands for all that cannot be counted.
  constexpr Range NumElements() const {
    return {min.NumElements().value_or(SIZE_MAX), max.NumElements().value_or(SIZE_MAX)};
  }
};

// The largest and the smallest dims.
inline std::vector<Dims> UpperEnds(std::span<const ShapeRange> ranges) {
  std::vector<Dims> dims;
  dims.reserve(ranges.size());
  for (const ShapeRange& range : ranges) dims.push_back(range.max);
  return dims;
}
inline std::vector<Dims> LowerEnds(std::span<const ShapeRange> ranges) {
  std::vector<Dims> dims;
  dims.reserve(ranges.size());
  for (const ShapeRange& range : ranges) dims.push_back(range.min);
  return dims;
}

// "[2, 3]" of known dims; else "up to [2, 3]", or "[2, 2] to [2, 3]" where lower ends above 1 are
// known.
inline std::string ToString(const ShapeRange& range) {
  if (range.min == range.max) return ToString(range.max);
  bool is_upper = true;
  for (size_t i = 0; i < range.rank(); ++i) {
    is_upper &= range.min[i] <= 1 || range.min[i] == range.max[i];
  }
  if (is_upper) return "up to " + ToString(range.max);
  return ToString(range.min) + " to " + ToString(range.max);
}

}  // namespace switchyard
