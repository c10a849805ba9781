#include "backend/xnnpack/float_conversion.h"

#include <cstdint>
#include <cstring>

#include "backend/xnnpack/stock_step.h"
#include "backend/xnnpack/xnnpack_api.h"
#include "runtime/base/checked_math.h"
#include "runtime/base/float16.h"

namespace switchyard {
namespace {

template <float (*convert)(uint16_t)>
void Widen(const void* source, size_t count, float* destination) {
  const auto* bytes = static_cast<const std::byte*>(source);
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + i * sizeof(bits), sizeof(bits));
    destination[i] = convert(bits);
  }
}

template <uint16_t (*convert)(float)>
void Narrow(const float* source, size_t count, void* destination) {
  auto* bytes = static_cast<std::byte*>(destination);
  for (size_t i = 0; i < count; ++i) {
    const uint16_t bits = convert(source[i]);
    std::memcpy(bytes + i * sizeof(bits), &bits, sizeof(bits));
  }
}

}  // namespace

void WidenToF32(DataType type, const void* source, size_t count, float* destination) {
  switch (type) {
    case DataType::kF16:
      return Widen<&F32FromF16>(source, count, destination);
    case DataType::kBF16:
      return Widen<&F32FromBF16>(source, count, destination);
    default:
      std::memcpy(destination, source, count * sizeof(float));
  }
}

void NarrowFromF32(DataType type, const float* source, size_t count, void* destination) {
  switch (type) {
    case DataType::kF16:
      return Narrow<&F16FromF32>(source, count, destination);
    case DataType::kBF16:
      return Narrow<&BF16FromF32>(source, count, destination);
    default:
      std::memcpy(destination, source, count * sizeof(float));
  }
}

Result<AlignedBuffer> WidenedCopy(DataType type, const void* source, size_t count,
                                  Allocator& allocator, std::string_view purpose) {
  const std::optional<size_t> bytes = CheckedMultiply(count, sizeof(float));
  if (!bytes || *bytes > SIZE_MAX - OverReadBytes()) {
    return Fail(ErrorCode::kMemoryAllocationFailed, "{}: {} elements do not fit the address space",
                purpose, count);
  }
  SWITCHYARD_ASSIGN(AlignedBuffer copy,
                    AlignedBuffer::Allocate(allocator, *bytes + OverReadBytes(), purpose));
  WidenToF32(type, source, count, reinterpret_cast<float*>(copy.data()));
  std::memset(copy.data() + *bytes, 0, OverReadBytes());
  return copy;
}

size_t OverReadBytes() { return XNN_EXTRA_BYTES; }

}  // namespace switchyard
