# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME device_engine_test
  SOURCES device/engine/session_test.cc device/engine/chain_test.cc device/engine/fusion_test.cc device/engine/tensor_io_test.cc device/engine/hostile_program_test.cc
  LIBRARIES openhb_samples LABELS fast bad_input)
openhb_test(NAME device_model_exec_test
  SOURCES device/tools/model_exec_test.cc device/tools/options_test.cc device/tools/perf_test.cc
  LIBRARIES openhb_model_exec openhb_samples LABELS fast)
# The program itself is started by hand-written command lines: its exit status and what it says on stderr.
if(NOT CMAKE_CROSSCOMPILING)
  add_test(NAME device_model_exec_status
    COMMAND ${PROJECT_SOURCE_DIR}/tests/device/tools/exit_status.sh $<TARGET_FILE:hrt_model_exec>
            $<TARGET_FILE:hrt_bin_dump>)
endif()
