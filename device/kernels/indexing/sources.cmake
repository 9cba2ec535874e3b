# SPDX-License-Identifier: Apache-2.0
target_sources(openhb_engine PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/indexing/gather_elements.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/indexing/gather_nd.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/indexing/non_max_suppression.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/indexing/reverse_sequence.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/indexing/scatter.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/indexing/top_k.cc)
