# AArch64, against the Debian 13 sysroot that scripts/sysroot makes; what is built runs under QEMU
# where the build machine is another one.
set(SWITCHYARD_ARCH arm64)
set(SWITCHYARD_PROCESSOR aarch64)
set(SWITCHYARD_LOADER usr/lib/ld-linux-aarch64.so.1)
include("${CMAKE_CURRENT_LIST_DIR}/sysroot.cmake")
