# SPDX-License-Identifier: Apache-2.0
target_sources(openhb_engine PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/sampling/deform_sample.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/sampling/det.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/sampling/grid_sample.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/sampling/resample.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/sampling/roi.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/sampling/window_pool.cc)
