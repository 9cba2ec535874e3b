# SPDX-License-Identifier: Apache-2.0
foreach(family math binary unary quantize movement spatial reduction recurrent matmul_integer hostile int16 conv_int16
               logic sequence detection indexing sampling)
  openhb_test(NAME steps_${family}_test SOURCES device/steps/${family}_test.cc LIBRARIES openhb::engine LABELS fast)
endforeach()
set_tests_properties(steps_hostile_test PROPERTIES LABELS "fast;bad_input")

# Writes the test vectors of docs/numerics.md; the test compares their checksums with docs/numerics-vectors.txt.
add_library(openhb_vectors STATIC device/steps/vectors.cc device/steps/vectors_int16.cc device/steps/vectors_positions.cc)
target_link_libraries(openhb_vectors PUBLIC openhb::engine)
openhb_precompile(library openhb_vectors)
add_executable(make_vectors device/steps/make_vectors.cc)
target_link_libraries(make_vectors PRIVATE openhb_vectors)
openhb_precompile(program make_vectors)
openhb_test(NAME steps_vectors_test SOURCES device/steps/vectors_test.cc LIBRARIES openhb_vectors LABELS fast)
target_compile_definitions(steps_vectors_test PRIVATE
  OPENHB_VECTOR_SUMS="${PROJECT_SOURCE_DIR}/docs/numerics-vectors.txt")
