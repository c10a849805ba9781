# Every dependency as an imported target. In the presets with a sysroot CMake finds them there and
# nowhere else; without one, on Debian 13, in the system.
#
#   XNNPACK::XNNPACK pthreadpool::pthreadpool cpuinfo::cpuinfo flatbuffers::headers sodium::sodium
#   KleidiAI::KleidiAI               AArch64 only
#   executorch::runtime ::threadpool ::kernels_optimized ::backend_xnnpack ::etdump
#                                    with SWITCHYARD_EXECUTORCH only
#   CLI11::CLI11 nlohmann_json::nlohmann_json                     for the tools
#   GTest::gtest GTest::gmock GTest::gmock_main benchmark::benchmark  for the tests
#
# and switchyard_flatbuffers(TARGET schema.fbs...), which generates C++ headers.

# switchyard_import(TARGET TYPE library header): TARGET from a library and a header of the sysroot.
function(switchyard_import target type library header)
  string(MAKE_C_IDENTIFIER "SWITCHYARD_${target}" variable)
  find_library(${variable}_LIBRARY NAMES ${library} REQUIRED)
  find_path(${variable}_INCLUDE_DIR NAMES ${header} REQUIRED)
  mark_as_advanced(${variable}_LIBRARY ${variable}_INCLUDE_DIR)
  add_library(${target} ${type} IMPORTED GLOBAL)
  set_target_properties(
    ${target}
    PROPERTIES IMPORTED_LOCATION "${${variable}_LIBRARY}"
               INTERFACE_INCLUDE_DIRECTORIES "${${variable}_INCLUDE_DIR}"
  )
endfunction()

# Debian's XNNPACK and what it is built on.
switchyard_import(pthreadpool::pthreadpool SHARED pthreadpool pthreadpool.h)
switchyard_import(cpuinfo::cpuinfo SHARED cpuinfo cpuinfo.h)
switchyard_import(XNNPACK::XNNPACK SHARED XNNPACK xnnpack.h)
set_property(
  TARGET XNNPACK::XNNPACK PROPERTY INTERFACE_LINK_LIBRARIES pthreadpool::pthreadpool
                                   cpuinfo::cpuinfo
)

switchyard_import(sodium::sodium SHARED sodium sodium.h)

# KleidiAI. Debian's libXNNPACK.so exports an older copy of the same functions, and a linker that
# sees it first binds our calls to that copy, silently; one that exports ours lets libXNNPACK's own
# calls come to us. So the archive is linked whole, which beats any shared library wherever it stands
# on the command line, and none of its symbols is exported. What is not used falls to --gc-sections.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  find_library(SWITCHYARD_KLEIDIAI_LIBRARY NAMES libkleidiai.a REQUIRED)
  find_path(SWITCHYARD_KLEIDIAI_INCLUDE_DIR NAMES kai/kai_common.h REQUIRED)
  mark_as_advanced(SWITCHYARD_KLEIDIAI_LIBRARY SWITCHYARD_KLEIDIAI_INCLUDE_DIR)
  cmake_path(GET SWITCHYARD_KLEIDIAI_LIBRARY FILENAME archive)
  add_library(KleidiAI::KleidiAI INTERFACE IMPORTED GLOBAL)
  target_include_directories(KleidiAI::KleidiAI INTERFACE "${SWITCHYARD_KLEIDIAI_INCLUDE_DIR}")
  target_link_options(
    KleidiAI::KleidiAI
    INTERFACE
    "LINKER:--exclude-libs,${archive}"
    "LINKER:--whole-archive,${SWITCHYARD_KLEIDIAI_LIBRARY},--no-whole-archive"
    "LINKER:--gc-sections"
  )
  unset(archive)
endif()

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

# ExecuTorch's SDK: the wheel, unpacked. Its own CMake package has imported targets with CMake 3.28
# or newer only, and looks for a Python; these are the same with any CMake.
if(SWITCHYARD_EXECUTORCH)
  if(NOT SWITCHYARD_EXECUTORCH_ROOT)
    if(CMAKE_SYSROOT)
      set(root "${CMAKE_SYSROOT}/executorch")
    elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
      set(root "${PROJECT_SOURCE_DIR}/.sysroot/arm64/executorch")
    else()
      set(root "${PROJECT_SOURCE_DIR}/.sysroot/amd64/executorch")
    endif()
    set(SWITCHYARD_EXECUTORCH_ROOT "${root}" CACHE PATH "ExecuTorch's SDK (include/ and lib/)")
    unset(root)
  endif()
  set(lib "${SWITCHYARD_EXECUTORCH_ROOT}/lib")
  if(NOT EXISTS "${lib}/libexecutorch.so")
    message(FATAL_ERROR "There is no ExecuTorch SDK in ${SWITCHYARD_EXECUTORCH_ROOT}: run "
                        "scripts/sysroot, or configure with SWITCHYARD_EXECUTORCH=OFF"
    )
  endif()
  # For every program of this build; CMake would take the sysroot's path off these.
  list(APPEND CMAKE_BUILD_RPATH "${lib}")

  # switchyard_import_executorch(NAME library [dep...])
  function(switchyard_import_executorch name library)
    add_library(executorch::${name} SHARED IMPORTED GLOBAL)
    set_target_properties(
      executorch::${name} PROPERTIES IMPORTED_LOCATION "${lib}/lib${library}.so"
                                     INTERFACE_LINK_LIBRARIES "${ARGN}"
    )
  endfunction()

  switchyard_import_executorch(runtime executorch)
  set(include "${SWITCHYARD_EXECUTORCH_ROOT}/include")
  target_include_directories(
    executorch::runtime
    INTERFACE "${include}" "${include}/executorch/runtime/core/portable_type/c10"
  )
  target_compile_definitions(
    executorch::runtime INTERFACE C10_USING_CUSTOM_GENERATED_MACROS ET_EVENT_TRACER_ENABLED
  )
  unset(include)
  # libexecutorch_threadpool.so exports pthreadpool and cpuinfo under the names of Debian's. The
  # loader binds a name to the first library that has it. pthreadpool has to be ExecuTorch's for every
  # caller, XNNPACK included, since ExecuTorch makes the pool. cpuinfo has to be Debian's, for which
  # XNNPACK and we are compiled: ExecuTorch's lays out the features of AArch64 differently, except for
  # those that its own kernels ask for. So these two come first, in this order; a link option stands
  # before all libraries. With ExecuTorch's own XNNPACK backend there is only its own copy of both.
  set(cpuinfo "$<$<NOT:$<BOOL:$<TARGET_PROPERTY:SWITCHYARD_PEER>>>:$<TARGET_FILE:cpuinfo::cpuinfo>>")
  target_link_options(
    executorch::runtime
    INTERFACE
    "LINKER:--push-state,--no-as-needed"
    "${cpuinfo}"
    "${lib}/libexecutorch_threadpool.so"
    "LINKER:--pop-state"
  )
  unset(cpuinfo)
  switchyard_import_executorch(threadpool executorch_threadpool executorch::runtime)
  switchyard_import_executorch(etdump executorch_etdump executorch::runtime)
  # These register themselves when they are loaded; no symbol of theirs is referred to.
  foreach(name IN ITEMS kernels_optimized backend_xnnpack)
    switchyard_import_executorch(${name} executorch_${name} executorch::runtime)
    target_link_options(
      executorch::${name} INTERFACE
      "LINKER:--push-state,--no-as-needed,${lib}/libexecutorch_${name}.so,--pop-state"
    )
  endforeach()
  # Reaches every target that links it, however indirectly.
  set_target_properties(
    executorch::backend_xnnpack PROPERTIES INTERFACE_SWITCHYARD_PEER ON COMPATIBLE_INTERFACE_BOOL
                                                                        SWITCHYARD_PEER
  )
  unset(lib)
endif()

if(SWITCHYARD_BUILD_TOOLS)
  find_package(CLI11 REQUIRED)
  find_package(nlohmann_json REQUIRED)
endif()
if(SWITCHYARD_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()
