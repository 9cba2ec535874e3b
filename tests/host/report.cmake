# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME host_pages_test SOURCES host/report/page_test.cc host/report/conversion_json_test.cc host/report/provenance_test.cc
            host/report/coarse_test.cc host/report/memory_map_test.cc
            LIBRARIES openhb::pages LABELS fast)
