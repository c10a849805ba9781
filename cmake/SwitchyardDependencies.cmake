# What a program that links Switchyard links besides, as imported targets. Installed with the package,
# so that its users and this build find the same things in the same way.
#
#   switchyard_find_libraries(MISSING)   XNNPACK::XNNPACK pthreadpool::pthreadpool cpuinfo::cpuinfo
#                                        sodium::sodium, on AArch64 KleidiAI::KleidiAI
#   switchyard_find_executorch(MISSING)  executorch::runtime ::threadpool ::kernels_optimized
#                                        ::backend_xnnpack ::etdump
#
# The second needs the targets of the first. Targets that are there already stay as they are. MISSING
# gets a sentence that says what is missing and what to do, or nothing.
#
# Debian's packages for the first are libxnnpack-dev, libpthreadpool-dev, libcpuinfo-dev,
# libsodium-dev and libkleidiai-dev (1.19 or newer). ExecuTorch's SDK is where
# SWITCHYARD_EXECUTORCH_ROOT says; without it, in the folder "executorch" of a sysroot.

# switchyard_import(TARGET library header): TARGET from a library and a header; what is not found goes
# to the caller's list `absent`.
function(switchyard_import target library header)
  if(TARGET ${target})
    return()
  endif()
  string(MAKE_C_IDENTIFIER "SWITCHYARD_${target}" variable)
  find_library(${variable}_LIBRARY NAMES ${library})
  find_path(${variable}_INCLUDE_DIR NAMES ${header})
  mark_as_advanced(${variable}_LIBRARY ${variable}_INCLUDE_DIR)
  if(NOT ${variable}_LIBRARY OR NOT ${variable}_INCLUDE_DIR)
    list(APPEND absent "${target} (${library}, ${header})")
    set(absent "${absent}" PARENT_SCOPE)
    return()
  endif()
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(
    ${target}
    PROPERTIES IMPORTED_LOCATION "${${variable}_LIBRARY}"
               INTERFACE_INCLUDE_DIRECTORIES "${${variable}_INCLUDE_DIR}"
  )
endfunction()

# KleidiAI. Debian's libXNNPACK.so exports an older copy of the same functions, and a linker that
# sees it first binds our calls to that copy, silently; one that exports ours lets libXNNPACK's own
# calls come to us. So the archive is linked whole, which beats any shared library wherever it stands
# on the command line, and none of its symbols is exported. What is not used falls to --gc-sections.
function(switchyard_import_kleidiai)
  if(TARGET KleidiAI::KleidiAI)
    return()
  endif()
  find_library(SWITCHYARD_KLEIDIAI_LIBRARY NAMES libkleidiai.a)
  find_path(SWITCHYARD_KLEIDIAI_INCLUDE_DIR NAMES kai/kai_common.h)
  mark_as_advanced(SWITCHYARD_KLEIDIAI_LIBRARY SWITCHYARD_KLEIDIAI_INCLUDE_DIR)
  if(NOT SWITCHYARD_KLEIDIAI_LIBRARY OR NOT SWITCHYARD_KLEIDIAI_INCLUDE_DIR)
    list(APPEND absent "KleidiAI::KleidiAI (libkleidiai.a, kai/kai_common.h)")
    set(absent "${absent}" PARENT_SCOPE)
    return()
  endif()
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
endfunction()

function(switchyard_find_libraries missing)
  set(absent)
  switchyard_import(pthreadpool::pthreadpool pthreadpool pthreadpool.h)
  switchyard_import(cpuinfo::cpuinfo cpuinfo cpuinfo.h)
  switchyard_import(sodium::sodium sodium sodium.h)
  if(NOT TARGET XNNPACK::XNNPACK)
    switchyard_import(XNNPACK::XNNPACK XNNPACK xnnpack.h)
    if(TARGET XNNPACK::XNNPACK)
      target_link_libraries(
        XNNPACK::XNNPACK INTERFACE pthreadpool::pthreadpool cpuinfo::cpuinfo
      )
    endif()
  endif()
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    switchyard_import_kleidiai()
  endif()
  if(absent)
    list(JOIN absent ", " absent)
    set(absent "Switchyard needs ${absent}: install their development packages (on Debian 13 \
libxnnpack-dev libpthreadpool-dev libcpuinfo-dev libsodium-dev, on arm64 also a libkleidiai-dev of \
1.19 or newer), or set CMAKE_PREFIX_PATH to where they are."
    )
  endif()
  set(${missing} "${absent}" PARENT_SCOPE)
endfunction()

# ExecuTorch's SDK: the wheel, unpacked. Its own CMake package has imported targets with CMake 3.28
# or newer only, and looks for a Python; these are the same with any CMake.
function(switchyard_find_executorch missing)
  set(${missing} "" PARENT_SCOPE)
  if(TARGET executorch::runtime)
    return()
  endif()
  set(root "${SWITCHYARD_EXECUTORCH_ROOT}")
  if(NOT root AND CMAKE_SYSROOT)
    set(root "${CMAKE_SYSROOT}/executorch")
  endif()
  set(lib "${root}/lib")
  if(NOT root OR NOT EXISTS "${lib}/libexecutorch.so")
    set(${missing}
        "Switchyard needs ExecuTorch's SDK, the folder executorch/ of its Python wheel, found none in \
'${root}': set SWITCHYARD_EXECUTORCH_ROOT to it (scripts/sysroot of Switchyard's sources unpacks \
one), or do without ExecuTorch (in Switchyard's own build SWITCHYARD_EXECUTORCH=OFF)."
        PARENT_SCOPE
    )
    return()
  endif()

  # switchyard_import_executorch(NAME library [dep...])
  macro(switchyard_import_executorch name library)
    add_library(executorch::${name} SHARED IMPORTED GLOBAL)
    set_target_properties(
      executorch::${name} PROPERTIES IMPORTED_LOCATION "${lib}/lib${library}.so"
                                     INTERFACE_LINK_LIBRARIES "${ARGN}"
    )
  endmacro()

  switchyard_import_executorch(runtime executorch)
  target_include_directories(
    executorch::runtime
    INTERFACE "${root}/include" "${root}/include/executorch/runtime/core/portable_type/c10"
  )
  target_compile_definitions(
    executorch::runtime INTERFACE C10_USING_CUSTOM_GENERATED_MACROS ET_EVENT_TRACER_ENABLED
  )
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
endfunction()

# The version of ExecuTorch's SDK, as its CMake package has it, and the build id of its runtime: by
# these a process's runtime is told from another. Empty: it does not say.
function(switchyard_executorch_identity version build_id)
  set(${version} "" PARENT_SCOPE)
  set(${build_id} "" PARENT_SCOPE)
  get_target_property(runtime executorch::runtime IMPORTED_LOCATION)
  cmake_path(GET runtime PARENT_PATH lib)
  set(file "${lib}/cmake/executorch/executorch-config-version.cmake")
  if(EXISTS "${file}")
    file(STRINGS "${file}" line REGEX "^set\\(PACKAGE_VERSION" LIMIT_COUNT 1)
    string(REGEX REPLACE ".*\"(.*)\".*" "\\1" found "${line}")
    set(${version} "${found}" PARENT_SCOPE)
  endif()
  # A note: sizes of name and description, type 3, "GNU", 20 bytes.
  file(READ "${runtime}" bytes HEX)
  string(FIND "${bytes}" "040000001400000003000000474e5500" at)
  if(at GREATER_EQUAL 0)
    math(EXPR at "${at} + 32")
    string(SUBSTRING "${bytes}" ${at} 40 found)
    set(${build_id} "${found}" PARENT_SCOPE)
  endif()
endfunction()
