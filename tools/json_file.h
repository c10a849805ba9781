// JSON files that may come from anywhere.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/failure.h"

namespace switchyard::tools {

// What a file may have. Values are copied, printed and destroyed by recursion, so their depth is a
// depth of the stack.
inline constexpr size_t kMaxJsonBytes = size_t{1} << 20;
inline constexpr size_t kMaxJsonDepth = 64;

// Errors: InvalidFile when it cannot be read, has more bytes or brackets within brackets than the
// constants say, or is not a JSON object; seen before anything is built of it.
Outcome<nlohmann::json> ReadJsonObject(const std::filesystem::path& path);

// A value in a message: its text, cut where it is long.
std::string Excerpt(const nlohmann::json& value);

}  // namespace switchyard::tools
