// Which copy of this library is in charge, where a process holds several.
#pragma once

#include "runtime/base/error.h"

namespace switchyard {

// A program can hold Switchyard several times: linked into it, as a shared library, in a module.
// The copies do not see each other's symbols, and two at work would mean two sets of weights and
// two users of one XNNPACK. So the first copy that is put to use stays in charge until it is
// unloaded; copies that are only there do not count.
//
// Puts the copy that holds this function in charge. To be called wherever a copy is put to use.
// Thread-safe, also between copies; may be repeated. Copies in another dlmopen() namespace are not
// seen. Errors: InvalidState, naming both files, when another copy is in charge.
Status ClaimProcess();

}  // namespace switchyard
