# SPDX-License-Identifier: Apache-2.0
if(NOT CMAKE_CROSSCOMPILING)
  add_test(NAME dnn_headers COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/device/dnn/check_headers.py
           ${PROJECT_SOURCE_DIR}/device/include)
  set_tests_properties(dnn_headers PROPERTIES LABELS fast TIMEOUT 300)
endif()
if(TARGET openhb_dnn)
  include(device/dnn/tests.cmake)
endif()
