# SPDX-License-Identifier: Apache-2.0
# One test file per operator family.
function(openhb_ops_test name)
  openhb_test(NAME ops_${name}_test SOURCES host/ops/${name}_test.cc
              LIBRARIES openhb::compiler ${ONNX_PROTO_LIBRARY} ${Protobuf_LIBRARIES} LABELS fast)
  target_compile_definitions(ops_${name}_test PRIVATE ONNX_ML=1 ONNX_NAMESPACE=onnx)
endfunction()
openhb_ops_test(control)
openhb_ops_test(refusal)
openhb_ops_test(indexing)
openhb_ops_test(sampling)
