# SPDX-License-Identifier: Apache-2.0
# Caffe networks. Nothing but host/frontend/caffe and its tests includes the generated header.
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/caffe.pb.cc ${CMAKE_CURRENT_BINARY_DIR}/caffe.pb.h
  COMMAND protobuf::protoc --cpp_out=${CMAKE_CURRENT_BINARY_DIR} --proto_path=${PROJECT_SOURCE_DIR}/schemas caffe.proto
  DEPENDS ${PROJECT_SOURCE_DIR}/schemas/caffe.proto VERBATIM)
add_library(openhb_caffe_proto STATIC ${CMAKE_CURRENT_BINARY_DIR}/caffe.pb.cc ${CMAKE_CURRENT_BINARY_DIR}/caffe.pb.h)
add_library(openhb::caffe_proto ALIAS openhb_caffe_proto)
target_include_directories(openhb_caffe_proto SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR} ${Protobuf_INCLUDE_DIRS})
target_link_libraries(openhb_caffe_proto PUBLIC ${Protobuf_LIBRARIES})

target_sources(openhb_frontend PRIVATE
  frontend/caffe/activation.cc
  frontend/caffe/arithmetic.cc
  frontend/caffe/convolution.cc
  frontend/caffe/detection.cc
  frontend/caffe/import.cc
  frontend/caffe/layer.cc
  frontend/caffe/movement.cc
  frontend/caffe/normalization.cc
  frontend/caffe/pooling.cc
  frontend/caffe/prototxt.cc
  frontend/caffe/recurrent.cc
  frontend/caffe/weights.cc
  frontend/model.cc
)
target_link_libraries(openhb_frontend PRIVATE openhb::caffe_proto)
