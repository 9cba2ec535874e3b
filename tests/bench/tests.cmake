# SPDX-License-Identifier: Apache-2.0
# Programs for scripts/bench. None is a timed test.
add_library(openhb_bench STATIC bench/describe.cc bench/layers.cc device/engine/sample_programs.cc
                                 device/kernels/conv_case.cc)
target_link_libraries(openhb_bench PUBLIC openhb::engine)
add_executable(step_marks bench/a55/step_marks.cc)
target_link_libraries(step_marks PRIVATE openhb_bench)
add_executable(engine_worker bench/engine_worker.cc)
target_link_libraries(engine_worker PRIVATE openhb_bench)
if(OPENHB_HOST)
  add_executable(float_bin bench/float_bin.cc)
  target_link_libraries(float_bin PRIVATE openhb::compiler)
endif()
find_package(benchmark QUIET)
if(benchmark_FOUND AND NOT CMAKE_CROSSCOMPILING)
  add_executable(kernel_bench bench/kernel_bench.cc bench/peak.cc)
  target_link_libraries(kernel_bench PRIVATE openhb_bench benchmark::benchmark)
endif()
if(OPENHB_HOST)
  add_test(NAME bench_smoke
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/bench/bench_test.py ${PROJECT_BINARY_DIR})
  set_tests_properties(bench_smoke PROPERTIES LABELS e2e TIMEOUT 600)
endif()
