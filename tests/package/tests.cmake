# SPDX-License-Identifier: Apache-2.0
# The packages: what is in them, clients that use them, installation on an emulated board. They are made from what the
# presets release, aarch64 and aarch64-board have built; skipped, with the reason, where one is missing.
function(openhb_package_test name)
  add_test(NAME package_${name}
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/package/check_${name}.py --work ${CMAKE_CURRENT_BINARY_DIR}/package)
  set_tests_properties(package_${name} PROPERTIES LABELS "e2e;package" SKIP_RETURN_CODE 77 TIMEOUT 600)
endfunction()
openhb_package_test(contents)
openhb_package_test(client)
openhb_package_test(install)
set_tests_properties(package_client PROPERTIES DEPENDS package_contents)
set_tests_properties(package_install PROPERTIES DEPENDS "package_contents;package_client")
