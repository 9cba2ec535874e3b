# SPDX-License-Identifier: Apache-2.0
# One test file per operator family; a new one needs no line here.
file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/host/ops/*_test.cc)
foreach(file IN LISTS tests)
  get_filename_component(family ${file} NAME_WE)
  openhb_test(NAME ops_${family} SOURCES ${file}
              LIBRARIES openhb::compiler ${ONNX_PROTO_LIBRARY} ${Protobuf_LIBRARIES} LABELS fast)
  target_compile_definitions(ops_${family} PRIVATE ONNX_ML=1 ONNX_NAMESPACE=onnx)
endforeach()
