#include "test/bench/shape.h"

#include <charconv>
#include <fstream>

namespace switchyard::bench {
namespace {

constexpr size_t kMaxSize = 1 << 20;
constexpr double kMaxMacs = 0x1p40;

// Reads one text from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool is_done() const { return rest_.empty(); }
  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // A size: at most kMaxSize; `least` at least.
  bool Take(size_t& number, size_t least = 1) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error != std::errc() || number < least || number > kMaxSize) return false;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return true;
  }
  // The letter and a size, if the letter is next.
  bool TakeOptional(char letter, size_t& number, size_t least = 1) {
    return !Take(letter) || Take(number, least);
  }

 private:
  std::string_view rest_;
};

bool ReadConvolution(Reader& reader, Shape& shape) {
  shape.is_convolution = true;
  if (!reader.Take(shape.output_channels) || !reader.TakeOptional('k', shape.kernel)) return false;
  shape.padding = shape.kernel / 2;
  if (!reader.TakeOptional('s', shape.stride) || !reader.TakeOptional('p', shape.padding, 0) ||
      !reader.TakeOptional('g', shape.groups) || !reader.is_done()) {
    return false;
  }
  const size_t height = shape.height + 2 * shape.padding, width = shape.width + 2 * shape.padding;
  if (height < shape.kernel || width < shape.kernel || shape.channels % shape.groups != 0 ||
      shape.output_channels % shape.groups != 0) {
    return false;
  }
  shape.m =
      ((height - shape.kernel) / shape.stride + 1) * ((width - shape.kernel) / shape.stride + 1);
  shape.n = shape.output_channels / shape.groups;
  shape.k = shape.kernel * shape.kernel * (shape.channels / shape.groups);
  return true;
}

bool ReadShape(Reader& reader, Shape& shape) {
  size_t a, b, c;
  if (!reader.Take(a) || !reader.Take('x') || !reader.Take(b) || !reader.Take('x') ||
      !reader.Take(c)) {
    return false;
  }
  if (reader.Take(':')) {
    shape.height = a, shape.width = b, shape.channels = c;
    if (!ReadConvolution(reader, shape)) return false;
  } else {
    shape.m = a, shape.n = b, shape.k = c;
  }
  return reader.is_done() && shape.macs() <= kMaxMacs;
}

}  // namespace

Result<Shape> ParseShape(std::string_view text) {
  Shape shape;
  shape.name = text;
  Reader reader(text);
  if (!ReadShape(reader, shape)) {
    return Fail(ErrorCode::kInvalidArgument,
                "shape '{}': expected MxNxK or HxWxC:O[kKERNEL][sSTRIDE][pPADDING][gGROUPS], such "
                "as 128x768x3072 or 56x56x64:128k3s2, with an output and at most 2^40 products",
                text);
  }
  return shape;
}

Result<std::vector<Shape>> ReadShapes(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) {
    return Fail(ErrorCode::kAccessFailed, "{}: cannot be read; name a file of shapes",
                path.string());
  }
  std::vector<Shape> shapes;
  std::string line;
  for (size_t number = 1; std::getline(file, line); ++number) {
    line.resize(std::min(line.find('#'), line.size()));
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos) continue;
    const size_t end = line.find_last_not_of(" \t\r") + 1;
    Result<Shape> shape = ParseShape(std::string_view(line).substr(begin, end - begin));
    if (!shape) {
      return Fail(ErrorCode::kInvalidArgument, "{}:{}: {}", path.string(), number,
                  shape.error().message);
    }
    shapes.push_back(*std::move(shape));
  }
  if (shapes.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "{}: it has no shapes; write one a line",
                path.string());
  }
  return shapes;
}

}  // namespace switchyard::bench
