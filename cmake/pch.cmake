# SPDX-License-Identifier: Apache-2.0
# Precompiled headers: two thirds of a cold build's time went into reading the same headers again. Sources still include
# what they use; a build with OPENHB_PCH off proves it.
option(OPENHB_PCH "Precompile the headers that most sources include" ON)

set(OPENHB_PCH_library
  <algorithm> <array> <atomic> <bit> <charconv> <chrono> <cmath> <condition_variable> <cstdint> <cstdio> <cstring> <filesystem>
  <fstream> <functional> <limits> <map> <memory> <mutex> <numeric> <optional> <random> <set> <span> <sstream> <string>
  <string_view> <thread> <tuple> <unordered_map> <unordered_set> <utility> <variant> <vector>
  <fmt/format.h> <nlohmann/json.hpp>
  "${PROJECT_SOURCE_DIR}/common/error.h" "${PROJECT_SOURCE_DIR}/common/tensor.h"
  "${PROJECT_SOURCE_DIR}/common/program/program.h" "${PROJECT_SOURCE_DIR}/device/kernels/kernel.h")
set(OPENHB_PCH_program ${OPENHB_PCH_library})
set(OPENHB_PCH_test <gtest/gtest.h> ${OPENHB_PCH_library})
if(OPENHB_HOST)
  list(APPEND OPENHB_PCH_library "${PROJECT_SOURCE_DIR}/host/graph/graph.h")
  list(APPEND OPENHB_PCH_test "${PROJECT_SOURCE_DIR}/host/graph/graph.h")
  list(APPEND OPENHB_PCH_program <CLI/CLI.hpp>)
endif()

# CMake calls the collection a system header, and with it all that it names: our own would be compiled without warnings.
set(CMAKE_PCH_PROLOGUE "")

# Gives the targets, which are compiled alike, the headers of `kind`: library, program or test. The first target of a kind
# makes them, so it should have no definitions of its own. Not for sources of the ISA table: they keep to few headers.
function(openhb_precompile kind)
  if(NOT OPENHB_PCH)
    return()
  endif()
  foreach(target IN LISTS ARGN)
    get_property(owner GLOBAL PROPERTY OPENHB_PCH_OWNER_${kind})
    if(owner)
      target_precompile_headers(${target} REUSE_FROM ${owner})
    else()
      target_precompile_headers(${target} PRIVATE ${OPENHB_PCH_${kind}})
      set_property(GLOBAL PROPERTY OPENHB_PCH_OWNER_${kind} ${target})
    endif()
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)  # without it ccache would never find anything again
      target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
    endif()
  endforeach()
endfunction()
