# How a room, a program and a test are built. A folder is a room, so a room's sources are its folder.
include_guard(GLOBAL)

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(doctest REQUIRED)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(lmdb REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(fuse3 REQUIRED IMPORTED_TARGET fuse3)

add_library(swarmfs_flags INTERFACE)
target_include_directories(swarmfs_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(swarmfs_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fno-strict-aliasing)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees ghosts inside coroutine frames and inlined std::vector (GCC bugs 105562, 107852).
  target_compile_options(swarmfs_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-restrict -Wno-dangling-pointer)
endif()
target_compile_definitions(swarmfs_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_BEAST_SEPARATE_COMPILATION
  $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)

# What one checkout compiled serves another: paths below the checkout do not count, neither in the key nor in the object.
target_compile_options(swarmfs_flags INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
find_program(SWARMFS_CCACHE ccache)
if(SWARMFS_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros ${SWARMFS_CCACHE})
endif()
find_program(SWARMFS_LLD ld.lld)
if(SWARMFS_LLD)
  add_link_options(-fuse-ld=lld)
endif()

# Precompiled headers, where measuring shows a gain: tests (10 to 30 % of a file's time) and the command line (20 %).
# The rooms have none: theirs is spent on optimizing, and the larger state cost as much as the parsing it saved.
# Only with -DSWARMFS_PCH=ON and GCC; nothing may need them, because sources include what they use.
# <filesystem> is not among them: its std::quoted would overload a test's own by argument-dependent lookup.
set(SWARMFS_COMMON_HEADERS
  <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <deque> <fstream> <functional> <map> <memory>
  <mutex> <optional> <set> <span> <string> <string_view> <thread> <unordered_map> <variant> <vector>)

# precompile(KIND header...): the headers that targets ask for with use_precompiled(TARGET KIND).
function(precompile KIND)
  if(NOT SWARMFS_PCH OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  set(source ${CMAKE_BINARY_DIR}/precompiled/${KIND}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Carries the precompiled headers of ${KIND}.\n")
  add_library(swarmfs_pch_${KIND} OBJECT ${source})
  target_link_libraries(swarmfs_pch_${KIND} PRIVATE swarmfs_flags)
  target_compile_options(swarmfs_pch_${KIND} PRIVATE -fpch-preprocess)
  target_precompile_headers(swarmfs_pch_${KIND} PRIVATE ${ARGN})
endfunction()

function(use_precompiled TARGET KIND)
  if(TARGET swarmfs_pch_${KIND})
    target_compile_options(${TARGET} PRIVATE -fpch-preprocess)  # ccache asks for it
    target_precompile_headers(${TARGET} REUSE_FROM swarmfs_pch_${KIND})
  endif()
endfunction()

precompile(test ${SWARMFS_COMMON_HEADERS} <doctest/doctest.h>)
precompile(program ${SWARMFS_COMMON_HEADERS} <nlohmann/json.hpp> <CLI/CLI.hpp>)

# Sources of one folder, five to a compilation: what they include is read once, which saves two fifths of the time. Names
# of their own (in an unnamed namespace) must therefore differ within a folder, or a source is named in APART. That each
# source includes what it uses is seen where they are compiled one by one: -DSWARMFS_UNITY=OFF, which edits are made with.
function(compile_together TARGET)
  if(NOT SWARMFS_UNITY)
    return()
  endif()
  set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${TARGET} PRIVATE -Wno-subobject-linkage)  # an unnamed namespace looks shared to it
  endif()
endfunction()

# swarmfs_room(NAME USES room... LIBRARIES target... APART source...)
# The library swarmfs_NAME from every .cpp in this folder; it links what the room table lets it use.
function(swarmfs_room NAME)
  cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES;APART" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(TRANSFORM ROOM_USES PREPEND swarmfs_)
  add_library(swarmfs_${NAME} STATIC ${sources})
  target_link_libraries(swarmfs_${NAME} PUBLIC swarmfs_flags ${ROOM_USES} ${ROOM_LIBRARIES})
  compile_together(swarmfs_${NAME} ${ROOM_APART})
endfunction()

# swarmfs_test(NAME USES room... LIBRARIES target... APART source... LABELS label... TIMEOUT seconds)
# The program test_NAME from every .cpp in this folder, as one ctest of that name.
function(swarmfs_test NAME)
  cmake_parse_arguments(TEST "" "TIMEOUT" "USES;LIBRARIES;LABELS;APART" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    math(EXPR TEST_TIMEOUT "4 * ${TEST_TIMEOUT}")  # it ends what hangs, and judges no speed
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(TRANSFORM TEST_USES PREPEND swarmfs_)
  add_executable(test_${NAME} ${sources})
  target_link_libraries(test_${NAME} PRIVATE swarmfs_test_support ${TEST_USES} ${TEST_LIBRARIES})
  use_precompiled(test_${NAME} test)
  compile_together(test_${NAME} ${TEST_APART})
  # Tests are half of what sanitizers and coverage compile. Without the optimizer that half takes 40 % less time; what
  # they test keeps it.
  target_compile_options(test_${NAME} PRIVATE $<$<CONFIG:Debug>:-O0>)
  # Where races are looked for, cases of the suite "single-threaded" would only take minutes: there are none in them.
  set(options "")
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=thread")
    set(options --test-suite-exclude=single-threaded)
  endif()
  add_test(NAME ${NAME} COMMAND test_${NAME} ${options} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${NAME} PROPERTIES LABELS "${TEST_LABELS}" TIMEOUT ${TEST_TIMEOUT})
endfunction()
