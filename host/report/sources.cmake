# SPDX-License-Identifier: Apache-2.0
add_library(openhb_report STATIC
  report/log.cc
  report/progress.cc
  report/provenance.cc
)
add_library(openhb::report ALIAS openhb_report)
target_link_libraries(openhb_report PUBLIC openhb::common)
