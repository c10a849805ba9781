#include "tools/json_file.h"

#include <algorithm>
#include <string_view>

#include "tools/file.h"

namespace switchyard::tools {
namespace {

constexpr size_t kMaxExcerpt = 80;

// The deepest nesting of brackets outside of strings, whether they match or not.
size_t DepthOf(std::string_view text) {
  size_t depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

Outcome<nlohmann::json> ReadJsonObject(const std::filesystem::path& path) {
  SWITCHYARD_ASSIGN(MappedFile file, MappedFile::Open(path));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()),
                              file.bytes().size());
  if (text.size() > kMaxJsonBytes) {
    return Fail(ExitCode::kInvalidFile, "{}: {} bytes, expected at most {}; export the model again",
                path.string(), text.size(), kMaxJsonBytes);
  }
  if (const size_t depth = DepthOf(text); depth > kMaxJsonDepth) {
    return Fail(ExitCode::kInvalidFile,
                "{}: {} brackets within each other, expected at most {}; export the model again",
                path.string(), depth, kMaxJsonDepth);
  }
  nlohmann::json value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) {
    return Fail(ExitCode::kInvalidFile, "{}: is {}, expected a JSON object; export the model again",
                path.string(), value.is_discarded() ? "not JSON" : value.type_name());
  }
  return value;
}

std::string Excerpt(const nlohmann::json& value) {
  std::string text = value.dump();
  if (text.size() > kMaxExcerpt) text.replace(kMaxExcerpt, text.npos, "...");
  return text;
}

}  // namespace switchyard::tools
