# SPDX-License-Identifier: Apache-2.0
# The official operator tests of ONNX, as Debian's libonnx-testdata installs them.
find_path(ONNX_NODE_TESTS test_abs/model.onnx PATHS /usr/share/libonnx-testdata/data/node NO_DEFAULT_PATH)
if(ONNX_NODE_TESTS)
  openhb_test(NAME host_onnx_node_test SOURCES host/compiler/onnx_node_test.cc host/compiler/onnx_node_known.cc
              LIBRARIES openhb::compiler ${ONNX_PROTO_LIBRARY} ${Protobuf_LIBRARIES} LABELS fast)
  target_compile_definitions(host_onnx_node_test PRIVATE ONNX_ML=1 ONNX_NAMESPACE=onnx
                                                         OPENHB_ONNX_NODE_TESTS="${ONNX_NODE_TESTS}")
endif()

openhb_test(NAME host_integer_test SOURCES host/compiler/integer_test.cc LIBRARIES openhb::compiler LABELS fast)
openhb_test(NAME host_int16_test SOURCES host/compiler/int16_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_plan_test SOURCES host/compiler/plan_test.cc LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_precision_test SOURCES host/compiler/precision_test.cc host/compiler/weights_test.cc
            LIBRARIES openhb::compiler LABELS fast)

openhb_test(NAME host_forms_test SOURCES host/compiler/forms_test.cc LIBRARIES openhb::compiler LABELS fast)
