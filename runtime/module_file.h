// What can be told of a shared library's file before it is loaded: loading one that does not fit
// this process ends it, or fails with a message that helps nobody.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/error.h"

namespace switchyard {

// Bits of SWITCHYARD_SANITIZER_* (runtime/plugin.h) by name: "address, undefined"; "none".
std::string SanitizerNames(uint32_t sanitizers);

// The sanitizers whose runtimes this process has.
uint32_t SanitizersOfThisProcess();

// Errors: NotSupported when code with `sanitizers` cannot run in a process with `process`: a
// runtime is missing, or the process's ThreadSanitizer or MemorySanitizer would not see what the
// code does, and report what is not so.
Status CheckSanitizers(const std::string& path, uint32_t sanitizers, uint32_t process);

// The sanitizers that the shared library in file `path` needs, by its undefined symbols. Errors:
// AccessFailed (no regular file that can be read), NotSupported (not an ELF file, not a shared
// library, not for this machine), InvalidArgument (damaged). Reads no more than the dynamic
// linker will.
Result<uint32_t> SanitizersOfModuleFile(const std::string& path);

}  // namespace switchyard
