// Whose functions a library that was loaded at run time got.
#pragma once

#include "runtime/base/error.h"

namespace switchyard {

// A process may hold other libraries with the names of XNNPACK, pthreadpool and cpuinfo, and the
// dynamic linker gives each caller the first in its own order. This library works when
// - XNNPACK is the one that it was linked with, and calls itself,
// - XNNPACK and this library get all of pthreadpool from one library, since one makes the pool that
//   the other uses, and all of cpuinfo from one, with the layout that both were compiled for.
//
// Looks at what has been bound, not at what would be. Errors: InvalidState, naming the libraries.
Status CheckBindings();

// Has the library that cpuinfo is in stay in the process when this one is unloaded: it never gives
// back what it has detected (some 700 bytes), so that each time it is loaded again would cost as
// much again.
void KeepCpuinfoLoaded();

}  // namespace switchyard
