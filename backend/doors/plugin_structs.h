// Reading a host's structs of the C plugin ABI. See runtime/plugin.h for the rules.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/plugin.h"
#include "runtime/plugin_message.h"

// The bytes of a struct up to the end of `member`.
#define SWITCHYARD_THROUGH(type, member) \
  (offsetof(type, member) + sizeof(static_cast<type*>(nullptr)->member))

namespace switchyard {

// Whether the host's bytes [begin, end) of a struct are all 0.
inline bool AreZero(const void* of, size_t begin, size_t end) {
  const auto* bytes = static_cast<const unsigned char*>(of);
  return std::all_of(bytes + begin, bytes + end, [](unsigned char byte) { return byte == 0; });
}

// Whether struct_size makes sense for a struct whose first `required` bytes the call needs.
inline Status CheckStructSize(uint64_t struct_size, std::string_view name, size_t required) {
  if (struct_size >= required && struct_size <= SWITCHYARD_MAX_STRUCT_SIZE) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "{}: struct_size {}, expected {} to {}; set it to the sizeof of the struct", name,
              struct_size, required, SWITCHYARD_MAX_STRUCT_SIZE);
}

// A copy of the host's struct: what it does not have is 0. `name` is for messages. Errors:
// InvalidArgument (null, struct_size), NotSupported (members that are not known here, reserved
// words).
template <typename T>
Result<T> ReadStruct(const T* theirs, std::string_view name, size_t required) {
  if (theirs == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, "{}: a null pointer, expected the struct; pass it",
                name);
  }
  SWITCHYARD_TRY(CheckStructSize(theirs->struct_size, name, required));
  const size_t size = theirs->struct_size;
  T ours{};
  std::memcpy(&ours, theirs, std::min(size, sizeof ours));
  if (size > sizeof ours && !AreZero(theirs, sizeof ours, size)) {
    return Fail(ErrorCode::kNotSupported,
                "{}: {} bytes, of which those from {} on are not all 0 and this module does not "
                "know them; use a newer module, or leave the newer members 0",
                name, size, sizeof ours);
  }
  if constexpr (requires { ours.reserved; }) {
    if (!AreZero(&ours.reserved, 0, sizeof ours.reserved)) {
      return Fail(ErrorCode::kNotSupported,
                  "{}: its reserved words are not 0, as this module expects; start from a struct "
                  "of zeros",
                  name);
    }
  }
  return ours;
}

// Whether text can be written there; null is where nothing is wanted.
inline Status CheckText(const switchyard_text* text, std::string_view name) {
  if (text == nullptr) return {};
  auto read = ReadStruct(text, name, SWITCHYARD_THROUGH(switchyard_text, length));
  if (!read) return std::unexpected(std::move(read).error());
  if (read->data == nullptr && read->capacity > 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "{}: no data, expected {} bytes as capacity says; point it at a buffer", name,
                read->capacity);
  }
  return {};
}

}  // namespace switchyard
