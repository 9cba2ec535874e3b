# SPDX-License-Identifier: Apache-2.0
# Plug-ins of custom operators. Programs for aarch64 are linked statically otherwise, and can load none: plugin/dynamic
# links the same tests dynamically.
set(plugin_folder ${CMAKE_CURRENT_BINARY_DIR}/plugins)
set(plugin_cases sound twin no_symbol wrong_abi no_table short_table no_operators no_run short_operator newer)
foreach(case IN LISTS plugin_cases)
  add_library(plugin_${case} MODULE EXCLUDE_FROM_ALL device/plugin/odd_plugin.c)
  string(TOUPPER ${case} number)
  target_compile_definitions(plugin_${case} PRIVATE CASE=${number})
  target_include_directories(plugin_${case} PRIVATE ${PROJECT_SOURCE_DIR}/device/include)
  target_link_libraries(plugin_${case} PRIVATE openhb::options)
  set_target_properties(plugin_${case} PROPERTIES PREFIX "" OUTPUT_NAME ${case} LIBRARY_OUTPUT_DIRECTORY ${plugin_folder})
  list(APPEND plugin_targets plugin_${case})
endforeach()
add_library(plugin_example MODULE ${PROJECT_SOURCE_DIR}/examples/custom_op/hard_mish.c)
target_include_directories(plugin_example PRIVATE ${PROJECT_SOURCE_DIR}/device/include)
target_link_libraries(plugin_example PRIVATE openhb::options)
set_target_properties(plugin_example PROPERTIES PREFIX "" OUTPUT_NAME hard_mish
                      LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/plugin_example)

set(plugin_sources ${CMAKE_CURRENT_SOURCE_DIR}/device/plugin/registry_test.cc
                   ${CMAKE_CURRENT_SOURCE_DIR}/device/plugin/custom_step_test.cc
                   ${CMAKE_CURRENT_SOURCE_DIR}/device/plugin/probe.cc)
openhb_test(NAME device_plugin_test SOURCES ${plugin_sources} LIBRARIES openhb_samples LABELS fast bad_input)
target_compile_definitions(device_plugin_test PRIVATE OPENHB_PLUGIN_FOLDER="${plugin_folder}")
add_dependencies(device_plugin_test ${plugin_targets})
add_subdirectory(device/plugin/dynamic)
