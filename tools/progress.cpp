#include "tools/progress.h"

#include <cstdio>
#include <string>

#include "tools/text.h"

namespace switchyard::tools {
namespace {

// Back to the start of the line, and what is on it away.
constexpr const char* kErase = "\r\033[K";

}  // namespace

void Progress::Show(std::string_view text) {
  if (is_shown_) std::fprintf(stderr, "%s%s", kErase, Printable(std::string(text)).c_str());
}

void Progress::Clear() {
  if (is_shown_) std::fprintf(stderr, "%s", kErase);
}

}  // namespace switchyard::tools
