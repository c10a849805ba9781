#include "kernels/cpu/amx_permission.h"

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace switchyard {
namespace {

bool Request() {
#if defined(__x86_64__)
  // From asm/prctl.h, which older systems have without them; the state component is that of tile
  // data in XCR0. Refused where the system does not save it at all.
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace

bool RequestAmxPermission() {
  static const bool is_permitted = Request();
  return is_permitted;
}

}  // namespace switchyard
