# SPDX-License-Identifier: Apache-2.0
set(conv ${CMAKE_CURRENT_SOURCE_DIR}/conv)
target_sources(openhb_engine PRIVATE
  ${conv}/conv.cc
  ${conv}/depthwise.cc
  ${conv}/depthwise_span.cc
  ${conv}/depthwise_strip.cc
  ${conv}/pack.cc
  ${conv}/ref.cc
  ${conv}/rows.cc
  ${conv}/validate.cc
)
openhb_isa_source(openhb_engine ${conv}/finish.loops.cc ref avx2 avx512 neon)
openhb_isa_source(openhb_engine ${conv}/conv_i8_avx2.cc avx2)
openhb_isa_source(openhb_engine ${conv}/conv_i8_avxvnni.cc avxvnni avx512vnni)
openhb_isa_source(openhb_engine ${conv}/conv_i8_avx512vnni.cc avx512vnni)
openhb_isa_source(openhb_engine ${conv}/conv_i8_neon.cc neon)
openhb_isa_source(openhb_engine ${conv}/conv_i8_dotprod.cc dotprod)
openhb_isa_source(openhb_engine ${conv}/conv_i8_i8mm.cc i8mm)
openhb_isa_source(openhb_engine ${conv}/conv_i16_avx2.cc avx2)
openhb_isa_source(openhb_engine ${conv}/conv_i16_avx512vnni.cc avx512vnni)
openhb_isa_source(openhb_engine ${conv}/conv_i16_neon.cc neon)
openhb_isa_source(openhb_engine ${conv}/depthwise_i16.loops.cc ref avx2 avx512 neon)
openhb_isa_source(openhb_engine ${conv}/depthwise_i16_avx2.cc avx2)
openhb_isa_source(openhb_engine ${conv}/depthwise_i16_avx512.cc avx512 avx512vnni)
openhb_isa_source(openhb_engine ${conv}/conv_f32_avx2.cc avx2)
openhb_isa_source(openhb_engine ${conv}/conv_f32_avx512.cc avx512)
openhb_isa_source(openhb_engine ${conv}/conv_f32_neon.cc neon)
openhb_isa_source(openhb_engine ${conv}/depthwise_i8_avx2.cc avx2)
openhb_isa_source(openhb_engine ${conv}/depthwise_i8_avx512vnni.cc avx512vnni)
openhb_isa_source(openhb_engine ${conv}/depthwise_i8_dotprod.cc dotprod)
openhb_isa_source(openhb_engine ${conv}/depthwise_f32_avx2.cc avx2)
openhb_isa_source(openhb_engine ${conv}/depthwise_f32_avx512.cc avx512)
openhb_isa_source(openhb_engine ${conv}/depthwise_neon.cc neon)
