# SPDX-License-Identifier: Apache-2.0
target_sources(openhb_engine PRIVATE
  ${CMAKE_CURRENT_SOURCE_DIR}/reduction/reduce.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/reduction/reduce_integer.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/reduction/arg.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/reduction/cumulate.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/reduction/softmax_codes.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/reduction/softmax.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/reduction/quantized_softmax.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/reduction/matmul.cc
  ${CMAKE_CURRENT_SOURCE_DIR}/reduction/matmul_packed.cc)
foreach(loops reduce softmax quantized_softmax matmul matmul_integer matmul_pack)
  openhb_isa_source(openhb_engine ${CMAKE_CURRENT_SOURCE_DIR}/reduction/${loops}.loops.cc ref avx2 avx512 neon)
endforeach()
openhb_isa_source(openhb_engine ${CMAKE_CURRENT_SOURCE_DIR}/reduction/quantized_softmax.loops.cc avx512vbmi)
