# SPDX-License-Identifier: Apache-2.0
# The official cases that passed natively (preset release records them), bit for bit on this architecture.
add_executable(conformance_replay conformance/replay.cc)
target_link_libraries(conformance_replay PRIVATE openhb::engine)
openhb_precompile(program conformance_replay)
if(CMAKE_CROSSCOMPILING)
  add_test(NAME conformance_replay COMMAND conformance_replay ${PROJECT_SOURCE_DIR}/build/release/conformance)
  set_tests_properties(conformance_replay PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
endif()
