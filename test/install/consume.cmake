# Configures a project in a fresh folder, builds it and runs its program. Variables:
#
#   SETTINGS NAME SOURCE
#   CONFIGURE         more arguments of the configuration, with | between them
#   CONFIGURE_FAILS   a regular expression: it has to fail with this message
#   TARGET            build this instead of all, and run nothing
#   CLEAN_CACHE       nothing but Switchyard's own names may be in the cache
#   PROGRAM           its name; without it the folder's
#   ARGUMENTS         of the program, with | between them
#   EXPECT            a regular expression for what the program prints
cmake_minimum_required(VERSION 3.25)
include("${SETTINGS}")
set(build "${WORK}/consumers/${NAME}")
# ccache makes paths below it relative, and CMake 3.25 then misreads where the compiler searches.
unset(ENV{CCACHE_BASEDIR})
file(REMOVE_RECURSE "${build}")

# step(WHAT FAILURE command...): runs a command. It has to succeed, or, with FAILURE, to fail and to
# print something that matches.
function(step what failure)
  execute_process(
    COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output
  )
  list(JOIN ARGN " " command)
  # CMake wraps its messages.
  string(REGEX REPLACE "[ \n]+" " " words "${output}")
  if(failure STREQUAL "" AND NOT result EQUAL 0)
    message("${command}\n${output}")
    message(FATAL_ERROR "${NAME}: ${what} failed (${result})")
  elseif(NOT failure STREQUAL "" AND (result EQUAL 0 OR NOT words MATCHES "${failure}"))
    message("${command}\n${output}")
    message(FATAL_ERROR "${NAME}: ${what} gave ${result}, expected a failure that says '${failure}'")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(arguments
    -G "${GENERATOR}" -S "${SOURCE}" -B "${build}" "-DCMAKE_PREFIX_PATH=${PREFIX}"
    "-DCMAKE_CXX_FLAGS=-O1 -Wall -Wextra -Werror" -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF
)
if(TOOLCHAIN)
  list(APPEND arguments --toolchain "${TOOLCHAIN}")
else()
  list(APPEND arguments "-DCMAKE_C_COMPILER=${C_COMPILER}" "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
       "-DCMAKE_EXE_LINKER_FLAGS=${LINKER_FLAGS}" --no-warn-unused-cli
  )
  if(EXECUTORCH_ROOT)
    list(APPEND arguments "-DSWITCHYARD_EXECUTORCH_ROOT=${EXECUTORCH_ROOT}")
  endif()
endif()
string(REPLACE "|" ";" CONFIGURE "${CONFIGURE}")
step(configuring "${CONFIGURE_FAILS}" "${CMAKE_COMMAND}" ${arguments} ${CONFIGURE})
if(CONFIGURE_FAILS)
  return()
endif()

if(CLEAN_CACHE)
  file(STRINGS "${build}/CMakeCache.txt" entries REGEX "^[A-Za-z_][^:]*:")
  list(FILTER entries EXCLUDE REGEX
       "^(SWITCHYARD_|Switchyard_|switchyard_|CMAKE_|_CMAKE_|FETCHCONTENT_|consumer_|write_a_blob_)"
  )
  if(entries)
    message(FATAL_ERROR "${NAME}: found ${entries} in the cache, expected no such names")
  endif()
endif()

if(TARGET)
  step(building "" "${CMAKE_COMMAND}" --build "${build}" --target "${TARGET}")
  return()
endif()
step(building "" "${CMAKE_COMMAND}" --build "${build}")
if(NOT EXPECT)
  return()
endif()

if(NOT PROGRAM)
  cmake_path(GET SOURCE FILENAME PROGRAM)
endif()
string(REPLACE "|" ";" ARGUMENTS "${ARGUMENTS}")
step(running "" ${EMULATOR} "${build}/${PROGRAM}" ${ARGUMENTS})
if(NOT output MATCHES "${EXPECT}")
  message("${output}")
  message(FATAL_ERROR "${NAME}: the program did not print '${EXPECT}'")
endif()
message("${output}")
