# Compiler, linker and output settings for the whole tree.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(SWARM_PLUGIN_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
set(SWARM_TEST_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

find_program(SWARM_CCACHE ccache)
if(SWARM_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true
      CCACHE_SLOPPINESS=pch_defines,time_macros ${SWARM_CCACHE})
endif()

find_program(SWARM_MOLD mold)
if(SWARM_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# -g1 keeps line numbers in stack traces; full debug information triples the build.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

# Boost 1.74's Asio uses std::exchange without including <utility> in C++20 mode.
add_compile_options(-include utility)

if(SWARM_SANITIZE)
  add_compile_options(-fsanitize=${SWARM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SWARM_SANITIZE})
  add_compile_definitions(SWARM_SANITIZE="${SWARM_SANITIZE}")
endif()

# Warnings for our own code; generated code gets none of them.
add_library(swarm_warnings INTERFACE)
target_compile_options(swarm_warnings INTERFACE -Wall -Wextra -Wpedantic
  $<$<BOOL:${SWARM_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
if(SWARM_SANITIZE MATCHES "thread")
  # ThreadSanitizer does not know fences; Asio's locks order its handlers without them.
  add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns about the insides of its own std::string when optimising or instrumenting.
  target_compile_options(swarm_warnings INTERFACE -Wno-maybe-uninitialized -Wno-restrict)
endif()
