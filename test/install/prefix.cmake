# Installs to an empty prefix, and looks whether the headers there are exactly the public ones.
include("${SETTINGS}")
file(REMOVE_RECURSE "${WORK}/prefix" "${WORK}/consumers")
execute_process(
  COMMAND "${CMAKE_COMMAND}" --install "${BUILD_ROOT}" --prefix "${PREFIX}"
  RESULT_VARIABLE result
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output
)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "installing ${BUILD_ROOT}: ${result}\n${output}")
endif()

list(TRANSFORM HEADERS REPLACE ".*=" "" OUTPUT_VARIABLE expected)
list(TRANSFORM expected PREPEND "switchyard/")
list(SORT expected)
file(
  GLOB_RECURSE found
  RELATIVE "${PREFIX}/include"
  "${PREFIX}/include/*"
)
list(SORT found)
if(NOT found STREQUAL expected)
  message(FATAL_ERROR "installed headers: found ${found}, expected ${expected}")
endif()
