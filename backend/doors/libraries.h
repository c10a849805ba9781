// Which of several shared libraries with the same functions this process got.
#pragma once

#include "runtime/base/error.h"

namespace switchyard {

// Debian's libpthreadpool.so and libcpuinfo.so and ExecuTorch's libexecutorch_threadpool.so export
// the same names; the dynamic linker binds each name to the first library that has it. A host works
// when
// - all of pthreadpool comes from one library, since ExecuTorch makes the pool that XNNPACK uses,
// - cpuinfo has the layout that XNNPACK and this library were compiled for (with ExecuTorch's copy,
//   on AArch64, fp16 arithmetic and dot products would seem to be missing).
// So: libcpuinfo before libexecutorch_threadpool before libpthreadpool and libXNNPACK.
//
// Errors: InvalidState, naming the libraries. Looks once; the answer is the same ever after.
Status CheckLibraries();

}  // namespace switchyard
