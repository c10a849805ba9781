// NumPy's .npy files (format versions 1 to 3), the dense C-ordered arrays of the types that a model
// takes and gives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/failure.h"

namespace switchyard::tools {

enum class ArrayType : uint8_t {
  kF16,
  kBF16,
  kF32,
  kF64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kBool,
  kComplex64,
  kComplex128,
};

// NumPy's name: "float32".
std::string_view Name(ArrayType type);
size_t ElementBytes(ArrayType type);
// Numbers of one element: 2 of a complex one, its real part first; 1 of any other.
size_t ElementNumbers(ArrayType type);
// Whether an array of type `stored` holds elements of `type`: it has it, or, for bfloat16, which
// NumPy has no type for, the same bits as uint16.
bool Holds(ArrayType stored, ArrayType type);

// What an array has besides its elements.
struct ArrayForm {
  ArrayType type = ArrayType::kF32;
  std::vector<size_t> shape;
};

// A dense array in C order.
struct Array {
  ArrayType type = ArrayType::kF32;
  std::vector<size_t> shape;
  std::vector<std::byte> data;

  size_t NumNumbers() const { return data.size() / ElementBytes(type) * ElementNumbers(type); }
  // Number `i` of the flattened array, as a double (an integer beyond 2^53 is rounded).
  double At(size_t i) const;
};

// "float32 [2, 3]"
std::string Describe(const ArrayForm& form);
std::string Describe(const Array& array);
// "[2, 3]"
std::string ShapeText(std::span<const size_t> shape);

// Bytes of a dense array; nothing if it overflows.
std::optional<size_t> ArrayBytes(ArrayType type, std::span<const size_t> shape);

// Reads a whole file's bytes. `name` is for messages. Errors: InvalidFile (damaged, or a type, byte
// order or memory order that is not taken; the message says how to write it instead). Raw bytes, as
// which NumPy writes types of other packages, are taken for bfloat16 where they are two, and for
// uint8 where it is one.
Outcome<Array> ParseNpy(std::string_view name, std::span<const std::byte> file);
Outcome<Array> ReadNpy(const std::filesystem::path& path);

// The bytes of a version 1.0 file. `array` has at most 16 dimensions.
std::vector<std::byte> SerializeNpy(const Array& array);
Outcome<void> WriteNpy(const std::filesystem::path& path, const Array& array);

}  // namespace switchyard::tools
