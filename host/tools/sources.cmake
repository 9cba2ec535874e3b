# SPDX-License-Identifier: Apache-2.0
add_executable(hb_mapper tools/hb_mapper/main.cc tools/hb_mapper/checker.cc tools/hb_mapper/fast_perf.cc tools/hb_mapper/infer.cc tools/hb_mapper/makertbin.cc
               tools/hb_mapper/shapes.cc tools/hb_mapper/tables.cc)
target_compile_definitions(hb_mapper PRIVATE OPENHB_VERSION="${PROJECT_VERSION}")
target_link_libraries(hb_mapper PRIVATE openhb::pages)
install(TARGETS hb_mapper RUNTIME)

add_executable(vec_diff tools/vec_diff/main.cc tools/vec_diff/vec_diff.cc)
target_compile_definitions(vec_diff PRIVATE OPENHB_VERSION="${PROJECT_VERSION}")
target_link_libraries(vec_diff PRIVATE openhb::verify)
install(TARGETS vec_diff RUNTIME)
