# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME verify_compare_test SOURCES host/verify/compare/difference_test.cc
            host/verify/compare/vec_diff_test.cc LIBRARIES openhb::verify LABELS fast bad_input)

# Sides, samples, dump folders.
openhb_test(NAME verify_sides_test SOURCES host/verify/sides_test.cc LIBRARIES openhb::verify LABELS fast)
target_compile_definitions(verify_sides_test PRIVATE OPENHB_EXAMPLE="${PROJECT_SOURCE_DIR}/examples/traffic_signs")
openhb_test(NAME verify_dumps_test SOURCES host/verify/dumps_test.cc LIBRARIES openhb::verify LABELS fast bad_input)

# SSH: without a server; with servers, through the client, in e2e/check_ssh.py.
openhb_test(NAME verify_ssh_test SOURCES host/verify/ssh/address_test.cc host/verify/ssh/known_hosts_test.cc
            host/verify/ssh/remote_text_test.cc host/verify/ssh/server_test.cc host/verify/ssh/test_server.cc LIBRARIES openhb::verify ssh LABELS fast bad_input)
add_executable(ssh_client host/verify/ssh_client.cc)
target_link_libraries(ssh_client PRIVATE openhb::verify CLI11::CLI11 nlohmann_json::nlohmann_json)

# Results as JSON and JUnit XML.
openhb_test(NAME verify_report_test SOURCES host/verify/report/verification_text_test.cc LIBRARIES openhb::verify LABELS fast)

# Where accuracy is lost; the page.
openhb_test(NAME verify_stages_test SOURCES host/verify/stages/analyse_test.cc host/verify/stages/facts_test.cc
            LIBRARIES openhb::verify LABELS fast)
add_executable(verification_page_example host/verify/report/page_example.cc)
target_link_libraries(verification_page_example PRIVATE openhb::verify)
openhb_precompile(program ssh_client verification_page_example)

include(host/verify/board.cmake)
