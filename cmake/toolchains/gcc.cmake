# GCC for x86-64, against a Debian 13 sysroot that holds it: scripts/sysroot gcc.
set(SWITCHYARD_ARCH gcc)
set(SWITCHYARD_PROCESSOR x86_64)
set(SWITCHYARD_LOADER usr/lib64/ld-linux-x86-64.so.2)
set(SWITCHYARD_COMPILERS gcc g++) # in the sysroot
include("${CMAKE_CURRENT_LIST_DIR}/sysroot.cmake")
