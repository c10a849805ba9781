#include "tools/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "runtime/base/checked_math.h"
#include "runtime/base/format.h"
#include "runtime/tensor.h"
#include "tools/file.h"

namespace switchyard::tools {
namespace {

struct TypeRow {
  ArrayType type;
  std::string_view name;
  std::string_view descriptor;  // NumPy's, on a little-endian machine
  size_t bytes;
  size_t numbers = 1;
};
// In the order of the enumerators.
constexpr std::array kTypes = {
    TypeRow{ArrayType::kF16, "float16", "<f2", 2},
    TypeRow{ArrayType::kBF16, "bfloat16", "<V2", 2},  // as ml_dtypes has it
    TypeRow{ArrayType::kF32, "float32", "<f4", 4},
    TypeRow{ArrayType::kF64, "float64", "<f8", 8},
    TypeRow{ArrayType::kInt8, "int8", "|i1", 1},
    TypeRow{ArrayType::kInt16, "int16", "<i2", 2},
    TypeRow{ArrayType::kInt32, "int32", "<i4", 4},
    TypeRow{ArrayType::kInt64, "int64", "<i8", 8},
    TypeRow{ArrayType::kUInt8, "uint8", "|u1", 1},
    TypeRow{ArrayType::kUInt16, "uint16", "<u2", 2},
    TypeRow{ArrayType::kUInt32, "uint32", "<u4", 4},
    TypeRow{ArrayType::kUInt64, "uint64", "<u8", 8},
    TypeRow{ArrayType::kBool, "bool", "|b1", 1},
    TypeRow{ArrayType::kComplex64, "complex64", "<c8", 8, 2},
    TypeRow{ArrayType::kComplex128, "complex128", "<c16", 16, 2},
};
consteval bool RowsAreInOrder() {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (static_cast<size_t>(kTypes[i].type) != i) return false;
  }
  return true;
}
static_assert(RowsAreInOrder());

// What other packages, and NumPy where it has lost their types, have for the same.
struct Synonym {
  std::string_view descriptor;
  ArrayType type;
};
constexpr Synonym kSynonyms[] = {{"|V2", ArrayType::kBF16},
                                 {"<V1", ArrayType::kUInt8},
                                 {"|V1", ArrayType::kUInt8},
                                 {"<f1", ArrayType::kUInt8}};

const TypeRow& Row(ArrayType type) { return kTypes[static_cast<size_t>(type)]; }

constexpr std::string_view kMagic("\x93NUMPY", 6);

struct Header {
  std::optional<std::string> descriptor;
  std::optional<bool> fortran_order;
  std::optional<std::vector<size_t>> shape;
};

// The header is a Python dictionary with three known keys; this reads just that.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  // Nothing when the text is something else.
  std::optional<Header> Read() {
    Header header;
    if (!Take('{')) return std::nullopt;
    while (!Take('}')) {
      std::optional<std::string> key = String();
      if (!key || !Take(':')) return std::nullopt;
      if (*key == "descr" && !header.descriptor) {
        header.descriptor = String();
        if (!header.descriptor) return std::nullopt;
      } else if (*key == "fortran_order" && !header.fortran_order) {
        if (Word("True")) {
          header.fortran_order = true;
        } else if (Word("False")) {
          header.fortran_order = false;
        } else {
          return std::nullopt;
        }
      } else if (*key == "shape" && !header.shape) {
        header.shape = Tuple();
        if (!header.shape) return std::nullopt;
      } else {
        return std::nullopt;
      }
      if (!Take(',') && Peek() != '}') return std::nullopt;
    }
    if (Peek() != '\0') return std::nullopt;
    if (!header.descriptor || !header.fortran_order || !header.shape) return std::nullopt;
    return header;
  }

 private:
  char Peek() {
    size_t start = text_.find_first_not_of(" \n\t");
    text_.remove_prefix(start == text_.npos ? text_.size() : start);
    return text_.empty() ? '\0' : text_[0];
  }
  bool Take(char c) {
    if (Peek() != c || text_.empty()) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool Word(std::string_view word) {
    Peek();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  std::optional<std::string> String() {
    char quote = Peek();
    if (quote != '\'' && quote != '"') return std::nullopt;
    size_t end = text_.find(quote, 1);
    if (end == text_.npos) return std::nullopt;
    std::string result(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return result;
  }
  std::optional<std::vector<size_t>> Tuple() {
    std::vector<size_t> values;
    if (!Take('(')) return std::nullopt;
    while (!Take(')')) {
      Peek();
      size_t value;
      auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
      if (error != std::errc() || values.size() == kMaxTensorRank) return std::nullopt;
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      values.push_back(value);
      if (!Take(',') && Peek() != ')') return std::nullopt;
    }
    return values;
  }

  std::string_view text_;
};

template <typename T>
double Load(const std::byte* address) {
  T value;
  std::memcpy(&value, address, sizeof(value));
  return static_cast<double>(value);
}

double LoadBFloat16(const std::byte* address) {
  uint16_t bits;
  std::memcpy(&bits, address, sizeof(bits));
  return static_cast<double>(std::bit_cast<float>(uint32_t{bits} << 16));
}

// Null when no element can have that type.
const TypeRow* FindType(std::string_view descriptor) {
  for (const Synonym& synonym : kSynonyms) {
    if (descriptor == synonym.descriptor) return &Row(synonym.type);
  }
  const auto* row = std::ranges::find_if(kTypes, [&](const TypeRow& candidate) {
    // NumPy writes one-byte types with '|', but other writers with '<'.
    return descriptor == candidate.descriptor ||
           (candidate.bytes == 1 && descriptor.starts_with('<') &&
            descriptor.substr(1) == candidate.descriptor.substr(1));
  });
  return row != kTypes.end() ? row : nullptr;
}

std::string TypeNames() {
  std::string names;
  for (const TypeRow& row : kTypes) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

uint32_t LittleEndian(std::span<const std::byte> bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | std::to_integer<uint32_t>(bytes[i]);
  return value;
}

}  // namespace

std::string_view Name(ArrayType type) { return Row(type).name; }
size_t ElementBytes(ArrayType type) { return Row(type).bytes; }
size_t ElementNumbers(ArrayType type) { return Row(type).numbers; }
bool Holds(ArrayType stored, ArrayType type) {
  return stored == type || (type == ArrayType::kBF16 && stored == ArrayType::kUInt16);
}

double Array::At(size_t i) const {
  const std::byte* address = data.data() + i * (ElementBytes(type) / ElementNumbers(type));
  switch (type) {
    case ArrayType::kF16:
      return Load<_Float16>(address);
    case ArrayType::kBF16:
      return LoadBFloat16(address);
    case ArrayType::kF32:
    case ArrayType::kComplex64:
      return Load<float>(address);
    case ArrayType::kF64:
    case ArrayType::kComplex128:
      return Load<double>(address);
    case ArrayType::kInt8:
      return Load<int8_t>(address);
    case ArrayType::kInt16:
      return Load<int16_t>(address);
    case ArrayType::kInt32:
      return Load<int32_t>(address);
    case ArrayType::kInt64:
      return Load<int64_t>(address);
    case ArrayType::kUInt8:
    case ArrayType::kBool:
      return Load<uint8_t>(address);
    case ArrayType::kUInt16:
      return Load<uint16_t>(address);
    case ArrayType::kUInt32:
      return Load<uint32_t>(address);
    case ArrayType::kUInt64:
      return Load<uint64_t>(address);
  }
  return 0;
}

std::string ShapeText(std::span<const size_t> shape) {
  std::string text = "[";
  for (size_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  return text + "]";
}

std::string Describe(const ArrayForm& form) {
  return Format("{} {}", Name(form.type), ShapeText(form.shape));
}
std::string Describe(const Array& array) { return Describe(ArrayForm{array.type, array.shape}); }

std::optional<size_t> ArrayBytes(ArrayType type, std::span<const size_t> shape) {
  std::optional<size_t> count = CheckedProduct(shape);
  return count ? CheckedMultiply(*count, ElementBytes(type)) : std::nullopt;
}

Outcome<Array> ParseNpy(std::string_view name, std::span<const std::byte> file) {
  auto fail = [&](std::string_view what) {
    return Fail(ExitCode::kInvalidFile, "{}: {}; write it anew with numpy.save", name, what);
  };
  std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(kMagic)) return fail("does not start as a .npy file does (\\x93NUMPY)");
  if (file.size() < 10) return fail(Format("ends after {} bytes, in its header", file.size()));
  unsigned version = std::to_integer<unsigned>(file[6]);
  if (version < 1 || version > 3) {
    return fail(Format("has format version {}, expected 1, 2 or 3", version));
  }
  size_t start = version == 1 ? 10 : 12;
  if (file.size() < start) return fail(Format("ends after {} bytes, in its header", file.size()));
  size_t length = LittleEndian(file.subspan(8, start - 8));
  if (length > file.size() - start) {
    return fail(
        Format("has a header of {} bytes, but only {} bytes follow", length, file.size() - start));
  }
  std::optional<Header> header = HeaderReader(text.substr(start, length)).Read();
  if (!header) {
    return fail(
        Format("has a header that is not {{'descr': TYPE, 'fortran_order': BOOL, 'shape': "
               "(up to {} sizes)}}",
               kMaxTensorRank));
  }
  const TypeRow* row = FindType(*header->descriptor);
  if (row == nullptr) {
    return Fail(
        ExitCode::kInvalidFile,
        "{}: has element type '{}', expected one of {} in little-endian order; convert it with "
        "numpy's astype",
        name, *header->descriptor, TypeNames());
  }
  if (*header->fortran_order && header->shape->size() > 1) {
    return Fail(ExitCode::kInvalidFile,
                "{}: is in Fortran order, expected C order; save numpy.ascontiguousarray of it",
                name);
  }
  std::span<const std::byte> data = file.subspan(start + length);
  std::optional<size_t> bytes = ArrayBytes(row->type, *header->shape);
  if (!bytes || *bytes != data.size()) {
    return fail(Format("has {} bytes of data, expected {} for {} {}", data.size(),
                       bytes ? std::to_string(*bytes) : "more than memory holds", row->name,
                       ShapeText(*header->shape)));
  }
  if (row->type == ArrayType::kBool) {
    const auto other =
        std::ranges::find_if(data, [](std::byte value) { return value > std::byte{1}; });
    if (other != data.end()) {
      return fail(Format("has byte 0x{:02x} as element {}, expected 0 or 1 for bool",
                         std::to_integer<unsigned>(*other), other - data.begin()));
    }
  }
  return Array{row->type, *std::move(header->shape), {data.begin(), data.end()}};
}

Outcome<Array> ReadNpy(const std::filesystem::path& path) {
  SWITCHYARD_ASSIGN(MappedFile file, MappedFile::Open(path));
  return ParseNpy(path.string(), file.bytes());
}

std::vector<std::byte> SerializeNpy(const Array& array) {
  std::string shape;
  for (size_t size : array.shape) shape += std::to_string(size) + ", ";
  if (array.shape.size() > 1) shape.resize(shape.size() - 2);
  if (array.shape.size() == 1) shape.resize(shape.size() - 1);
  std::string header = Format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                              Row(array.type).descriptor, shape);
  // The data starts at a multiple of 64 bytes; the header ends with a newline.
  size_t unpadded = 10 + header.size() + 1;
  header.append((64 - unpadded % 64) % 64, ' ');
  header += '\n';

  std::string file(kMagic);
  file += '\x01';
  file += '\x00';
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  std::span<const std::byte> bytes = std::as_bytes(std::span(file));
  std::vector<std::byte> result(bytes.begin(), bytes.end());
  result.insert(result.end(), array.data.begin(), array.data.end());
  return result;
}

Outcome<void> WriteNpy(const std::filesystem::path& path, const Array& array) {
  return WriteFile(path, SerializeNpy(array));
}

}  // namespace switchyard::tools
