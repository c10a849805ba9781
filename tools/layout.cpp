#include "tools/layout.h"

#include <cstring>

namespace switchyard::tools {
namespace {

// Calls visit(physical, logical) with the positions, in elements, of every element.
template <typename Visit>
void Walk(std::span<const size_t> shape, std::span<const uint8_t> order, Visit visit) {
  size_t rank = shape.size();
  std::vector<size_t> logical_strides(rank, 1);
  for (size_t i = rank; i-- > 1;) logical_strides[i - 1] = logical_strides[i] * shape[i];
  size_t count = 1;
  for (size_t size : shape) count *= size;

  std::vector<size_t> index(rank, 0);  // by physical position
  size_t logical = 0;
  for (size_t physical = 0; physical < count; ++physical) {
    visit(physical, logical);
    for (size_t i = rank; i-- > 0;) {
      size_t dim = order[i];
      logical += logical_strides[dim];
      if (++index[i] < shape[dim]) break;
      logical -= logical_strides[dim] * shape[dim];
      index[i] = 0;
    }
  }
}

}  // namespace

bool IsDimOrder(std::span<const uint8_t> order, size_t rank) {
  if (order.size() != rank) return false;
  std::vector<bool> seen(rank, false);
  for (uint8_t dim : order) {
    if (dim >= rank || seen[dim]) return false;
    seen[dim] = true;
  }
  return true;
}

std::vector<std::byte> ToPhysical(std::span<const std::byte> data, std::span<const size_t> shape,
                                  std::span<const uint8_t> order, size_t element_bytes) {
  std::vector<std::byte> result(data.size());
  Walk(shape, order, [&](size_t physical, size_t logical) {
    std::memcpy(&result[physical * element_bytes], &data[logical * element_bytes], element_bytes);
  });
  return result;
}

std::vector<std::byte> ToLogical(std::span<const std::byte> data, std::span<const size_t> shape,
                                 std::span<const uint8_t> order, size_t element_bytes) {
  std::vector<std::byte> result(data.size());
  Walk(shape, order, [&](size_t physical, size_t logical) {
    std::memcpy(&result[logical * element_bytes], &data[physical * element_bytes], element_bytes);
  });
  return result;
}

}  // namespace switchyard::tools
