#include "backend/int4_padding.h"

namespace switchyard {

bool HasInt4Padding(const Value& value) {
  return IsInt4(value.type) && value.dims.rank() > 0 && value.dims.back() % 2 != 0;
}

void ClearInt4Padding(const Value& value, std::span<std::byte> bytes) {
  const size_t row_bytes = (value.dims.back() + 1) / 2;
  const auto zero = static_cast<std::byte>(WeightZeroPoint(value.type) << 4);
  for (size_t end = row_bytes; end <= bytes.size(); end += row_bytes) {
    bytes[end - 1] = (bytes[end - 1] & std::byte{0x0F}) | zero;
  }
}

}  // namespace switchyard
