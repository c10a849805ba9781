# cmake -DNM=nm -DFILE=library -P: KleidiAI's functions in FILE, built for the tier dotprod alone.
execute_process(
  COMMAND "${NM}" --defined-only "${FILE}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY
)
string(REGEX MATCHALL "kai_[a-z0-9_]+" functions "${symbols}")
set(others ${functions})
list(FILTER others INCLUDE REGEX "_(i8mm|sme|sme2)(_|$)")
list(FILTER functions INCLUDE REGEX "_dotprod$")
if(others)
  message(FATAL_ERROR "${FILE} has functions of other tiers than dotprod: ${others}")
endif()
if(NOT functions)
  message(FATAL_ERROR "${FILE} has no function of the tier dotprod")
endif()
list(LENGTH functions count)
message(STATUS "${count} functions of the tier dotprod, none of another")
