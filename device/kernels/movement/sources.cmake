# SPDX-License-Identifier: Apache-2.0
target_sources(openhb_engine PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/movement/copy.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/movement/transpose.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/movement/fill.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/movement/gather.cc)
