#include "runtime/base/data_type.h"

#include <iterator>

namespace switchyard {
namespace {

struct DataTypeRow {
  DataType type;
  std::string_view name;  // as in the wire format, without its prefix
  uint32_t bits;
  std::optional<ElementType> external;
};

// In the order of the enumerators.
constexpr DataTypeRow kDataTypes[] = {
    {DataType::kInvalid, "invalid", 0, std::nullopt},
    {DataType::kF32, "fp32", 32, ElementType::kF32},
    {DataType::kF16, "fp16", 16, ElementType::kF16},
    {DataType::kBF16, "bf16", 16, ElementType::kBF16},
    {DataType::kInt32, "int32", 32, ElementType::kInt32},
    {DataType::kQInt8, "qint8", 8, ElementType::kInt8},
    {DataType::kQUInt8, "quint8", 8, ElementType::kUInt8},
    {DataType::kQInt32, "qint32", 32, ElementType::kInt32},
    {DataType::kQCInt8, "qcint8", 8, ElementType::kInt8},
    {DataType::kQCInt32, "qcint32", 32, ElementType::kInt32},
    {DataType::kQCInt4, "qcint4", 4, std::nullopt},
    {DataType::kQDInt8, "qdint8", 8, std::nullopt},
    {DataType::kQBInt4, "qbint4", 4, std::nullopt},
    {DataType::kQPInt8, "qpint8", 0, std::nullopt},
    {DataType::kPF32, "pfp32", 0, std::nullopt},
};

struct ElementTypeRow {
  ElementType type;
  std::string_view name;
  size_t bytes;
};

constexpr ElementTypeRow kElementTypes[] = {
    {ElementType::kF32, "float32", 4},   {ElementType::kF16, "float16", 2},
    {ElementType::kBF16, "bfloat16", 2}, {ElementType::kInt8, "int8", 1},
    {ElementType::kUInt8, "uint8", 1},   {ElementType::kInt32, "int32", 4},
    {ElementType::kInt64, "int64", 8},
};

// Rows are looked up by position.
template <typename Table>
constexpr bool RowsAreInOrder(const Table& table) {
  size_t position = 0;
  for (const auto& row : table) {
    if (static_cast<size_t>(row.type) != position++) return false;
  }
  return true;
}
static_assert(RowsAreInOrder(kDataTypes));
static_assert(RowsAreInOrder(kElementTypes));
static_assert(std::size(kDataTypes) == static_cast<size_t>(DataType::kPF32) + 1);
static_assert(std::size(kElementTypes) == static_cast<size_t>(ElementType::kInt64) + 1);

const DataTypeRow& Row(DataType type) {
  const auto position = static_cast<size_t>(type);
  return kDataTypes[position < std::size(kDataTypes) ? position : 0];
}

}  // namespace

std::string_view Name(DataType type) { return Row(type).name; }
uint32_t ElementBits(DataType type) { return Row(type).bits; }
std::optional<ElementType> ExternalElementType(DataType type) { return Row(type).external; }

std::string_view Name(ElementType type) { return kElementTypes[static_cast<size_t>(type)].name; }
size_t ElementBytes(ElementType type) { return kElementTypes[static_cast<size_t>(type)].bytes; }

}  // namespace switchyard
