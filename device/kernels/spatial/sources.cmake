# SPDX-License-Identifier: Apache-2.0
target_sources(openhb_engine PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/spatial/pool.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/spatial/resize.cc)
foreach(loops pool resize)
  openhb_isa_source(openhb_engine ${CMAKE_CURRENT_SOURCE_DIR}/spatial/${loops}.loops.cc ref avx2 avx512 neon)
endforeach()
