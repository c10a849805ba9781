# The public headers: what is installed, and what the public targets let their users see. Users
# include them as <switchyard/PATH>, so they are copied to build/PRESET/include/switchyard/ with their
# own includes changed to that. A header that one of these includes must be in the list, too.
#
# A row: the path from the repository's root, or PATH=NAME for <switchyard/NAME>.
set(SWITCHYARD_PUBLIC_HEADERS
    backend/plan/format_report.h
    backend/plan/report.h
    backend/switchyard_backend.h
    kernels/cpu/features.h
    kernels/cpu/mask.h
    runtime/backend.h
    runtime/base/api.h
    runtime/base/checked_math.h
    runtime/base/data_type.h
    runtime/base/dims.h
    runtime/base/error.h
    runtime/base/float16.h
    runtime/base/format.h
    runtime/base/named_data.h
    runtime/base/reason.h
    runtime/base/reasons.inc
    runtime/base/variant.h
    runtime/blob_runner.h
    runtime/host_services.h
    runtime/options.h
    runtime/plugin.h=plugin.h
    runtime/plugin_backend.h
    runtime/plugin_loader.h
    runtime/registry.h
    runtime/tensor.h
    schema/graph.h
    schema/node_kinds.h
    schema/node_kinds.inc
    schema/payload.h
    schema/writer.h
)
# Of component executorch.
set(SWITCHYARD_PUBLIC_HEADERS_EXECUTORCH backend/doors/executorch.h)
# Of component plugin.
set(SWITCHYARD_PUBLIC_HEADERS_PLUGIN runtime/plugin.h=plugin.h)

# Copies the headers of a list to DIRECTORY/switchyard/.
function(switchyard_copy_headers directory)
  set(renamed ${SWITCHYARD_PUBLIC_HEADERS})
  list(FILTER renamed INCLUDE REGEX "=")
  foreach(row IN LISTS ARGN)
    string(REGEX REPLACE "=.*" "" path "${row}")
    string(REGEX REPLACE ".*=" "" name "${row}")
    file(READ "${PROJECT_SOURCE_DIR}/${path}" text)
    string(REGEX REPLACE "(#include )\"([a-z_]+/[^\"]*)\"" "\\1\"switchyard/\\2\"" text "${text}")
    foreach(other IN LISTS renamed)
      string(REGEX REPLACE "=.*" "" other_path "${other}")
      string(REGEX REPLACE ".*=" "" other_name "${other}")
      string(REPLACE "\"switchyard/${other_path}\"" "\"switchyard/${other_name}\"" text "${text}")
    endforeach()
    set(copy "${directory}/switchyard/${name}")
    set(present "")
    if(EXISTS "${copy}")
      file(READ "${copy}" present)
    endif()
    if(NOT present STREQUAL text)
      file(WRITE "${copy}" "${text}")
    endif()
    set_property(
      DIRECTORY "${PROJECT_SOURCE_DIR}"
      APPEND
      PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${path}"
    )
  endforeach()
endfunction()
