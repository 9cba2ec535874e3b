# SPDX-License-Identifier: Apache-2.0
# libdnn: the C API, through the static library of the same objects.
openhb_test(NAME dnn_infer_test SOURCES device/dnn/infer_test.cc device/dnn/input_test.cc device/dnn/flush_test.cc device/dnn/load_test.cc
            LIBRARIES openhb_dnn openhb_samples LABELS fast)
foreach(name memory roi resize)
  openhb_test(NAME dnn_${name}_test SOURCES device/dnn/${name}_test.cc LIBRARIES openhb_dnn LABELS fast bad_input)
endforeach()
include(device/dnn/tests.cmake)
# Custom operators of an application.
openhb_test(NAME dnn_plugin_test SOURCES device/dnn/plugin_test.cc device/plugin/probe.cc
            LIBRARIES openhb_dnn openhb_samples LABELS fast)
