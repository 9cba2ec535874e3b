# SPDX-License-Identifier: Apache-2.0
add_executable(hb_mapper tools/hb_mapper/main.cc tools/hb_mapper/checker.cc tools/hb_mapper/fast_perf.cc tools/hb_mapper/infer.cc tools/hb_mapper/makertbin.cc
               tools/hb_mapper/shapes.cc tools/hb_mapper/tables.cc)
target_compile_definitions(hb_mapper PRIVATE OPENHB_VERSION="${PROJECT_VERSION}")
target_link_libraries(hb_mapper PRIVATE openhb::pages)
install(TARGETS hb_mapper RUNTIME)

# On top of openhb::verify. hb_model_verifier is hb_verifier with the older options.
add_executable(vec_diff tools/vec_diff/main.cc tools/vec_diff/vec_diff.cc)
add_executable(hb_verifier tools/hb_verifier/main.cc tools/hb_verifier/arguments.cc)
add_executable(hb_model_verifier tools/hb_model_verifier/main.cc tools/hb_verifier/arguments.cc)
foreach(tool vec_diff hb_verifier hb_model_verifier)
  target_compile_definitions(${tool} PRIVATE OPENHB_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${tool} PRIVATE openhb::verify)
  install(TARGETS ${tool} RUNTIME)
endforeach()
