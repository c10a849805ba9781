#include "tools/scalar_types.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "runtime/base/format.h"

namespace switchyard::tools {
namespace {

struct ScalarTypeRow {
  std::string_view name;
  std::optional<ArrayType> array;
};

// By ExecuTorch's number, which is PyTorch's.
constexpr std::array kScalarTypes = {
    ScalarTypeRow{"uint8", ArrayType::kUInt8},
    ScalarTypeRow{"int8", ArrayType::kInt8},
    ScalarTypeRow{"int16", ArrayType::kInt16},
    ScalarTypeRow{"int32", ArrayType::kInt32},
    ScalarTypeRow{"int64", ArrayType::kInt64},
    ScalarTypeRow{"float16", ArrayType::kF16},
    ScalarTypeRow{"float32", ArrayType::kF32},
    ScalarTypeRow{"float64", ArrayType::kF64},
    ScalarTypeRow{"complex32", std::nullopt},
    ScalarTypeRow{"complex64", ArrayType::kComplex64},
    ScalarTypeRow{"complex128", ArrayType::kComplex128},
    ScalarTypeRow{"bool", ArrayType::kBool},
    ScalarTypeRow{"qint8", ArrayType::kInt8},
    ScalarTypeRow{"quint8", ArrayType::kUInt8},
    ScalarTypeRow{"qint32", ArrayType::kInt32},
    ScalarTypeRow{"bfloat16", ArrayType::kBF16},
    ScalarTypeRow{"quint4x2", ArrayType::kUInt8},
    ScalarTypeRow{"quint2x4", ArrayType::kUInt8},
    ScalarTypeRow{"bits1x8", ArrayType::kUInt8},
    ScalarTypeRow{"bits2x4", ArrayType::kUInt8},
    ScalarTypeRow{"bits4x2", ArrayType::kUInt8},
    ScalarTypeRow{"bits8", ArrayType::kUInt8},
    ScalarTypeRow{"bits16", ArrayType::kUInt16},
    ScalarTypeRow{"float8_e5m2", ArrayType::kUInt8},
    ScalarTypeRow{"float8_e4m3fn", ArrayType::kUInt8},
    ScalarTypeRow{"float8_e5m2fnuz", ArrayType::kUInt8},
    ScalarTypeRow{"float8_e4m3fnuz", ArrayType::kUInt8},
    ScalarTypeRow{"uint16", ArrayType::kUInt16},
    ScalarTypeRow{"uint32", ArrayType::kUInt32},
    ScalarTypeRow{"uint64", ArrayType::kUInt64},
};

const ScalarTypeRow* Find(int8_t scalar_type) {
  if (scalar_type < 0 || static_cast<size_t>(scalar_type) >= kScalarTypes.size()) return nullptr;
  return &kScalarTypes[static_cast<size_t>(scalar_type)];
}

// Null when there is no such tensor.
const ProgramTensor* FindInput(const Program& program, std::string_view method, size_t index) {
  const auto found = std::ranges::find(program.methods, method, &ProgramMethod::name);
  if (found == program.methods.end() || index >= found->inputs.size()) return nullptr;
  const auto tensor = found->tensors.find(found->inputs[index]);
  return tensor != found->tensors.end() ? &tensor->second : nullptr;
}

}  // namespace

std::string ScalarTypeName(int8_t scalar_type) {
  const ScalarTypeRow* row = Find(scalar_type);
  return row != nullptr ? std::string(row->name) : Format("scalar type {}", scalar_type);
}

std::optional<ArrayType> ArrayTypeOf(int8_t scalar_type) {
  const ScalarTypeRow* row = Find(scalar_type);
  return row != nullptr ? row->array : std::nullopt;
}

std::string ExpectedTypeText(int8_t scalar_type) {
  const std::string name = ScalarTypeName(scalar_type);
  const std::optional<ArrayType> array = ArrayTypeOf(scalar_type);
  if (!array) return name;
  if (Name(*array) == name) return ExpectedTypeText(*array);
  return Format("{} (its bits as {})", name, Name(*array));
}

std::string ExpectedTypeText(ArrayType type) {
  if (type == ArrayType::kBF16) return "bfloat16 ('<V2' of ml_dtypes, or its bits as uint16)";
  return std::string(Name(type));
}

Outcome<Array> ReadInput(const std::filesystem::path& path, const Program* program,
                         std::string_view method, size_t index) {
  Outcome<Array> array = ReadNpy(path);
  if (array || program == nullptr) return array;
  if (const ProgramTensor* tensor = FindInput(*program, method, index)) {
    const std::vector<size_t> sizes(tensor->sizes.begin(), tensor->sizes.end());
    array.error().message += Format("; input {} of method {} is {} {}", index, method,
                                    ExpectedTypeText(tensor->scalar_type), ShapeText(sizes));
  }
  return array;
}

}  // namespace switchyard::tools
