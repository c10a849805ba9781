# What users get, built in this tree, by add_subdirectory, FetchContent or from the installed package,
# under the same names everywhere:
#
#   switchyard::backend          libswitchyard.a, linked whole so that it registers itself
#   switchyard::backend_shared   libswitchyard.so
#   switchyard::executorch       libswitchyard_executorch.a, linked whole, and switchyard::backend
#   switchyard::executorch_shared  libswitchyard_executorch.so: to load at run time, or to preload
#
# Each archive holds the objects of its rooms. Programs of this tree link the rooms instead.

include(PublicHeaders)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(rooms
    base
    runtime
    schema
    kernels
    rules
    parallel
    plan
    packed
    remedies
    xnnpack
    backend_room
    backend_registration
)
list(TRANSFORM rooms REPLACE "(.+)" "$<TARGET_OBJECTS:switchyard_\\1>" OUTPUT_VARIABLE backend_objects)
set(backend_libraries XNNPACK::XNNPACK pthreadpool::pthreadpool cpuinfo::cpuinfo sodium::sodium)
if(TARGET KleidiAI::KleidiAI)
  list(APPEND backend_libraries KleidiAI::KleidiAI)
endif()
list(APPEND backend_libraries ${CMAKE_DL_LIBS})

# What users' code sees.
set(headers "${PROJECT_BINARY_DIR}/include")
switchyard_copy_headers("${headers}" ${SWITCHYARD_PUBLIC_HEADERS})
add_library(switchyard_headers INTERFACE)
target_compile_features(switchyard_headers INTERFACE cxx_std_23)
target_include_directories(
  switchyard_headers INTERFACE "$<BUILD_INTERFACE:${headers}>"
                               "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
)

# switchyard_public_archive(NAME file objects): switchyard::NAME, an interface over the static library
# lib<file>.a that links it whole.
#
# The archive needs a name with the namespace, since install(EXPORT) does not rewrite others inside
# LINK_LIBRARY. Linked by itself beside the interface it is an error of CMake's. None of its symbols is
# for shared libraries to bind to: one of them may hold a copy of its own.
function(switchyard_public_archive name file objects)
  set(archive switchyard_${name}_archive)
  add_library(${archive} STATIC ${objects})
  set_target_properties(
    ${archive} PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME ${file} EXPORT_NAME ${name}_archive
                          ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
  )
  add_library(switchyard::${name}_archive ALIAS ${archive})
  set(wrapper switchyard_${name})
  add_library(${wrapper} INTERFACE)
  target_link_libraries(
    ${wrapper} INTERFACE "$<LINK_LIBRARY:WHOLE_ARCHIVE,switchyard::${name}_archive>"
  )
  target_link_options(${wrapper} INTERFACE "LINKER:--exclude-libs,lib${file}.a" "LINKER:--gc-sections")
  set_target_properties(${wrapper} PROPERTIES EXPORT_NAME ${name})
  add_library(switchyard::${name} ALIAS ${wrapper})
endfunction()

# switchyard_public_shared(NAME file map objects): switchyard::NAME, the shared library lib<file>.so, which
# exports what a map of backend/doors/ says and binds to itself.
function(switchyard_public_shared name file map objects)
  set(library switchyard_${name})
  set(map "${PROJECT_SOURCE_DIR}/backend/doors/${map}")
  add_library(${library} SHARED ${objects})
  target_link_libraries(${library} PRIVATE switchyard_options)
  target_link_options(
    ${library} PRIVATE "LINKER:--version-script,${map}" "LINKER:-Bsymbolic" "LINKER:-z,defs"
  )
  set_property(TARGET ${library} APPEND PROPERTY LINK_DEPENDS "${map}")
  set_target_properties(
    ${library}
    PROPERTIES LINKER_LANGUAGE CXX
               OUTPUT_NAME ${file}
               EXPORT_NAME ${name}
               VERSION "${PROJECT_VERSION}"
               SOVERSION "${PROJECT_VERSION_MAJOR}"
               LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
  )
  add_library(switchyard::${name} ALIAS ${library})
endfunction()

switchyard_public_archive(backend switchyard "${backend_objects}")
target_link_libraries(switchyard_backend_archive PUBLIC switchyard_headers PRIVATE ${backend_libraries})

switchyard_public_shared(backend_shared switchyard switchyard.map "${backend_objects}")
target_link_libraries(
  switchyard_backend_shared PUBLIC switchyard_headers PRIVATE ${backend_libraries}
)

# Both in one program would be two copies of the library; CMake refuses that when it generates.
set_target_properties(
  switchyard_backend_shared
  PROPERTIES INTERFACE_SWITCHYARD_LINK_FORM "shared (switchyard::backend_shared)"
             COMPATIBLE_INTERFACE_STRING SWITCHYARD_LINK_FORM
)
set_target_properties(
  switchyard_backend
  PROPERTIES INTERFACE_SWITCHYARD_LINK_FORM "static (switchyard::backend)"
             COMPATIBLE_INTERFACE_STRING SWITCHYARD_LINK_FORM
)

if(SWITCHYARD_EXECUTORCH)
  set(executorch_libraries executorch::runtime executorch::threadpool)
  switchyard_copy_headers("${headers}" ${SWITCHYARD_PUBLIC_HEADERS_EXECUTORCH})
  set(door_objects "$<TARGET_OBJECTS:switchyard_executorch_door>"
                   "$<TARGET_OBJECTS:switchyard_executorch_registration>"
  )

  switchyard_public_archive(executorch switchyard_executorch "${door_objects}")
  target_link_libraries(
    switchyard_executorch_archive PUBLIC switchyard_headers PRIVATE ${executorch_libraries}
  )
  target_link_libraries(switchyard_executorch INTERFACE switchyard::backend executorch::runtime)

  # ExecuTorch keeps pointers into it, so it cannot be unloaded.
  switchyard_public_shared(
    executorch_shared switchyard_executorch exports.map "${door_objects};${backend_objects}"
  )
  target_link_libraries(
    switchyard_executorch_shared PRIVATE ${executorch_libraries} ${backend_libraries}
  )
  target_link_options(switchyard_executorch_shared PRIVATE "LINKER:-z,nodelete")
endif()
