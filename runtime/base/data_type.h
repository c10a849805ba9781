// The types of the values in a graph, and of the elements of a host's tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/base/api.h"

namespace switchyard {

// Type of a graph value. The quantized names are XNNPACK's: q (per tensor), qc (per channel),
// qd (dynamically, per row), qb (blockwise along the input channels).
enum class DataType : uint8_t {
  kInvalid,
  kF32,
  kF16,
  kBF16,
  kInt32,
  kQInt8,
  kQUInt8,
  kQInt32,
  kQCInt8,
  kQCInt32,
  kQCInt4,
  kQDInt8,
  kQBInt4,
  kQPInt8,
  kPF32,
};

// Type of the elements of a tensor that a host hands over.
enum class ElementType : uint8_t { kF32, kF16, kBF16, kInt8, kUInt8, kInt32, kInt64 };

SWITCHYARD_API std::string_view Name(DataType type);
SWITCHYARD_API std::string_view Name(ElementType type);

// Bits of one element; 4 for the int4 types, 0 for types without a plain layout (invalid, qpint8,
// pf32).
SWITCHYARD_API uint32_t ElementBits(DataType type);
SWITCHYARD_API size_t ElementBytes(ElementType type);

// The element type that carries values of `type` across the border to a host; nothing for types
// that cannot be external (int4, dynamically quantized, packed).
SWITCHYARD_API std::optional<ElementType> ExternalElementType(DataType type);

constexpr bool IsFloat(DataType type) {
  return type == DataType::kF32 || type == DataType::kF16 || type == DataType::kBF16;
}
constexpr bool IsInt4(DataType type) {
  return type == DataType::kQCInt4 || type == DataType::kQBInt4;
}

}  // namespace switchyard
