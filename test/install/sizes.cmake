# Prints a table of what each link form costs: sizes of stripped files.
include("${SETTINGS}")
set(stripped "${WORK}/stripped")

# row(WHAT file): a line of the table; nothing where there is no such file.
function(row what file)
  if(NOT EXISTS "${file}")
    return()
  endif()
  file(REAL_PATH "${file}" file)
  execute_process(COMMAND "${STRIP}" -o "${stripped}" "${file}" COMMAND_ERROR_IS_FATAL ANY)
  file(SIZE "${stripped}" size)
  math(EXPR size "(${size} + 512) / 1024")
  message("| ${what} | ${size} KiB |")
endfunction()

message("| file | stripped |\n|---|---|")
row("application, static (`write_a_blob`)" "${WORK}/consumers/write_a_blob/write_a_blob")
row("application, shared (`shared_link`)" "${WORK}/consumers/shared_link/shared_link")
row("`libswitchyard.so`" "${PREFIX}/${LIBDIR}/libswitchyard.so")
row("ExecuTorch application, static (`static_link`)" "${WORK}/consumers/static_link/static_link")
row("`libswitchyard_executorch_backend.so`" "${PREFIX}/${LIBDIR}/libswitchyard_executorch_backend.so")
row("module (`libswitchyard_plugin.so`)" "${PREFIX}/${LIBDIR}/switchyard/libswitchyard_plugin.so")
