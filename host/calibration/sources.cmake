# SPDX-License-Identifier: Apache-2.0
include(report/sources.cmake)  # openhb::report: log and progress

find_package(yaml-cpp REQUIRED)
add_library(openhb_calibration STATIC
  calibration/coarse.cc
  calibration/dataset.cc
  calibration/facts.cc
  calibration/histogram.cc
  calibration/kl.cc
  calibration/lint.cc
  calibration/matching.cc
  calibration/moments.cc
  calibration/mse.cc
  calibration/range.cc
  calibration/store.cc
  config/config.cc
  config/document.cc
  config/inputs.cc
  config/keys.cc
  config/node_info.cc
  config/values.cc
)
add_library(openhb::calibration ALIAS openhb_calibration)
target_link_libraries(openhb_calibration PUBLIC openhb::common openhb::report PRIVATE yaml-cpp openhb::engine)
openhb_isa_source(openhb_calibration ${CMAKE_CURRENT_SOURCE_DIR}/calibration/bins.loops.cc ref avx2 avx512 neon)
