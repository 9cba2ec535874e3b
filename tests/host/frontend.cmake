# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME graph_test SOURCES host/frontend/graph_test.cc LIBRARIES openhb::graph LABELS host)

openhb_test(NAME passes_test SOURCES host/frontend/passes_test.cc host/frontend/fold_test.cc host/frontend/naive.cc
            LIBRARIES openhb::graph LABELS host)

openhb_test(NAME onnx_test
            SOURCES host/frontend/import_test.cc host/frontend/export_test.cc host/frontend/damage_test.cc
                    host/frontend/model_files_test.cc host/frontend/compare.cc
            LIBRARIES openhb::frontend ${ONNX_PROTO_LIBRARY} ${Protobuf_LIBRARIES} LABELS host bad_input)
target_compile_definitions(onnx_test PRIVATE ONNX_ML=1 ONNX_NAMESPACE=onnx
                                             OPENHB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")

openhb_test(NAME caffe_test
            SOURCES host/frontend/caffe_layers_test.cc host/frontend/caffe_movement_test.cc
                    host/frontend/caffe_detection_test.cc host/frontend/caffe_network_test.cc
                    host/frontend/caffe_bad_input_test.cc host/frontend/caffe_models_test.cc
                    host/frontend/caffe_case.cc
            LIBRARIES openhb::compiler openhb::caffe_proto LABELS fast host bad_input)
target_compile_definitions(caffe_test PRIVATE OPENHB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
