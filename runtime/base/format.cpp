#include "runtime/base/format.h"

namespace switchyard {

std::string FormatArguments(std::string_view format, std::format_args arguments) {
  return std::vformat(format, arguments);
}

}  // namespace switchyard
