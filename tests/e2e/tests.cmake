# SPDX-License-Identifier: Apache-2.0
# Whole networks. Those of ../shared beside the project's root are skipped where the folder is absent; the project's
# own example always runs. The aarch64 side uses the binary of preset aarch64 when it has been built.
set(e2e_options
  --hb-mapper $<TARGET_FILE:hb_mapper> --hrt $<TARGET_FILE:hrt_model_exec>
  --hrt-aarch64 ${PROJECT_SOURCE_DIR}/build/aarch64/device/tools/hrt_model_exec
  --node-modules ${PROJECT_SOURCE_DIR}/node_modules --work ${CMAKE_CURRENT_BINARY_DIR}/e2e)
foreach(network mobilenetv2_imagenet yolox_nano fastestdet ultraface_rfb320 road_segmentation_adas_0001 super_resolution
                hand_landmark)
  add_test(NAME e2e_${network}
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_network.py ${network} ${e2e_options}
            --shared ${PROJECT_SOURCE_DIR}/../shared)
  set_tests_properties(e2e_${network} PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 1200)
endforeach()
add_test(NAME e2e_traffic_signs
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_network.py traffic_signs ${e2e_options}
          --shared ${PROJECT_SOURCE_DIR}/../shared)
set_tests_properties(e2e_traffic_signs PROPERTIES LABELS e2e TIMEOUT 600)

# Every network of ../shared/models: float against stock ONNX Runtime, then converted and run.
add_executable(float_program e2e/float_program.cc)
target_link_libraries(float_program PRIVATE openhb::compiler)
openhb_precompile(program float_program)
set(float_networks mobilenetv2_imagenet yolox_nano fastestdet ultraface_rfb320 ultraface_rfb320_caffe road_segmentation_adas_0001
    twinlitenet lstr_lane vit_tracker ppocr_v3_det ppocr_en_rec super_resolution silero_vad_16k gtcrn_denoise
    hand_landmark xfeat_256 xfeat_interpolator wechat_qr_detect_caffe)
foreach(network ${float_networks})
  add_test(NAME float_${network}
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_float.py ${network} --shared ${PROJECT_SOURCE_DIR}/../shared
            --work ${CMAKE_CURRENT_BINARY_DIR}/float --node-modules ${PROJECT_SOURCE_DIR}/node_modules
            --float-program $<TARGET_FILE:float_program> --hb-mapper $<TARGET_FILE:hb_mapper> --hrt $<TARGET_FILE:hrt_model_exec>)
  set_tests_properties(float_${network} PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 600 FIXTURES_SETUP converted_networks)
endforeach()
add_test(NAME operators_onnxruntime
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_operators.py --work ${CMAKE_CURRENT_BINARY_DIR}/operators
          --node-modules ${PROJECT_SOURCE_DIR}/node_modules --float-program $<TARGET_FILE:float_program>)
set_tests_properties(operators_onnxruntime PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 600)
add_test(NAME e2e_calibration
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_calibration.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --work ${CMAKE_CURRENT_BINARY_DIR}/calibration)
set_tests_properties(e2e_calibration PROPERTIES LABELS e2e TIMEOUT 600)
add_test(NAME e2e_inputs
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_inputs.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --hrt $<TARGET_FILE:hrt_model_exec> --node-modules ${PROJECT_SOURCE_DIR}/node_modules
          --work ${CMAKE_CURRENT_BINARY_DIR}/inputs)
set_tests_properties(e2e_inputs PROPERTIES LABELS e2e TIMEOUT 600)

# Levels, the compile cache, dumped layers.
add_test(NAME e2e_compile
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_compile.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --hrt $<TARGET_FILE:hrt_model_exec> --work ${CMAKE_CURRENT_BINARY_DIR}/e2e)
set_tests_properties(e2e_compile PROPERTIES LABELS e2e TIMEOUT 300)
# The HTML report of a conversion, in headless Chromium.
add_test(NAME report_browser
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_report.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --work ${CMAKE_CURRENT_BINARY_DIR}/report)
set_tests_properties(report_browser PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 300)
# hb_verifier --stages on a good and on a bad conversion; the page of a verification.
add_test(NAME e2e_verify_stages
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_verify_stages.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --hb-verifier $<TARGET_FILE:hb_verifier> --work ${CMAKE_CURRENT_BINARY_DIR}/e2e_verify_stages)
set_tests_properties(e2e_verify_stages PROPERTIES LABELS e2e TIMEOUT 300)
add_test(NAME verification_page_browser
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_verification_page.py
          --example $<TARGET_FILE:verification_page_example> --work ${CMAKE_CURRENT_BINARY_DIR}/verification_page)
set_tests_properties(verification_page_browser PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 300)
# Stages one at a time, edits between them, and artefacts that survive whatever ends a run.
foreach(part stages artefacts)
  add_test(NAME e2e_${part}
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_${part}.py --hb-mapper $<TARGET_FILE:hb_mapper>
            --work ${CMAKE_CURRENT_BINARY_DIR}/e2e_${part})
  set_tests_properties(e2e_${part} PROPERTIES LABELS e2e TIMEOUT 300)
endforeach()
add_test(NAME e2e_infer
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_infer.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --hrt $<TARGET_FILE:hrt_model_exec> --node-modules ${PROJECT_SOURCE_DIR}/node_modules
          --work ${CMAKE_CURRENT_BINARY_DIR}/infer)
set_tests_properties(e2e_infer PROPERTIES LABELS e2e TIMEOUT 600)
if(TARGET c_quick_start)
  add_test(NAME e2e_examples
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_examples.py --hb-mapper $<TARGET_FILE:hb_mapper>
            --hrt $<TARGET_FILE:hrt_model_exec> --examples ${PROJECT_BINARY_DIR}/examples
            --work ${CMAKE_CURRENT_BINARY_DIR}/examples --shared ${PROJECT_SOURCE_DIR}/../shared)
  set_tests_properties(e2e_examples PROPERTIES LABELS e2e TIMEOUT 600)
endif()
# The example of a custom operator; aarch64 as above.
add_test(NAME e2e_custom_op
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_custom_op.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --hrt $<TARGET_FILE:hrt_model_exec> --runner $<TARGET_FILE:run_program>
          --runner-aarch64 ${PROJECT_SOURCE_DIR}/build/aarch64/tests/device/plugin/dynamic/run_program
          --hrt-aarch64 ${PROJECT_SOURCE_DIR}/build/aarch64/device/tools/hrt_model_exec --compiler ${CMAKE_C_COMPILER}
          --work ${CMAKE_CURRENT_BINARY_DIR}/custom_op)
set_tests_properties(e2e_custom_op PROPERTIES LABELS e2e TIMEOUT 300)
# hrt_bin_dump, dumps' names, environment variables, Ctrl-C.
add_executable(dnn_client ${CMAKE_CURRENT_SOURCE_DIR}/device/tools/client.c)
target_link_libraries(dnn_client PRIVATE dnn openhb::options)
add_test(NAME e2e_tools
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_tools.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --hrt $<TARGET_FILE:hrt_model_exec> --bin-dump $<TARGET_FILE:hrt_bin_dump> --client $<TARGET_FILE:dnn_client>
          --work ${CMAKE_CURRENT_BINARY_DIR}/tools)
set_tests_properties(e2e_tools PROPERTIES LABELS e2e TIMEOUT 300)
add_test(NAME e2e_vec_diff
  COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_vec_diff.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --hrt $<TARGET_FILE:hrt_model_exec> --bin-dump $<TARGET_FILE:hrt_bin_dump> --vec-diff $<TARGET_FILE:vec_diff>
          --work ${CMAKE_CURRENT_BINARY_DIR}/vec_diff)
set_tests_properties(e2e_vec_diff PROPERTIES LABELS e2e TIMEOUT 300)

# Connections over SSH, against OpenSSH on a virtual board.
set(ssh_check /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_ssh.py --client $<TARGET_FILE:ssh_client>
    --work ${CMAKE_CURRENT_BINARY_DIR})
add_test(NAME e2e_ssh COMMAND ${ssh_check}/ssh logins usual_keys agents prompts host_keys commands transfers held dropbear interrupts)
add_test(NAME e2e_ssh_faults COMMAND ${ssh_check}/ssh_faults unreachable strange_servers lost frozen server_dies)
set_tests_properties(e2e_ssh e2e_ssh_faults PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 900)

# hb_verifier and hb_model_verifier; the parts with a board are left out where no virtual one can be made.
set(board_runtime ${PROJECT_SOURCE_DIR}/build/aarch64/device/tools/hrt_model_exec)
add_test(NAME e2e_verifier
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_verifier.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --hb-verifier $<TARGET_FILE:hb_verifier> --hb-model-verifier $<TARGET_FILE:hb_model_verifier>
          --runtime ${board_runtime} --work ${CMAKE_CURRENT_BINARY_DIR}/verifier)
set_tests_properties(e2e_verifier PROPERTIES LABELS e2e TIMEOUT 900)
# All networks on the userland board, two on the machine with its own kernel. They need the conversions of the tests
# float_<network>.
set(verifier_networks --hb-verifier $<TARGET_FILE:hb_verifier> --runtime ${board_runtime} --conversions ${CMAKE_CURRENT_BINARY_DIR}/float
    --work ${CMAKE_CURRENT_BINARY_DIR}/verifier_networks)
add_test(NAME e2e_verifier_networks
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_verifier_networks.py ${verifier_networks} ${float_networks})
add_test(NAME e2e_verifier_machine
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_verifier_networks.py ${verifier_networks} --kind machine
          mobilenetv2_imagenet hand_landmark ultraface_rfb320_caffe)
set_tests_properties(e2e_verifier_networks e2e_verifier_machine PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 1800
                     FIXTURES_REQUIRED converted_networks)
# An operator of one's own on all sides. The board's program must be linked dynamically.
add_test(NAME e2e_verifier_plugins
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_verifier_plugins.py --hb-mapper $<TARGET_FILE:hb_mapper>
          --hb-verifier $<TARGET_FILE:hb_verifier> --hrt-static ${board_runtime} --compiler ${CMAKE_C_COMPILER}
          --hrt-board ${PROJECT_SOURCE_DIR}/build/aarch64-board/device/tools/hrt_model_exec --work ${CMAKE_CURRENT_BINARY_DIR}/verifier_plugins)
set_tests_properties(e2e_verifier_plugins PROPERTIES LABELS e2e TIMEOUT 600)
# What can go wrong between hb_verifier and a board: network, login, disk, programs; in four tests that run side by side.
set(faults_connection connection,unsuitable,power_cut,changed_key,none,storage)
set(faults_upload upload,dropbear)
set(faults_run run)
set(faults_machine machine)
foreach(part connection upload run machine)
  add_test(NAME e2e_verifier_faults_${part}
    COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/e2e/check_verifier_faults.py --hb-mapper $<TARGET_FILE:hb_mapper>
            --hb-verifier $<TARGET_FILE:hb_verifier> --runtime ${PROJECT_SOURCE_DIR}/build/aarch64/device/tools/hrt_model_exec
            --only ${faults_${part}} --work ${CMAKE_CURRENT_BINARY_DIR}/verifier_faults_${part})
  set_tests_properties(e2e_verifier_faults_${part} PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 1200)
endforeach()
