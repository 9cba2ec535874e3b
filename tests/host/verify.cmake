# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME verify_compare_test SOURCES host/verify/compare/difference_test.cc
            LIBRARIES openhb::verify LABELS fast)
include(host/verify/board.cmake)
