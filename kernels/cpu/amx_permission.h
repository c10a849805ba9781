// Whether this process may use the tiles of AMX.
#pragma once

namespace switchyard {

// Asks Linux, which saves tiles only for processes that have asked, and may refuse. The first call
// asks, for all threads from then on; the others give its answer. XNNPACK asks too, when it is
// initialised: that is the time to call this. Until a kernel runs nothing else has changed.
bool RequestAmxPermission();

}  // namespace switchyard
