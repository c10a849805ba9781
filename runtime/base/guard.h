// Where exceptions stop. The library throws none of its own, but the C++ library does when there is
// no memory. Inside, such an exception unwinds like any other, and releases every lock and object
// on its way; at the boundary it becomes an error.
#pragma once

#include <exception>
#include <new>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/format.h"

namespace switchyard {

// MemoryAllocationFailed, naming `call`; shorter where not even the message finds memory.
inline Error OutOfMemoryError(std::string_view call) noexcept {
  try {
    return {ErrorCode::kMemoryAllocationFailed,
            Format("{}: the heap has no memory left; free some and try again", call)};
  } catch (...) {
    return {ErrorCode::kMemoryAllocationFailed, "out of memory"};  // short enough to be in place
  }
}

// Returns what `body` returns, a Status or a Result, and an error where it throws: of what is left
// in order afterwards, `body`'s own destructors take care. `call` is for the message.
template <typename Body>
auto Guard(std::string_view call, Body&& body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return std::unexpected(OutOfMemoryError(call));
  } catch (const std::exception& exception) {
    try {
      return Fail(ErrorCode::kInternal,
                  "{}: an exception of the C++ library ({}), expected none; correct the arguments, "
                  "or report the file",
                  call, exception.what());
    } catch (...) {
      return std::unexpected(OutOfMemoryError(call));
    }
  } catch (...) {
    return std::unexpected(Error{ErrorCode::kInternal, "an exception"});
  }
}

}  // namespace switchyard
