# x86-64, against the Debian 13 sysroot that scripts/sysroot makes.
set(SWITCHYARD_ARCH amd64)
set(SWITCHYARD_PROCESSOR x86_64)
set(SWITCHYARD_LOADER usr/lib64/ld-linux-x86-64.so.2)
include("${CMAKE_CURRENT_LIST_DIR}/sysroot.cmake")
