# What users get, in this tree, by add_subdirectory, FetchContent or from the installed package, under
# the same names everywhere:
#
#   switchyard::backend          libswitchyard.a, linked whole so that it registers itself
#   switchyard::backend_shared   libswitchyard.so
#   switchyard::executorch       libswitchyard_executorch.a, linked whole, and switchyard::backend
#   switchyard::plugin           libswitchyard_plugin.so, to load at run time; switchyard::plugin_headers
#                                is what a C host compiles with
#   switchyard::executorch_shared  libswitchyard_executorch.so: to load at run time, or to preload;
#                                what it loads is libswitchyard_executorch_backend.so beside it
#
# Each archive holds the objects of its rooms. Programs of this tree link the rooms instead.

include(PublicHeaders)

# Off where this is a part of another project, whose installation is its own.
option(SWITCHYARD_INSTALL "Install the package" ${PROJECT_IS_TOP_LEVEL})
if(SWITCHYARD_INSTALL)
  include(GNUInstallDirs)
  include(CMakePackageConfigHelpers)
endif()

set(rooms
    base
    runtime
    schema
    kernels
    rules
    parallel
    plan
    plan_graph
    packed
    remedies
    xnnpack
    backend_room
    backend_registration
)
list(
  TRANSFORM rooms
  REPLACE "(.+)" "$<TARGET_OBJECTS:switchyard_\\1>"
  OUTPUT_VARIABLE backend_objects
)
set(backend_libraries XNNPACK::XNNPACK pthreadpool::pthreadpool cpuinfo::cpuinfo sodium::sodium)
if(TARGET KleidiAI::KleidiAI)
  list(APPEND backend_libraries KleidiAI::KleidiAI)
endif()
list(APPEND backend_libraries ${CMAKE_DL_LIBS})

# What users' code sees.
set(headers "${PROJECT_BINARY_DIR}/include")
switchyard_copy_headers("${headers}" ${SWITCHYARD_PUBLIC_HEADERS})
add_library(switchyard_headers INTERFACE)
set_target_properties(switchyard_headers PROPERTIES EXPORT_NAME headers)
add_library(switchyard::headers ALIAS switchyard_headers)
target_compile_features(switchyard_headers INTERFACE cxx_std_23)
target_include_directories(
  switchyard_headers INTERFACE "$<BUILD_INTERFACE:${headers}>"
                               "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
)

# switchyard_public_archive(NAME file objects): switchyard::NAME, an interface over the static library
# lib<file>.a that links it whole.
#
# The archive needs a name with the namespace, since install(EXPORT) does not rewrite others inside
# LINK_LIBRARY. Linked by itself beside the interface it is an error of CMake's. None of its symbols
# is for shared libraries to bind to: one of them may hold a copy of its own.
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
  target_link_options(
    ${wrapper} INTERFACE "LINKER:--exclude-libs,lib${file}.a" "LINKER:--gc-sections"
  )
  set_target_properties(${wrapper} PROPERTIES EXPORT_NAME ${name})
  add_library(switchyard::${name} ALIAS ${wrapper})
endfunction()

# switchyard_public_shared(NAME file map objects): switchyard::NAME, the shared library lib<file>.so,
# which exports what a map of backend/doors/ says and binds to itself.
function(switchyard_public_shared name file map objects)
  set(library switchyard_${name})
  set(map "${PROJECT_SOURCE_DIR}/backend/doors/${map}")
  add_library(${library} SHARED ${objects})
  target_link_libraries(${library} PRIVATE switchyard_options)
  target_link_options(${library} PRIVATE "LINKER:--version-script,${map}" "LINKER:-Bsymbolic")
  if(NOT SWITCHYARD_SANITIZE)  # whose runtime is in the program
    target_link_options(${library} PRIVATE "LINKER:-z,defs")
  endif()
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
target_link_libraries(
  switchyard_backend_archive PUBLIC switchyard_headers PRIVATE ${backend_libraries}
)

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

# The module is backend/doors/'s; it links rooms of its own. All that its C hosts need is a header.
add_library(switchyard_plugin_headers INTERFACE)
set_target_properties(switchyard_plugin_headers PROPERTIES EXPORT_NAME plugin_headers)
add_library(switchyard::plugin_headers ALIAS switchyard_plugin_headers)
target_include_directories(
  switchyard_plugin_headers INTERFACE "$<BUILD_INTERFACE:${headers}>"
                                      "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>"
)
add_library(switchyard::plugin ALIAS switchyard_plugin)

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

  # What is preloaded needs and defines as little as can be, and loads the backend behind it.
  # ExecuTorch keeps pointers into both, so they cannot be unloaded.
  set(doors "${PROJECT_SOURCE_DIR}/backend/doors")
  switchyard_public_shared(
    executorch_shared switchyard_executorch exports.map
    "${doors}/preload.cpp;${doors}/runtime_version.cpp"
  )
  switchyard_executorch_identity(version build_id)
  target_include_directories(switchyard_executorch_shared PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_definitions(
    switchyard_executorch_shared PRIVATE SWITCHYARD_EXECUTORCH_VERSION="${version}"
                                         SWITCHYARD_EXECUTORCH_BUILD_ID="${build_id}"
  )
  target_link_libraries(switchyard_executorch_shared PRIVATE ${CMAKE_DL_LIBS})
  target_link_options(switchyard_executorch_shared PRIVATE "LINKER:-z,nodelete")

  add_library(
    switchyard_executorch_backend MODULE
    "${doors}/bindings.cpp" "${doors}/executorch_module.cpp"
    $<TARGET_OBJECTS:switchyard_executorch_door> ${backend_objects}
  )
  target_include_directories(switchyard_executorch_backend PRIVATE "${PROJECT_SOURCE_DIR}")
  target_compile_options(switchyard_executorch_backend PRIVATE -fno-rtti)
  target_link_libraries(
    switchyard_executorch_backend PRIVATE ${executorch_libraries} ${backend_libraries}
                                          switchyard_options
  )
  set(map "${doors}/executorch_module.map")
  target_link_options(
    switchyard_executorch_backend PRIVATE "LINKER:--version-script,${map}" "LINKER:-Bsymbolic"
    "LINKER:-z,nodelete"
  )
  set_property(TARGET switchyard_executorch_backend APPEND PROPERTY LINK_DEPENDS "${map}")
  set_target_properties(
    switchyard_executorch_backend
    PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME executorch_backend
               LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
  )
  add_dependencies(switchyard_executorch_shared switchyard_executorch_backend)
endif()

# ---- Installing ----

if(NOT SWITCHYARD_INSTALL)
  return()
endif()

# Installed programs and libraries find each other, and what they need where this build found it, if
# the system's loader would not look there: in a sysroot, in ExecuTorch's SDK. Who ships them
# elsewhere sets CMAKE_INSTALL_RPATH.
if(NOT DEFINED CMAKE_INSTALL_RPATH)
  set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}" ${CMAKE_BUILD_RPATH})
  set_target_properties(
    switchyard_backend_shared PROPERTIES INSTALL_RPATH "$ORIGIN;${CMAKE_BUILD_RPATH}"
  )
  set_target_properties(switchyard_plugin PROPERTIES INSTALL_RPATH "${CMAKE_BUILD_RPATH}")
  if(SWITCHYARD_EXECUTORCH)
    get_target_property(sdk executorch::runtime IMPORTED_LOCATION)
    cmake_path(GET sdk PARENT_PATH sdk)
    list(APPEND CMAKE_INSTALL_RPATH "${sdk}")
    list(REMOVE_DUPLICATES CMAKE_INSTALL_RPATH)
    set_target_properties(
      switchyard_executorch_backend PROPERTIES INSTALL_RPATH "${CMAKE_BUILD_RPATH};${sdk}"
    )
  endif()
endif()

set(package_directory "${CMAKE_INSTALL_LIBDIR}/cmake/switchyard")

# switchyard_install(COMPONENT target...): targets with the targets file of their component.
function(switchyard_install component)
  install(
    TARGETS ${ARGN}
    EXPORT switchyard_${component}
    RUNTIME COMPONENT ${component}
    LIBRARY COMPONENT ${component}
    ARCHIVE COMPONENT ${component}
  )
endfunction()

# switchyard_install_headers(COMPONENT row...)
function(switchyard_install_headers component)
  foreach(row IN LISTS ARGN)
    string(REGEX REPLACE ".*=" "" name "${row}")
    cmake_path(GET name PARENT_PATH folder)
    install(
      FILES "${PROJECT_BINARY_DIR}/include/switchyard/${name}"
      DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/switchyard/${folder}"
      COMPONENT ${component}
    )
  endforeach()
endfunction()

# Called at the end, when the tools' targets are there.
function(switchyard_install_package)
  switchyard_install(
    backend switchyard_headers switchyard_backend_archive switchyard_backend
    switchyard_backend_shared
  )
  switchyard_install_headers(backend ${SWITCHYARD_PUBLIC_HEADERS})
  install(
    TARGETS switchyard_plugin switchyard_plugin_headers
    EXPORT switchyard_plugin
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/switchyard" COMPONENT plugin
  )
  switchyard_install_headers(plugin ${SWITCHYARD_PUBLIC_HEADERS_PLUGIN})
  set(components backend plugin)
  if(SWITCHYARD_EXECUTORCH)
    switchyard_install(
      executorch switchyard_executorch_archive switchyard_executorch switchyard_executorch_shared
    )
    install(
      TARGETS switchyard_executorch_backend
      EXPORT switchyard_executorch
      LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT executorch
    )
    switchyard_install_headers(executorch ${SWITCHYARD_PUBLIC_HEADERS_EXECUTORCH})
    list(APPEND components executorch)
  endif()
  set(tools)
  foreach(tool IN ITEMS switchyard switchyard-peer switchyard-conformance)
    if(TARGET ${tool})
      list(APPEND tools ${tool})
    endif()
  endforeach()
  if(tools)
    switchyard_install(tools ${tools})
    list(APPEND components tools)
  endif()

  foreach(component IN LISTS components)
    install(
      EXPORT switchyard_${component}
      FILE switchyard-${component}.cmake
      NAMESPACE switchyard::
      DESTINATION "${package_directory}"
      COMPONENT ${component}
    )
  endforeach()

  set(folder "${PROJECT_BINARY_DIR}/package")
  configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/switchyardConfig.cmake.in" "${folder}/switchyardConfig.cmake"
    INSTALL_DESTINATION "${package_directory}" NO_SET_AND_CHECK_MACRO
  )
  # While the major version is 0, a minor one may change the interface.
  set(compatibility SameMajorVersion)
  if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatibility SameMinorVersion)
  endif()
  write_basic_package_version_file(
    "${folder}/switchyardConfigVersion.cmake" COMPATIBILITY ${compatibility}
  )
  install(
    FILES "${folder}/switchyardConfig.cmake" "${folder}/switchyardConfigVersion.cmake"
          "${PROJECT_SOURCE_DIR}/cmake/SwitchyardDependencies.cmake"
    DESTINATION "${package_directory}"
    COMPONENT backend
  )

  # For build systems that ask pkg-config.
  cmake_path(
    RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY
    "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" OUTPUT_VARIABLE up
  )
  set(kleidiai)
  if(TARGET KleidiAI::KleidiAI)
    string(CONCAT kleidiai " -Wl,--exclude-libs,libkleidiai.a"
                  " -Wl,--whole-archive,-l:libkleidiai.a,--no-whole-archive"
    )
  endif()
  foreach(name IN ITEMS switchyard switchyard-static)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in" "${folder}/${name}.pc" @ONLY)
    install(
      FILES "${folder}/${name}.pc"
      DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
      COMPONENT backend
    )
  endforeach()
  install(
    FILES "${PROJECT_SOURCE_DIR}/LICENSE"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/switchyard"
    COMPONENT backend
  )
endfunction()
