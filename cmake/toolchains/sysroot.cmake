# clang 19 and lld against a private sysroot. Expects SWITCHYARD_ARCH (the sysroot's name),
# SWITCHYARD_PROCESSOR (CMake's) and SWITCHYARD_LOADER (inside the sysroot); SWITCHYARD_COMPILERS names
# the sysroot's own compilers for C and C++, if they are to be taken.

if(NOT SWITCHYARD_SYSROOTS)
  if(DEFINED ENV{SWITCHYARD_SYSROOTS})
    set(SWITCHYARD_SYSROOTS "$ENV{SWITCHYARD_SYSROOTS}")
  else()
    cmake_path(SET SWITCHYARD_SYSROOTS NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../.sysroot")
  endif()
endif()
# Kept, so that a later run of CMake without the environment variable finds the same place, and
# handed down to CMake's compiler checks.
set(SWITCHYARD_SYSROOTS "${SWITCHYARD_SYSROOTS}" CACHE PATH "Where scripts/sysroot put the sysroots")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SWITCHYARD_SYSROOTS)

set(SWITCHYARD_SYSROOT "${SWITCHYARD_SYSROOTS}/${SWITCHYARD_ARCH}")
if(NOT EXISTS "${SWITCHYARD_SYSROOT}/VERSIONS")
  message(FATAL_ERROR "There is no sysroot in ${SWITCHYARD_SYSROOT}: "
                      "run scripts/sysroot ${SWITCHYARD_ARCH}"
  )
endif()

set(CMAKE_SYSROOT "${SWITCHYARD_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# What the user names is for the target, too: an installed Switchyard, for one.
set(CMAKE_FIND_ROOT_PATH ${CMAKE_PREFIX_PATH})
set(CMAKE_LIBRARY_ARCHITECTURE ${SWITCHYARD_PROCESSOR}-linux-gnu)

foreach(lang IN ITEMS C CXX)
  set(CMAKE_${lang}_COMPILER_TARGET ${SWITCHYARD_PROCESSOR}-linux-gnu)
endforeach()
# CMake reads this file more than once in one go: what the caller's file set stays as it is.
if(SWITCHYARD_COMPILERS)
  list(TRANSFORM SWITCHYARD_COMPILERS PREPEND "${SWITCHYARD_SYSROOT}/" OUTPUT_VARIABLE compilers)
else()
  set(compilers clang-19 clang++-19)
endif()
list(GET compilers 0 CMAKE_C_COMPILER)
list(GET compilers 1 CMAKE_CXX_COMPILER)

# DT_RPATH, unlike DT_RUNPATH, also serves the libraries that our libraries need.
set(linker_flags "-fuse-ld=lld -Wl,--disable-new-dtags")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "${linker_flags}")
set(CMAKE_MODULE_LINKER_FLAGS_INIT "${linker_flags}")
if(CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL SWITCHYARD_PROCESSOR)
  # The machine's own C library may be older than the packages: programs start with the sysroot's
  # loader, and find its libraries.
  string(APPEND linker_flags " -Wl,--dynamic-linker=${SWITCHYARD_SYSROOT}/${SWITCHYARD_LOADER}")
  set(CMAKE_BUILD_RPATH "${SWITCHYARD_SYSROOT}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
else()
  set(CMAKE_BUILD_RPATH)
  set(CMAKE_SYSTEM_NAME Linux)
  set(CMAKE_SYSTEM_PROCESSOR ${SWITCHYARD_PROCESSOR})
  if(SWITCHYARD_ARCH STREQUAL "arm64")
    # "default": the CPU that QEMU_CPU names, or the one that scripts/emulate says.
    cmake_path(SET emulate NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../scripts/emulate")
    set(CMAKE_CROSSCOMPILING_EMULATOR
        "${CMAKE_COMMAND};-E;env;SWITCHYARD_SYSROOTS=${SWITCHYARD_SYSROOTS};${emulate};default"
    )
  endif()
endif()
# ExecuTorch's SDK; CMake itself would take the sysroot's path off it.
list(APPEND CMAKE_BUILD_RPATH "${SWITCHYARD_SYSROOT}/executorch/lib")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${linker_flags}")
unset(linker_flags)
