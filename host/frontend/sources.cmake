# SPDX-License-Identifier: Apache-2.0
find_package(Protobuf REQUIRED)
find_library(ONNX_PROTO_LIBRARY onnx_proto REQUIRED)
find_path(ONNX_INCLUDE_DIR onnx/onnx_pb.h REQUIRED)

add_library(openhb_frontend STATIC
  frontend/onnx/export.cc
  frontend/onnx/functions.cc
  frontend/onnx/import.cc
  frontend/onnx/inline.cc
  frontend/onnx/inputs.cc
  frontend/onnx/tensors.cc
)
add_library(openhb::frontend ALIAS openhb_frontend)
target_compile_definitions(openhb_frontend PRIVATE ONNX_ML=1 ONNX_NAMESPACE=onnx)
target_include_directories(openhb_frontend SYSTEM PRIVATE ${ONNX_INCLUDE_DIR} ${Protobuf_INCLUDE_DIRS})
target_link_libraries(openhb_frontend PUBLIC openhb::graph openhb::common
                      PRIVATE ${ONNX_PROTO_LIBRARY} ${Protobuf_LIBRARIES})

include(frontend/caffe/sources.cmake)
