# The libraries that Alai stands on, all packaged by Debian 12 and Ubuntu 24.04. `dev` installs them.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.81 REQUIRED CONFIG)  # headers only: Asio
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)  # headers only: XXH_INLINE_ALL
find_library(LZF_LIBRARY NAMES lzf REQUIRED)
find_package(absl REQUIRED CONFIG)
find_path(PQXX_INCLUDE_DIR pqxx/pqxx REQUIRED)
find_library(PQXX_LIBRARY NAMES pqxx REQUIRED)
find_path(PQ_INCLUDE_DIR libpq-fe.h PATH_SUFFIXES postgresql REQUIRED)
find_library(PQ_LIBRARY NAMES pq REQUIRED)

# The allocator of every program of ours, with its settings. The engine's library leaves the choice to
# who links it; a sanitizer brings an allocator of its own.
add_library(alai_malloc INTERFACE)
if(NOT ALAI_SANITIZE)
  find_library(JEMALLOC_LIBRARY NAMES libjemalloc.a REQUIRED)
  target_link_libraries(alai_malloc INTERFACE ${JEMALLOC_LIBRARY} ${CMAKE_DL_LIBS})
  target_sources(alai_malloc INTERFACE ${PROJECT_SOURCE_DIR}/server/malloc_conf.cc)
endif()

# What only developers need. A build without these has no tests or benchmarks.
find_package(Catch2 QUIET)
find_package(benchmark QUIET)
# The distribution's own Python: the client libraries that tests use are packages of it.
find_program(PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(NOT Catch2_FOUND OR NOT PYTHON)
  message(STATUS "No tests: they need Catch2 and Python 3")
  set(ALAI_TESTS OFF)
endif()
if(NOT benchmark_FOUND)
  message(STATUS "No benchmarks: they need Google Benchmark")
  set(ALAI_BENCH OFF)
endif()
