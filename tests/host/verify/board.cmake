# SPDX-License-Identifier: Apache-2.0
# Answers of boards, and boards that are shells on this machine.
openhb_test(NAME verify_answer_test
            SOURCES host/verify/board/answer_test.cc host/verify/board/probe_test.cc host/verify/board/dump_stream_test.cc
            LIBRARIES openhb::verify LABELS fast bad_input)
openhb_test(NAME verify_board_test
            SOURCES host/verify/board/board_test.cc host/verify/board/board_fault_test.cc host/verify/board/local_board.cc
                    host/verify/local_connection.cc
            LIBRARIES openhb::verify openhb_samples)
add_dependencies(verify_board_test hrt_model_exec plugin_example)
target_compile_definitions(verify_board_test PRIVATE OPENHB_VERSION="${PROJECT_VERSION}"
                           OPENHB_HRT_MODEL_EXEC="$<TARGET_FILE:hrt_model_exec>"
                           OPENHB_HARD_MISH="$<TARGET_FILE:plugin_example>")
# Over SSH, in e2e/check_board_class.py. What only a machine with a kernel of its own shows runs on that, too.
add_executable(board_client host/verify/board_client.cc)
target_link_libraries(board_client PRIVATE openhb::verify CLI11::CLI11 nlohmann_json::nlohmann_json)
openhb_precompile(program board_client)
set(parts_userland results,pushed,storage,programs,connections)
set(parts_machine results,pushed,programs)
foreach(kind userland machine)
  add_test(NAME e2e_board_class_${kind}
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_board_class.py ${kind} --parts ${parts_${kind}} --client $<TARGET_FILE:board_client>
            --hb-mapper $<TARGET_FILE:hb_mapper> --hrt $<TARGET_FILE:hrt_model_exec>
            --hrt-aarch64 ${PROJECT_SOURCE_DIR}/build/aarch64/device/tools/hrt_model_exec --work ${CMAKE_CURRENT_BINARY_DIR}/board_class)
  set_tests_properties(e2e_board_class_${kind} PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 900)
endforeach()
