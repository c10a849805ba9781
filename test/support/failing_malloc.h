// A malloc that fails when told to, for programs that compile failing_malloc.cpp in. It stands
// before the C library's for everything in the process: operator new, XNNPACK, the C library
// itself.
#pragma once

#include <cstddef>

namespace switchyard::test {

// Which requests of a thread fail.
enum class Failing { kOne, kAllFromThere };

// From now on the calling thread's request number `nth` fails, counted from 0.
void FailMalloc(size_t nth, Failing which);
// No more. Whether any did fail.
bool StopFailing();

// Blocks of the whole process that have been allocated and not freed.
size_t LiveBlocks();

}  // namespace switchyard::test
