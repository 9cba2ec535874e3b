# SPDX-License-Identifier: Apache-2.0
target_sources(openhb_engine PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/custom/custom.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/custom/guarded_run.cc)
