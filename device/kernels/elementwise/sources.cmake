# SPDX-License-Identifier: Apache-2.0
target_sources(openhb_engine PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/binary.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/binary_integer.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/where.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/unary.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/lut.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/quantize.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/cast.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/image.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/nv12.cc)
foreach(loops binary unary lut quantize int16 nv12)
  openhb_isa_source(openhb_engine ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/${loops}.loops.cc ref avx2 avx512 neon)
endforeach()
openhb_isa_source(openhb_engine ${CMAKE_CURRENT_SOURCE_DIR}/elementwise/lut.loops.cc avx512vbmi)
