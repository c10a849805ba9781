// Weights on their way into panels of columns (strips.h). What the vectors of any x86-64 CPU do
// well: nothing here needs a feature.
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchyard::x86 {

// out[unit][width] = rows[column][unit] for `columns` rows of `units` units of 2 or 4 bytes;
// columns from there to `width` are zeros.
void Interleave16(const std::byte* const* rows, size_t columns, size_t units, size_t width,
                  std::byte* out);
void Interleave32(const std::byte* const* rows, size_t columns, size_t units, size_t width,
                  std::byte* out);

// The four low bits of each byte of the result are nibbles 0 to 3 of `nibbles`, the four high bits
// nibbles 4 to 7: how eight int4 of a column lie in a panel.
constexpr uint32_t SpreadNibbles(uint32_t nibbles) {
  const auto spread = [](uint32_t x) {
    x = (x | x << 8) & 0x00FF00FF;
    return (x | x << 4) & 0x0F0F0F0F;
  };
  return spread(nibbles & 0xFFFF) | spread(nibbles >> 16) << 4;
}

}  // namespace switchyard::x86
