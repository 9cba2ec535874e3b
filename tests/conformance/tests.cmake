# SPDX-License-Identifier: Apache-2.0
# The official ONNX tests, as Debian's libonnx-testdata installs them.
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
add_executable(onnx_node_tests conformance/main.cc conformance/case.cc conformance/exclusion.cc)
target_link_libraries(onnx_node_tests PRIVATE openhb::compiler CLI11::CLI11 nlohmann_json::nlohmann_json
                                              ${ONNX_PROTO_LIBRARY} ${Protobuf_LIBRARIES})
target_compile_definitions(onnx_node_tests PRIVATE ONNX_ML=1 ONNX_NAMESPACE=onnx OPENHB_VERSION="${PROJECT_VERSION}")
openhb_precompile(program onnx_node_tests)
find_path(ONNX_TESTDATA node/test_abs/model.onnx PATHS /usr/share/libonnx-testdata/data NO_DEFAULT_PATH)
if(ONNX_TESTDATA)
  # The recordings are run again on aarch64 (preset aarch64, conformance_replay).
  add_test(NAME onnx_conformance
    COMMAND onnx_node_tests ${ONNX_TESTDATA}/node ${ONNX_TESTDATA}/simple ${ONNX_TESTDATA}/pytorch-operator
            ${ONNX_TESTDATA}/pytorch-converted --quiet --check ${PROJECT_SOURCE_DIR}/docs/onnx-conformance.md
            --record ${PROJECT_BINARY_DIR}/conformance)
  set_tests_properties(onnx_conformance PROPERTIES LABELS fast TIMEOUT 600)
endif()
