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
