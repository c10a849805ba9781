# How this project's targets are made: one function per kind.
#
#   switchyard_library(NAME [RTTI] [SOURCES file...] [PUBLIC dep...] [PRIVATE dep...])
#   switchyard_test(NAME [DATA] SOURCES file... [DEPS dep...] [LABELS label...] [TIMEOUT seconds]
#                   [COST seconds])
#   switchyard_tool(NAME SOURCES file... [DEPS dep...])
#
# SWITCHYARD_FUZZERS is set where libFuzzer's programs can be linked: clang, AddressSanitizer.
#
# Headers are included by their path from the repository's root: #include "runtime/base/error.h".

include(IsaFlags)

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# What every target of ours is compiled and linked with.
add_library(switchyard_options INTERFACE)
target_compile_options(
  switchyard_options
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -ffunction-sections
            -fdata-sections
            $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
            # GCC would make what inline functions share a symbol that keeps its library loaded for
            # good, and a module is to go when it is closed.
            $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>
)
# Sections that nothing refers to are dropped: Dependencies.cmake links one archive whole.
target_link_options(switchyard_options INTERFACE "LINKER:--gc-sections")
if(SWITCHYARD_SANITIZE)
  # vptr needs the run-time type information that the library does without.
  set(sanitize -fsanitize=${SWITCHYARD_SANITIZE})
  target_compile_options(
    switchyard_options INTERFACE ${sanitize} -fno-sanitize=vptr -fno-sanitize-recover=all
                                 -fno-omit-frame-pointer
  )
  target_link_options(switchyard_options INTERFACE ${sanitize} -fno-sanitize=vptr)
  if(SWITCHYARD_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    set(SWITCHYARD_FUZZERS ON)
  endif()
  find_program(SWITCHYARD_SYMBOLIZER NAMES llvm-symbolizer-19 llvm-symbolizer)
endif()

# Beyond those, the options of a library room.
set(SWITCHYARD_ROOM_OPTIONS $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
if(SWITCHYARD_FUZZERS)
  # What the fuzz targets steer by. Other programs find empty functions in the sanitizer's runtime.
  list(APPEND SWITCHYARD_ROOM_OPTIONS -fsanitize=fuzzer-no-link)
endif()

# The headers that nearly every file includes, precompiled, since reading them is a third of what a build
# does. They are an option, off unless a preset asks: where it is off, a file that does not name what it
# needs does not compile.
# Of clang only: GCC takes them for no target whose flags differ.
option(SWITCHYARD_PRECOMPILE "Precompile the headers of the C++ library" OFF)
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(SWITCHYARD_PRECOMPILE OFF)
endif()
if(SWITCHYARD_PRECOMPILE)
  file(CONFIGURE OUTPUT library_headers.cpp CONTENT "")
  foreach(kind IN ITEMS no_rtti rtti)
    set(target switchyard_library_headers_${kind})
    add_library(${target} STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_BINARY_DIR}/library_headers.cpp")
    target_link_libraries(${target} PRIVATE switchyard_options)
    target_precompile_headers(
      ${target}
      PRIVATE
      <algorithm>
      <array>
      <expected>
      <filesystem>
      <format>
      <functional>
      <map>
      <memory>
      <mutex>
      <optional>
      <span>
      <string>
      <unordered_map>
      <variant>
      <vector>
    )
  endforeach()
  target_compile_options(switchyard_library_headers_no_rtti PRIVATE ${SWITCHYARD_ROOM_OPTIONS})
endif()

# A room's static library: target switchyard_NAME, alias switchyard::NAME. Without a source file it
# is a header-only one. The library rooms do without RTTI; option RTTI is for the code of the tools,
# whose dependencies need it. They throw nothing, but what the C++ library throws for want of memory
# unwinds through all of them, up to runtime/base/guard.h.
function(switchyard_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "RTTI" "" "SOURCES;PUBLIC;PRIVATE")
  switchyard_no_leftovers(arg)
  set(target switchyard_${name})
  set(compiled ${arg_SOURCES})
  list(FILTER compiled EXCLUDE REGEX "\\.(h|hpp|inc)$")
  if(compiled)
    add_library(${target} STATIC ${arg_SOURCES})
    target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE switchyard_options ${arg_PRIVATE})
    set(kind rtti)
    if(NOT arg_RTTI)
      set(kind no_rtti)
      target_compile_options(${target} PRIVATE ${SWITCHYARD_ROOM_OPTIONS})
    endif()
    if(SWITCHYARD_PRECOMPILE)
      target_precompile_headers(${target} REUSE_FROM switchyard_library_headers_${kind})
    endif()
    switchyard_apply_isa_flags(${target})
  else()
    add_library(${target} INTERFACE ${arg_SOURCES})
    target_include_directories(${target} INTERFACE "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${target} INTERFACE ${arg_PUBLIC} ${arg_PRIVATE})
  endif()
  add_library(switchyard::${name} ALIAS ${target})
endfunction()

# A GoogleTest program, and one ctest test of the same name with the label "unit" and the given
# ones. DATA: it reads test/data, whose path it finds in SWITCHYARD_TEST_DATA (a string literal).
# TIMEOUT is in seconds of a native run without sanitizers; the others get more. COST is about the seconds
# where it takes longest, of the tests that take long: they start first, so that in the end no core waits
# for the last one. The label "threads" is for tests in which several threads meet, the ones that
# ThreadSanitizer has something to say of; "pure" for those in which no kernel runs and nothing asks what
# the CPU has: one emulated CPU says what all do.
#
# Half of a test's compile time is the headers of GoogleTest and of the standard library, so tests share
# them precompiled, with any compiler. And the code of a test, not of
# what it tests, is compiled without optimization, which takes 40 percent of the time.
if(SWITCHYARD_BUILD_TESTS)
  add_custom_target(thread_tests)
  file(CONFIGURE OUTPUT test_headers.cpp CONTENT "int main() {}\n")
  add_executable(switchyard_test_headers EXCLUDE_FROM_ALL "${CMAKE_CURRENT_BINARY_DIR}/test_headers.cpp")
  target_link_libraries(switchyard_test_headers PRIVATE GTest::gmock switchyard_options)
  target_compile_options(switchyard_test_headers PRIVATE -O0)
  target_precompile_headers(
    switchyard_test_headers
    PRIVATE
    <gmock/gmock.h>
    <gtest/gtest.h>
    <format>
    <functional>
    <map>
    <span>
    <string>
    <variant>
    <vector>
  )
endif()
function(switchyard_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "DATA" "TIMEOUT;COST" "SOURCES;DEPS;LABELS")
  switchyard_no_leftovers(arg)
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock_main switchyard_options)
  target_compile_options(${name} PRIVATE -O0)
  target_precompile_headers(${name} REUSE_FROM switchyard_test_headers)
  if(arg_DATA)
    target_compile_definitions(
      ${name} PRIVATE SWITCHYARD_TEST_DATA="${PROJECT_SOURCE_DIR}/test/data"
    )
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test")
  add_test(NAME ${name} COMMAND ${name})
  switchyard_test_properties(
    ${name} TIMEOUT ${arg_TIMEOUT} COST ${arg_COST} LABELS unit ${arg_LABELS}
  )
  if(CMAKE_CROSSCOMPILING)
    # Where a CPU is emulated, a fraction of what says the same on every CPU.
    set_property(
      TEST ${name}
      APPEND
      PROPERTY ENVIRONMENT SWITCHYARD_TEST_MODEL_BYTES=50000 SWITCHYARD_TEST_MUTANTS=1000
               SWITCHYARD_TEST_MUTANTS_EACH=5 SWITCHYARD_TEST_STRIDE=31
    )
  endif()
  if("threads" IN_LIST arg_LABELS)
    add_dependencies(thread_tests ${name})
  endif()
endfunction()

# The same time limits, costs, labels and sanitizer settings for any ctest test.
function(switchyard_test_properties test)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT;COST" "LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(CMAKE_CROSSCOMPILING OR SWITCHYARD_SANITIZE)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 5")
  endif()
  set_tests_properties(${test} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
  if(arg_COST)
    set_tests_properties(${test} PROPERTIES COST ${arg_COST})
  endif()
  if(SWITCHYARD_SANITIZE AND SWITCHYARD_SYMBOLIZER)
    set_property(
      TEST ${test}
      APPEND
      PROPERTY ENVIRONMENT
               "ASAN_SYMBOLIZER_PATH=${SWITCHYARD_SYMBOLIZER}"
               "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/lsan.supp"
               "TSAN_OPTIONS=external_symbolizer_path=${SWITCHYARD_SYMBOLIZER}"
               "UBSAN_OPTIONS=print_stacktrace=1:external_symbolizer_path=${SWITCHYARD_SYMBOLIZER}"
    )
  endif()
endfunction()

# A program for users, in build/PRESET/tools/.
function(switchyard_tool name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  switchyard_no_leftovers(arg)
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_DEPS} switchyard_options)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tools")
endfunction()

# A misspelt keyword is an error, not a source file.
macro(switchyard_no_leftovers prefix)
  if(${prefix}_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${CMAKE_CURRENT_FUNCTION}(${name}): what is "
                        "'${${prefix}_UNPARSED_ARGUMENTS}'?"
    )
  endif()
endmacro()
