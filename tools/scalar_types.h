// The element types of ExecuTorch's tensors, by the numbers that programs have for them, and what
// holds them in a .npy file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "schema/program.h"
#include "tools/failure.h"
#include "tools/npy.h"

namespace switchyard::tools {

// PyTorch's name, "bfloat16"; "scalar type 77" for a number that stands for none.
std::string ScalarTypeName(int8_t scalar_type);

// What a file has the elements as. Types without one in NumPy are held by their bits, in integers
// of their size. Nothing: a complex type without one in NumPy, or no type.
std::optional<ArrayType> ArrayTypeOf(int8_t scalar_type);

// For messages, the type and how a file has it where that is not obvious: "float32", "qint8 (its
// bits as int8)".
std::string ExpectedTypeText(int8_t scalar_type);
// The same for what a file has by itself.
std::string ExpectedTypeText(ArrayType type);

// Reads the file of one of a method's inputs. Errors: those of ReadNpy, which then say what the
// input is, too. `program` may be null.
Outcome<Array> ReadInput(const std::filesystem::path& path, const Program* program,
                         std::string_view method, size_t index);

}  // namespace switchyard::tools
