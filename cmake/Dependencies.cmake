# Every dependency as an imported target. In the presets with a sysroot CMake finds them there and
# nowhere else; without one, on Debian 13, in the system. SwitchyardDependencies.cmake has those that
# users of the library need as well.
#
#   XNNPACK::XNNPACK pthreadpool::pthreadpool cpuinfo::cpuinfo flatbuffers::headers sodium::sodium
#   KleidiAI::KleidiAI               AArch64 only
#   executorch::runtime ::threadpool ::kernels_optimized ::backend_xnnpack ::etdump
#                                    with SWITCHYARD_EXECUTORCH only
#   CLI11::CLI11 nlohmann_json::nlohmann_json                     for the tools
#   GTest::gtest GTest::gmock GTest::gmock_main benchmark::benchmark  for the tests
#
# and switchyard_flatbuffers(TARGET schema.fbs...), which generates C++ headers.

# What users of the library link, too, is found by the file that is installed for them.
if(SWITCHYARD_EXECUTORCH AND NOT SWITCHYARD_EXECUTORCH_ROOT AND NOT CMAKE_SYSROOT)
  # A fresh clone on Debian 13: where scripts/sysroot put the SDK.
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    set(arch arm64)
  else()
    set(arch amd64)
  endif()
  set(SWITCHYARD_EXECUTORCH_ROOT
      "${PROJECT_SOURCE_DIR}/.sysroot/${arch}/executorch"
      CACHE PATH "ExecuTorch's SDK (include/ and lib/)"
  )
  unset(arch)
endif()
include(SwitchyardDependencies)
switchyard_find_libraries(missing)
if(SWITCHYARD_EXECUTORCH AND NOT missing)
  switchyard_find_executorch(missing)
endif()
if(missing)
  message(FATAL_ERROR "${missing}")
endif()
unset(missing)

# flatbuffers: headers only.
find_path(SWITCHYARD_FLATBUFFERS_INCLUDE_DIR NAMES flatbuffers/flatbuffers.h REQUIRED)
mark_as_advanced(SWITCHYARD_FLATBUFFERS_INCLUDE_DIR)
add_library(flatbuffers::headers INTERFACE IMPORTED GLOBAL)
target_include_directories(flatbuffers::headers INTERFACE "${SWITCHYARD_FLATBUFFERS_INCLUDE_DIR}")

# flatc must be of the headers' version, so it comes from the same packages: from the sysroot of the
# build machine's architecture, started by that sysroot's loader, since the machine's own C library
# may be older.
if(CMAKE_SYSROOT)
  if(CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL "x86_64")
    set(host "${SWITCHYARD_SYSROOTS}/amd64")
    set(loader "${host}/usr/lib64/ld-linux-x86-64.so.2")
  else()
    set(host "${SWITCHYARD_SYSROOTS}/arm64")
    set(loader "${host}/usr/lib/ld-linux-aarch64.so.1")
  endif()
  if(NOT EXISTS "${host}/usr/bin/flatc")
    message(FATAL_ERROR "flatc is taken from ${host}, which is not there: run scripts/sysroot")
  endif()
  set(SWITCHYARD_FLATC
      "${loader}" --library-path "${host}/usr/lib/${CMAKE_HOST_SYSTEM_PROCESSOR}-linux-gnu"
      "${host}/usr/bin/flatc"
  )
  unset(host)
  unset(loader)
else()
  find_program(SWITCHYARD_FLATC_PROGRAM NAMES flatc REQUIRED)
  mark_as_advanced(SWITCHYARD_FLATC_PROGRAM)
  set(SWITCHYARD_FLATC "${SWITCHYARD_FLATC_PROGRAM}")
endif()

# Generates, for FOLDER/NAME.fbs, the header that TARGET includes as "FOLDER/NAME_generated.h", and
# nobody else: what leaves the target is its own types.
function(switchyard_flatbuffers target)
  set(root "${PROJECT_BINARY_DIR}/generated")
  foreach(schema IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH schema)
    cmake_path(RELATIVE_PATH schema BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE path)
    cmake_path(GET path PARENT_PATH folder)
    cmake_path(GET path STEM name)
    set(header "${root}/${folder}/${name}_generated.h")
    add_custom_command(
      OUTPUT "${header}"
      COMMAND ${SWITCHYARD_FLATC} --cpp --cpp-std c++17 --scoped-enums -I "${PROJECT_SOURCE_DIR}" -o
              "${root}/${folder}" "${schema}"
      DEPENDS "${schema}"
      COMMENT "Generating ${folder}/${name}_generated.h"
      VERBATIM
    )
    target_sources(${target} PRIVATE "${header}")
  endforeach()
  target_include_directories(${target} SYSTEM PRIVATE "${root}")
  target_link_libraries(${target} PRIVATE flatbuffers::headers)
endfunction()

if(SWITCHYARD_BUILD_TOOLS)
  find_package(CLI11 REQUIRED)
  find_package(nlohmann_json REQUIRED)
endif()
if(SWITCHYARD_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()
