# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME host_placement_test SOURCES host/checker/placement_test.cc LIBRARIES openhb::compiler LABELS host)
target_compile_definitions(host_placement_test PRIVATE OPENHB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")

openhb_test(NAME host_march_test SOURCES host/checker/march_test.cc host/checker/document_test.cc
            LIBRARIES openhb::compiler LABELS fast)
target_compile_definitions(host_march_test PRIVATE OPENHB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
