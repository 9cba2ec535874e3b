# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME verify_compare_test SOURCES host/verify/compare/difference_test.cc
            host/verify/compare/vec_diff_test.cc LIBRARIES openhb::verify LABELS fast bad_input)

# Sides, samples, dump folders.
openhb_test(NAME verify_sides_test SOURCES host/verify/sides_test.cc LIBRARIES openhb::verify LABELS fast)
target_compile_definitions(verify_sides_test PRIVATE OPENHB_EXAMPLE="${PROJECT_SOURCE_DIR}/examples/traffic_signs")
openhb_test(NAME verify_dumps_test SOURCES host/verify/dumps_test.cc LIBRARIES openhb::verify LABELS fast bad_input)
