# SPDX-License-Identifier: Apache-2.0
# libFuzzer targets. Coverage feedback needs our libraries instrumented, errors are seen by the sanitizers.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang OR NOT OPENHB_SANITIZE MATCHES address)
  message(FATAL_ERROR "OPENHB_FUZZ needs Clang and OPENHB_SANITIZE=address,undefined (preset asan)")
endif()
# All libraries, since they share precompiled headers.
foreach(library openhb_common openhb_engine openhb_dnn openhb_model_exec openhb_samples openhb_vectors openhb_dnn_support openhb_bench)
  target_compile_options(${library} PRIVATE -fsanitize=fuzzer-no-link)
endforeach()

add_executable(program_fuzzer fuzz/program_fuzzer.cc device/engine/sample_programs.cc device/plugin/probe.cc)
target_compile_options(program_fuzzer PRIVATE -fsanitize=fuzzer)
target_link_options(program_fuzzer PRIVATE -fsanitize=fuzzer)
target_link_libraries(program_fuzzer PRIVATE openhb::engine)
# Starts from the samples that the mutator makes; -timeout finds steps whose work their cost does not tell.
add_test(NAME program_fuzzer COMMAND program_fuzzer -max_total_time=30 -timeout=20 -max_len=65536 -seed=1
         WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
set_tests_properties(program_fuzzer PROPERTIES LABELS fuzz TIMEOUT 300)

add_executable(dnn_fuzzer fuzz/dnn_fuzzer.cc device/dnn/test_models.cc device/engine/sample_programs.cc)
target_compile_options(dnn_fuzzer PRIVATE -fsanitize=fuzzer)
target_link_options(dnn_fuzzer PRIVATE -fsanitize=fuzzer)
target_link_libraries(dnn_fuzzer PRIVATE openhb_dnn)
# Sequences of calls of the C API.
add_test(NAME dnn_fuzzer COMMAND dnn_fuzzer -max_total_time=60 -timeout=30 -rss_limit_mb=3000 -len_control=0 -max_len=500 -seed=1
         WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
set_tests_properties(dnn_fuzzer PROPERTIES LABELS fuzz TIMEOUT 300)

if(OPENHB_HOST)
  foreach(library openhb_graph openhb_frontend openhb_report openhb_calibration openhb_compiler openhb_pages openhb_verify)
    target_compile_options(${library} PRIVATE -fsanitize=fuzzer-no-link)
  endforeach()
  add_executable(onnx_fuzzer fuzz/onnx_fuzzer.cc)
  target_compile_options(onnx_fuzzer PRIVATE -fsanitize=fuzzer)
  target_link_options(onnx_fuzzer PRIVATE -fsanitize=fuzzer)
  target_compile_definitions(onnx_fuzzer PRIVATE ONNX_ML=1 ONNX_NAMESPACE=onnx)
  target_link_libraries(onnx_fuzzer PRIVATE openhb::compiler ${ONNX_PROTO_LIBRARY} ${Protobuf_LIBRARIES})
  # Starts from the official test cases; new inputs stay in the build folder.
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/onnx_corpus)
  add_test(NAME onnx_fuzzer
    COMMAND onnx_fuzzer -max_total_time=60 -timeout=20 -rss_limit_mb=4000 -malloc_limit_mb=2000 -max_len=16384 -seed=1
            ${CMAKE_CURRENT_BINARY_DIR}/onnx_corpus ${ONNX_TESTDATA}/node
    WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  set_tests_properties(onnx_fuzzer PROPERTIES LABELS fuzz TIMEOUT 300)

  add_executable(config_fuzzer fuzz/config_fuzzer.cc)
  target_compile_options(config_fuzzer PRIVATE -fsanitize=fuzzer)
  target_link_options(config_fuzzer PRIVATE -fsanitize=fuzzer)
  target_link_libraries(config_fuzzer PRIVATE openhb::calibration)
  add_test(NAME config_fuzzer
    COMMAND config_fuzzer -max_total_time=60 -timeout=20 -rss_limit_mb=2000 -max_len=8192 -seed=1
    WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  set_tests_properties(config_fuzzer PROPERTIES LABELS fuzz TIMEOUT 300)

  target_compile_options(openhb_caffe_proto PRIVATE -fsanitize=fuzzer-no-link)
  add_executable(caffe_fuzzer fuzz/caffe_fuzzer.cc)
  target_compile_options(caffe_fuzzer PRIVATE -fsanitize=fuzzer)
  target_link_options(caffe_fuzzer PRIVATE -fsanitize=fuzzer)
  target_compile_definitions(caffe_fuzzer PRIVATE OPENHB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(caffe_fuzzer PRIVATE openhb::compiler openhb::caffe_proto)
  # Starts from the networks that its mutator makes, and from real ones beside the project.
  add_test(NAME caffe_fuzzer
    COMMAND caffe_fuzzer -max_total_time=60 -timeout=20 -rss_limit_mb=4000 -malloc_limit_mb=2000 -max_len=131072 -seed=1
    WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  set_tests_properties(caffe_fuzzer PROPERTIES LABELS fuzz TIMEOUT 300)
endif()
