# SPDX-License-Identifier: Apache-2.0
# aarch64 for boards with glibc 2.31 or newer, linked dynamically: Clang 19 and the tree that scripts/sysroot makes (glibc
# of Debian 11, static libstdc++ of GCC 12). libstdc++ and libgcc become part of each binary: a board's own are older.
# Set OPENHB_SYSROOT (cache or environment) for a tree elsewhere.
if(NOT OPENHB_SYSROOT)
  set(OPENHB_SYSROOT "$ENV{OPENHB_SYSROOT}")
endif()
if(NOT OPENHB_SYSROOT)
  get_filename_component(OPENHB_SYSROOT "${CMAKE_CURRENT_LIST_DIR}/../build/sysroot/dev" ABSOLUTE)
endif()
if(NOT EXISTS "${OPENHB_SYSROOT}/usr/include/stdio.h")
  message(FATAL_ERROR "No board sysroot in ${OPENHB_SYSROOT}: run scripts/sysroot first, or set OPENHB_SYSROOT")
endif()
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES OPENHB_SYSROOT)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_SYSROOT "${OPENHB_SYSROOT}")
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_AR /usr/bin/llvm-ar-19)
set(CMAKE_RANLIB /usr/bin/llvm-ranlib-19)
set(CMAKE_STRIP /usr/bin/llvm-strip-19)
foreach(kind EXE SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT "-fuse-ld=lld -static-libgcc")
endforeach()
# libstdc++ of GCC 12 expects the functions of threads in libc, where newer glibcs have them.
set(CMAKE_CXX_STANDARD_LIBRARIES_INIT "-lpthread")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L "${OPENHB_SYSROOT}")
