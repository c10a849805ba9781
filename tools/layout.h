// Dim orders: where the elements of an array lie in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace switchyard::tools {

// True if `order` has each of 0 .. rank-1 once.
bool IsDimOrder(std::span<const uint8_t> order, size_t rank);

// Both take dense data of an array with logical sizes `shape`, of `element_bytes` per element, and
// `order` (order[i] is the logical dimension at physical position i, outermost first; IsDimOrder).
// C order -> the order:
std::vector<std::byte> ToPhysical(std::span<const std::byte> data, std::span<const size_t> shape,
                                  std::span<const uint8_t> order, size_t element_bytes);
// The order -> C order:
std::vector<std::byte> ToLogical(std::span<const std::byte> data, std::span<const size_t> shape,
                                 std::span<const uint8_t> order, size_t element_bytes);

}  // namespace switchyard::tools
