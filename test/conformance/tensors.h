// Tensors and weights of the cases.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "runtime/base/float16.h"
#include "runtime/tensor.h"
#include "test/conformance/random.h"

namespace switchyard::conformance {

inline size_t Product(std::span<const size_t> sizes) {
  size_t product = 1;
  for (size_t size : sizes) product *= size;
  return product;
}

inline std::vector<uint16_t> ToF16(std::span<const float> values) {
  std::vector<uint16_t> halves;
  for (float value : values) halves.push_back(F16FromF32(value));
  return halves;
}

// `values` in a tensor of floats, rounded where they are of 16 bits.
inline OwnedTensor FloatTensor(ElementType type, std::span<const size_t> sizes,
                               std::span<const float> values) {
  OwnedTensor tensor(type, sizes);
  for (size_t i = 0; i < values.size(); ++i) {
    if (type == ElementType::kF16) {
      tensor.data<uint16_t>()[i] = F16FromF32(values[i]);
    } else if (type == ElementType::kBF16) {
      tensor.data<uint16_t>()[i] = BF16FromF32(values[i]);
    } else {
      tensor.data<float>()[i] = values[i];
    }
  }
  return tensor;
}
inline OwnedTensor Int8Tensor(std::span<const size_t> sizes, std::span<const int8_t> values) {
  OwnedTensor tensor(ElementType::kInt8, sizes);
  if (!values.empty()) std::memcpy(tensor.data<int8_t>(), values.data(), values.size());
  return tensor;
}

// Integers from -8 to 7 as int4 rows of whole bytes, stored plus 8, the first in the low half. What
// pads a row is no zero: it must not count.
inline std::vector<uint8_t> PackInt4(std::span<const int8_t> values, size_t columns) {
  std::vector<uint8_t> packed;
  for (size_t begin = 0; begin < values.size(); begin += columns) {
    for (size_t i = 0; i < columns; i += 2) {
      const int low = values[begin + i] + 8;
      const int high = i + 1 < columns ? values[begin + i + 1] + 8 : 15;
      packed.push_back(static_cast<uint8_t>(low | high << 4));
    }
  }
  return packed;
}

}  // namespace switchyard::conformance
