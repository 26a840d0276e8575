# How every target of ours is compiled and linked, and the helpers that define one.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_SKIP_RPATH ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()

# What ccache must be told about precompiled headers to keep anything.
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

# The standard headers that nearly every source includes, parsed once for all libraries and once for all
# tests. Sources include what they use all the same; for headers tests/tidy sees to that.
set(ALAI_COMMON_HEADERS
  <algorithm> <array> <atomic> <chrono> <cstdint> <cstring> <deque> <functional> <map> <memory> <mutex>
  <optional> <set> <span> <string> <string_view> <thread> <utility> <vector> <absl/status/status.h>)
# Presets that compile everything at once take so many sources together.
set(CMAKE_UNITY_BUILD_BATCH_SIZE 12)

# Targets with the property ALAI_TEST are compiled about as often as they are run, so quickly: without
# optimisation, and without UndefinedBehaviorSanitizer, which looks at what they test.
set(is_test $<BOOL:$<TARGET_PROPERTY:ALAI_TEST>>)
add_library(alai_flags INTERFACE)
target_include_directories(alai_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(alai_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Wno-unused-parameter
  -fno-omit-frame-pointer
  $<$<AND:$<CONFIG:Debug>,${is_test}>:-O0>
  # Clang has sized deallocation, which engine/base/memory.h calls, only when asked for it.
  $<$<CXX_COMPILER_ID:Clang>:-fsized-deallocation>)
target_compile_definitions(alai_flags INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(alai_flags INTERFACE -msse4.2)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # gcc 12 sees overlapping and overlong copies in sound concatenations of strings (its bugs 105651 and
  # 105329), the more when the string's header is precompiled.
  target_compile_options(alai_flags INTERFACE
    -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(ALAI_WERROR)
  target_compile_options(alai_flags INTERFACE -Werror)
endif()
if(ALAI_SANITIZE)
  target_compile_options(alai_flags INTERFACE
    -fsanitize=${ALAI_SANITIZE} -fno-sanitize-recover=all
    $<${is_test}:-fno-sanitize=undefined>)
  target_link_options(alai_flags INTERFACE -fsanitize=${ALAI_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Instrumented code hides from gcc what is initialised, in the standard library's headers too.
    target_compile_options(alai_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(ALAI_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "ALAI_FUZZ needs clang: use `cmake --preset fuzz`")
  endif()
  target_compile_options(alai_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Link-time optimisation for what is shipped, with gcc.
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
   AND NOT ALAI_SANITIZE)
  set(ALAI_LTO ON)
  target_compile_options(alai_flags INTERFACE -flto=auto)
  target_link_options(alai_flags INTERFACE -flto=auto)
else()
  set(ALAI_LTO OFF)
endif()

# mold links in a tenth of the time; gcc's plugin for link-time optimisation keeps the usual linker.
find_program(MOLD mold)
if(MOLD AND NOT ALAI_LTO)
  target_link_options(alai_flags INTERFACE -fuse-ld=mold)
endif()

# alai_library(name [DEPS target...] [EXCLUDE regex...]): a static library of every source below the
# calling folder, except those that match a regex.
function(alai_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS
       ${CMAKE_CURRENT_SOURCE_DIR}/*.h ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARG_DEPS})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  if(name STREQUAL "alai_base")
    target_precompile_headers(${name} PRIVATE ${ALAI_COMMON_HEADERS})
  else()
    target_precompile_headers(${name} REUSE_FROM alai_base)
  endif()
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE $<BUILD_INTERFACE:alai_flags>)
endfunction()

# alai_program(name SOURCES file... [DEPS target...]): an executable with our flags and allocator.
function(alai_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} alai_malloc alai_flags)
endfunction()
