# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets. Coverage feedback needs our libraries instrumented, errors are seen by the sanitizers.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang OR NOT OPENHB_SANITIZE MATCHES address)
  message(FATAL_ERROR "OPENHB_FUZZ needs Clang and OPENHB_SANITIZE=address,undefined (preset asan)")
endif()
foreach(library openhb_common openhb_engine)
  target_compile_options(${library} PRIVATE -fsanitize=fuzzer-no-link)
endforeach()

add_executable(program_fuzzer fuzz/program_fuzzer.cc device/engine/sample_programs.cc)
target_compile_options(program_fuzzer PRIVATE -fsanitize=fuzzer)
target_link_options(program_fuzzer PRIVATE -fsanitize=fuzzer)
target_link_libraries(program_fuzzer PRIVATE openhb::engine)
# Starts from the samples that the mutator makes; -timeout finds steps whose work their cost does not tell.
add_test(NAME program_fuzzer COMMAND program_fuzzer -max_total_time=30 -timeout=20 -max_len=65536 -seed=1
         WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
set_tests_properties(program_fuzzer PROPERTIES LABELS fuzz TIMEOUT 300)
