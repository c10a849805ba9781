// What libswitchyard_executorch_backend.so exports.
#pragma once

#define SWITCHYARD_REGISTER_EXECUTORCH "switchyard_register_executorch"

// Registers the backend with the ExecuTorch that the library is bound to. Null, or why it did not,
// where it got functions of another XNNPACK, pthreadpool or cpuinfo than its own.
extern "C" [[gnu::visibility("default")]] const char* switchyard_register_executorch();
