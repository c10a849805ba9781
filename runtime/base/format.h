// Formatted text. As std::format, but what does the formatting is compiled once, in base: with
// libstdc++'s headers alone every translation unit gets all of it for itself, which takes longer
// than most of them otherwise do.
#pragma once

#include <format>
#include <string>
#include <string_view>

#include "runtime/base/api.h"

namespace switchyard {

SWITCHYARD_API std::string FormatArguments(std::string_view format, std::format_args arguments);

template <typename... Args>
std::string Format(std::format_string<Args...> format, Args&&... args) {
  return FormatArguments(format.get(), std::make_format_args(args...));
}

}  // namespace switchyard
