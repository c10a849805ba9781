#include "runtime/base/error.h"

#include "runtime/base/format.h"

namespace switchyard {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal:
      return "Internal";
    case ErrorCode::kInvalidState:
      return "InvalidState";
    case ErrorCode::kNotSupported:
      return "NotSupported";
    case ErrorCode::kNotImplemented:
      return "NotImplemented";
    case ErrorCode::kInvalidArgument:
      return "InvalidArgument";
    case ErrorCode::kInvalidType:
      return "InvalidType";
    case ErrorCode::kNotFound:
      return "NotFound";
    case ErrorCode::kMemoryAllocationFailed:
      return "MemoryAllocationFailed";
    case ErrorCode::kAccessFailed:
      return "AccessFailed";
    case ErrorCode::kInvalidProgram:
      return "InvalidProgram";
    case ErrorCode::kInvalidExternalData:
      return "InvalidExternalData";
    case ErrorCode::kOutOfResources:
      return "OutOfResources";
    case ErrorCode::kDelegateInvalidCompatibility:
      return "DelegateInvalidCompatibility";
    case ErrorCode::kDelegateMemoryAllocationFailed:
      return "DelegateMemoryAllocationFailed";
    case ErrorCode::kDelegateInvalidHandle:
      return "DelegateInvalidHandle";
  }
  // A host's own code, passed through a Status.
  return "Unknown";
}

std::string Error::ToString() const {
  const std::string_view name = ErrorCodeName(code);
  if (name == "Unknown") return Format("error {:#x}: {}", std::to_underlying(code), message);
  return Format("{}: {}", name, message);
}

}  // namespace switchyard
