# SPDX-License-Identifier: Apache-2.0
target_sources(openhb_engine PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/detection/detection_output.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/detection/ps_roi_pool.cc)
