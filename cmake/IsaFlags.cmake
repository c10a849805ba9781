# The only place where a source file gets instruction set flags. Every other file is compiled for
# the baseline of its architecture, so that it runs on any CPU of it.
#
# A row: sources (a path from the repository's root, or a folder with a slash at its end),
# processor, flags.
set(SWITCHYARD_ISA_FLAGS
    "kernels/avx2/ | x86_64 | -mavx2 -mfma -mf16c"
    "kernels/avx512/ | x86_64 | -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni"
    "test/bench/peak_avx2.cpp | x86_64 | -mavx2 -mfma"
    "test/bench/peak_avx512.cpp | x86_64 | -mavx512f -mavx512bw -mavx512vl -mavx512vnni -mavx512fp16"
    "test/bench/peak_amx.cpp | x86_64 | -mamx-tile -mamx-int8 -mamx-bf16"
    "test/bench/peak_neon.cpp | aarch64 | -march=armv8.2-a+fp16+dotprod+i8mm"
    "test/bench/peak_sme.cpp | aarch64 | -march=armv8.2-a+sme"
)

# Applies the rows to the sources of a target, in the directory that made the target.
function(switchyard_apply_isa_flags target)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE path)
    foreach(row IN LISTS SWITCHYARD_ISA_FLAGS)
      string(REGEX REPLACE " *\\| *" ";" row "${row}")
      list(GET row 0 where)
      list(GET row 1 processor)
      list(GET row 2 flags)
      string(FIND "${path}" "${where}" position)
      if(position EQUAL 0
         AND processor STREQUAL CMAKE_SYSTEM_PROCESSOR
         AND (path STREQUAL where OR where MATCHES "/$")
      )
        separate_arguments(flags UNIX_COMMAND "${flags}")
        set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS ${flags})
        # The headers are precompiled for the baseline.
        set_property(SOURCE "${source}" PROPERTY SKIP_PRECOMPILE_HEADERS ON)
      endif()
    endforeach()
  endforeach()
endfunction()
