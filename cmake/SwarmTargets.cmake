# swarm_add_library(<name> SOURCES ... LINK ...)     a static library of our own code
# swarm_add_plugin(<name> SOURCES ... LINK ...)      <name>_lib (the logic) and the module libswarm_<id>.so
# swarm_add_test(<name> SOURCES ... LINK ... LABEL unit|conformance|loader|simulation|integration|interop|fuzz [TSAN])
#   unit and simulation also run under ASan+UBSan; TSAN marks what also runs under ThreadSanitizer
# In a plugin's name `-` is allowed; in its id it becomes `_`.

function(swarm_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
  target_link_libraries(${name} PUBLIC swarm::core ${ARG_LINK} PRIVATE swarm_warnings)
endfunction()

function(swarm_add_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  string(REPLACE "-" "_" id ${name})
  # A plugin of one file has no logic to link apart from its descriptor.
  set(visibility INTERFACE)
  if(ARG_SOURCES)
    set(visibility PUBLIC)
    add_library(${id}_lib STATIC ${ARG_SOURCES})
    target_link_libraries(${id}_lib PRIVATE swarm_warnings)
    swarm_plugin_properties(${id}_lib)
  else()
    add_library(${id}_lib INTERFACE)
  endif()
  target_include_directories(${id}_lib ${visibility} ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(${id}_lib ${visibility} swarm::core ${ARG_LINK})

  # The descriptor alone, so that a simulation can link many plugins into one program.
  add_library(${id}_descriptor OBJECT plugin.cpp)
  target_link_libraries(${id}_descriptor PUBLIC ${id}_lib PRIVATE swarm_warnings)
  swarm_plugin_properties(${id}_descriptor)

  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/exports.map "{ global: swarm_plugin_${id}; local: *; };\n")
  add_library(swarm_${id} MODULE $<TARGET_OBJECTS:${id}_descriptor>)
  target_link_libraries(swarm_${id} PRIVATE ${id}_lib swarm_warnings)
  target_link_options(swarm_${id} PRIVATE -Wl,-z,nodelete
    -Wl,--version-script=${CMAKE_CURRENT_BINARY_DIR}/exports.map)
  if(NOT SWARM_SANITIZE)
    target_link_options(swarm_${id} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(swarm_${id} PROPERTIES
    LINKER_LANGUAGE CXX
    LIBRARY_OUTPUT_DIRECTORY ${SWARM_PLUGIN_OUTPUT_DIRECTORY}
    INSTALL_RPATH "$ORIGIN/../..")
  install(TARGETS swarm_${id} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/swarmd/plugins)
  set_property(GLOBAL APPEND PROPERTY SWARM_PLUGINS swarm_${id})
endfunction()

# What code in a plugin is compiled with, also where the project around it sets nothing.
function(swarm_plugin_properties target)
  set_target_properties(${target} PROPERTIES
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

function(swarm_add_test name)
  if(NOT SWARM_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "NO_MAIN;TSAN" "LABEL;TIMEOUT" "SOURCES;LINK;ENVIRONMENT" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} swarm::core GTest::gtest GTest::gmock swarm_warnings)
  if(NOT ARG_NO_MAIN)
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${SWARM_TEST_OUTPUT_DIRECTORY})
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  set(labels ${ARG_LABEL})
  if(ARG_LABEL MATCHES "^(unit|simulation|conformance|fuzz)$")
    list(APPEND labels asan)
    set_property(GLOBAL APPEND PROPERTY SWARM_ASAN_SUITES ${name})
  endif()
  if(ARG_TSAN)
    list(APPEND labels tsan)
    set_property(GLOBAL APPEND PROPERTY SWARM_TSAN_SUITES ${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "SWARM_BUILD_DIR=${CMAKE_BINARY_DIR};SWARM_SOURCE_DIR=${CMAKE_SOURCE_DIR};${ARG_ENVIRONMENT}")
endfunction()

# Targets that build just what a sanitizer's run needs.
function(swarm_add_suite_targets)
  foreach(kind asan tsan)
    string(TOUPPER ${kind} upper)
    get_property(suites GLOBAL PROPERTY SWARM_${upper}_SUITES)
    add_custom_target(${kind}_suites)
    if(suites)
      add_dependencies(${kind}_suites ${suites})
    endif()
  endforeach()
endfunction()
