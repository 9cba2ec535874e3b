# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME host_histogram_test SOURCES host/calibration/histogram_test.cc LIBRARIES openhb::calibration LABELS fast)
openhb_test(NAME host_range_test SOURCES host/calibration/range_test.cc LIBRARIES openhb::calibration LABELS fast)
openhb_test(NAME host_dataset_test SOURCES host/calibration/dataset_test.cc LIBRARIES openhb::calibration LABELS fast)
openhb_test(NAME host_lint_test SOURCES host/calibration/lint_test.cc LIBRARIES openhb::calibration LABELS fast)
openhb_test(NAME host_config_test SOURCES host/calibration/config_test.cc host/calibration/config_fuzz_test.cc
            host/calibration/config_keys_test.cc host/calibration/node_info_test.cc
            LIBRARIES openhb::calibration LABELS fast bad_input)
target_compile_definitions(host_config_test PRIVATE OPENHB_DOCS="${PROJECT_SOURCE_DIR}/docs")
openhb_test(NAME host_report_test SOURCES host/calibration/report_test.cc LIBRARIES openhb::report LABELS fast)

# Prints the speed of Histogram::add and of every method; not a test.
add_executable(host_calibration_speed host/calibration/speed.cc)
target_link_libraries(host_calibration_speed PRIVATE openhb::calibration)
openhb_precompile(program host_calibration_speed)
