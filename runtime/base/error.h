// Errors as values. The library never throws, prints or aborts: what can fail returns Result<T> or
// Status, and the caller decides.
#pragma once

#include <cstdint>
#include <expected>
#include <format>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/api.h"
#include "runtime/base/format.h"

namespace switchyard {

// The numbers are those of the host contract (ExecuTorch's runtime/core/error.h), so that a door
// can pass them on unchanged. Ok has no member: success is a value, not an error.
enum class ErrorCode : uint32_t {
  kInternal = 0x01,
  kInvalidState = 0x02,
  kNotSupported = 0x10,
  kNotImplemented = 0x11,
  kInvalidArgument = 0x12,
  kInvalidType = 0x13,
  kNotFound = 0x20,
  kMemoryAllocationFailed = 0x21,
  kAccessFailed = 0x22,
  kInvalidProgram = 0x23,
  kInvalidExternalData = 0x24,
  kOutOfResources = 0x25,
  kDelegateInvalidCompatibility = 0x30,
  kDelegateMemoryAllocationFailed = 0x31,
  kDelegateInvalidHandle = 0x32,
};

// The contract's name of a code, for example "InvalidProgram".
SWITCHYARD_API std::string_view ErrorCodeName(ErrorCode code);

// What went wrong, as a sentence for the person who has to act on it: the object, what was found,
// what was expected, what to do.
struct Error {
  ErrorCode code;
  std::string message;

  // "InvalidProgram: value 3: ..."
  SWITCHYARD_API std::string ToString() const;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

// A formatted error, ready to be returned from a function that returns any Result.
template <typename... Args>
std::unexpected<Error> Fail(ErrorCode code, std::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, Format(format, std::forward<Args>(args)...)});
}

}  // namespace switchyard

#define SWITCHYARD_CONCAT_INNER(a, b) a##b
#define SWITCHYARD_CONCAT(a, b) SWITCHYARD_CONCAT_INNER(a, b)

// Returns the error of `expression` (a Status or Result) to the caller, if it has one.
#define SWITCHYARD_TRY(expression)                                 \
  do {                                                             \
    if (auto switchyard_tried = (expression); !switchyard_tried) { \
      return std::unexpected(std::move(switchyard_tried).error()); \
    }                                                              \
  } while (false)

// Declares `declaration` with the value of `expression` (a Result), or returns its error.
#define SWITCHYARD_ASSIGN(declaration, expression) \
  SWITCHYARD_ASSIGN_INNER(SWITCHYARD_CONCAT(switchyard_result_, __LINE__), declaration, expression)
#define SWITCHYARD_ASSIGN_INNER(result, declaration, expression)  \
  auto result = (expression);                                     \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = *std::move(result)
