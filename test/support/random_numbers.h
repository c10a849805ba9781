// Numbers for tensors of any type.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <span>

#include "runtime/base/data_type.h"
#include "runtime/base/float16.h"

namespace switchyard::test {

// Numbers that follow from the seed: floats of at most 4, integers of all sizes. Some `special`
// ones are infinite, NaN, subnormal or zero.
inline void FillNumbers(std::span<std::byte> bytes, ElementType type, uint64_t seed, bool special) {
  constexpr float kSpecial[] = {0.0f,
                                -0.0f,
                                std::numeric_limits<float>::infinity(),
                                -std::numeric_limits<float>::infinity(),
                                std::numeric_limits<float>::quiet_NaN(),
                                std::numeric_limits<float>::max(),
                                std::numeric_limits<float>::denorm_min()};
  const size_t element = ElementBytes(type);
  uint64_t state = seed;
  for (size_t at = 0; at + element <= bytes.size(); at += element) {
    state = state * 6364136223846793005 + 1442695040888963407;
    const uint64_t random = state ^ state >> 29;
    float number = static_cast<float>(static_cast<int32_t>(random >> 32)) * 0x1p-29f;
    if (special && random % 64 == 0) number = kSpecial[random / 64 % std::size(kSpecial)];
    uint64_t bits = random;
    if (type == ElementType::kF32) bits = std::bit_cast<uint32_t>(number);
    if (type == ElementType::kF16) bits = F16FromF32(number);
    if (type == ElementType::kBF16) bits = BF16FromF32(number);
    std::memcpy(bytes.data() + at, &bits, element);
  }
}

}  // namespace switchyard::test
