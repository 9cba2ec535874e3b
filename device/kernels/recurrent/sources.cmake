# SPDX-License-Identifier: Apache-2.0
target_sources(openhb_engine PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/recurrent/recurrent.cc)
openhb_isa_source(openhb_engine ${CMAKE_CURRENT_SOURCE_DIR}/recurrent/recurrent.loops.cc ref avx2 avx512 neon)
