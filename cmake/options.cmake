# SPDX-License-Identifier: Apache-2.0
# openhb::options: how all of our own code is compiled.
set(OPENHB_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined")

add_library(openhb_options INTERFACE)
add_library(openhb::options ALIAS openhb_options)
target_include_directories(openhb_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(openhb_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Werror -ffp-contract=off -fno-math-errno
  -ffunction-sections -fdata-sections)
target_link_options(openhb_options INTERFACE -Wl,--gc-sections)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 reports these inside its own std::string and std::vector at -O3, without cause (PR 105329, 105651),
  # and reads by copy_few() that do not happen.
  target_compile_options(openhb_options INTERFACE -Wno-restrict -Wno-free-nonheap-object -Wno-array-bounds
                                                  -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_link_options(openhb_options INTERFACE -fuse-ld=lld)
endif()
if(CMAKE_CROSSCOMPILING)
  # Header-only libraries (fmt, FlatBuffers, stb, CLI11, nlohmann-json, xxhash) are the same files for every
  # architecture and lie in the build machine's /usr/include, which must come after the target's own headers.
  target_compile_options(openhb_options INTERFACE "SHELL:-idirafter /usr/include")
endif()
if(OPENHB_SANITIZE)
  target_compile_options(openhb_options INTERFACE -fsanitize=${OPENHB_SANITIZE} -fno-sanitize-recover=all
                                                  -fno-omit-frame-pointer)
  target_link_options(openhb_options INTERFACE -fsanitize=${OPENHB_SANITIZE})
endif()
