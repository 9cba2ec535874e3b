# SPDX-License-Identifier: Apache-2.0
# Programs for scripts/bench; none is a timed test.
add_library(openhb_bench STATIC bench/layers.cc device/kernels/conv_case.cc)
target_link_libraries(openhb_bench PUBLIC openhb::engine)
add_executable(step_marks bench/a55/step_marks.cc)
target_link_libraries(step_marks PRIVATE openhb_bench)
