// Text that crosses the C plugin ABI.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/plugin.h"

namespace switchyard {

// As snprintf. `text` may be null. Allocates nothing.
inline void WriteText(switchyard_text* text, std::string_view written) {
  if (text == nullptr) return;
  if (text->capacity > 0) {
    const size_t copied = std::min<uint64_t>(written.size(), text->capacity - 1);
    std::copy_n(written.data(), copied, text->data);
    text->data[copied] = '\0';
  }
  text->length = written.size();
}

// What `write(text)` writes, however long it is: asked again with more room until it fits.
template <typename Write>
Result<std::string> ReadText(Write write) {
  std::string read(256, '\0');
  for (;;) {
    switchyard_text text{};
    text.struct_size = sizeof text;
    text.data = read.data();
    text.capacity = read.size();
    SWITCHYARD_TRY(write(text));
    const bool fits = text.length < read.size();
    // Of the next try: another thread may have made it longer in between.
    read.resize(fits ? text.length : text.length + 1);
    if (fits) return read;
  }
}

// A buffer for one message.
class PluginMessage {
 public:
  PluginMessage() {
    text_.struct_size = sizeof text_;
    text_.data = buffer_.data();
    text_.capacity = buffer_.size();
  }
  PluginMessage(const PluginMessage&) = delete;
  PluginMessage& operator=(const PluginMessage&) = delete;

  switchyard_text* get() { return &text_; }
  // What was written, cut if it did not fit; does not trust who wrote it.
  std::string_view view() const {
    const std::string_view written(buffer_.data(), buffer_.size());
    return written.substr(0, written.find('\0'));
  }
  // The status of a call that this was handed to.
  Status StatusOf(switchyard_status status, std::string_view call) const {
    if (status == SWITCHYARD_OK) return {};
    if (view().empty()) {
      return Fail(static_cast<ErrorCode>(status),
                  "plugin: {} failed and said nothing; see its documentation", call);
    }
    const bool is_cut = text_.length >= buffer_.size();
    return std::unexpected(
        Error{static_cast<ErrorCode>(status), std::string(view()) + (is_cut ? "... (cut)" : "")});
  }

 private:
  std::array<char, 4096> buffer_{};
  switchyard_text text_{};
};

}  // namespace switchyard
