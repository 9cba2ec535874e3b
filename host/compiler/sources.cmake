# SPDX-License-Identifier: Apache-2.0
add_library(openhb_compiler STATIC
  compiler/calibrate.cc
  compiler/codes.cc
  compiler/compare.cc
  compiler/convert.cc
  compiler/evaluate.cc
  compiler/layout.cc
  compiler/lowering.cc
  compiler/memory_plan.cc
  ops/binary.cc
  ops/conv_3d.cc
  ops/conv_transpose.cc
  ops/expand.cc
  ops/infer.cc
  ops/linear.cc
  ops/movement.cc
  ops/normalization.cc
  ops/pack.cc
  ops/pool.cc
  ops/rearrange.cc
  ops/recurrent.cc
  ops/reduce.cc
  ops/resize.cc
  ops/rewriter.cc
  ops/shape_ops.cc
  ops/unary.cc
  ops/window.cc
  passes/preprocess.cc
  precision/activation.cc
  precision/assign.cc
  precision/bias_correction.cc
  quantize/calibrated.cc
  quantize/qdq.cc
  quantize/weights.cc
)
add_library(openhb::compiler ALIAS openhb_compiler)
target_compile_definitions(openhb_compiler PRIVATE OPENHB_VERSION="${PROJECT_VERSION}")
target_link_libraries(openhb_compiler PUBLIC openhb::graph openhb::frontend openhb::calibration openhb::engine)
