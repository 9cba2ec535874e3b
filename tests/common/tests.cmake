# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME common_io_test SOURCES common/io/file_test.cc common/io/npy_test.cc LIBRARIES openhb::common LABELS fast)
openhb_test(NAME common_program_test
  SOURCES common/program/round_trip_test.cc common/program/damage_test.cc common/program/validate_test.cc
          common/program/param_test.cc
  LIBRARIES openhb::common LABELS fast bad_input)
# Metadata written by hand needs the generated code.
target_include_directories(common_program_test SYSTEM PRIVATE $<TARGET_PROPERTY:openhb_common,BINARY_DIR>/generated)
openhb_test(NAME common_errors_doc_test SOURCES common/errors_doc_test.cc LIBRARIES openhb::common LABELS fast)
target_compile_definitions(common_errors_doc_test PRIVATE OPENHB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
