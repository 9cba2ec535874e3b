# SPDX-License-Identifier: Apache-2.0
# Operators: a new file needs no line here.
file(GLOB operators CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/ops/*.cc)
add_library(openhb_compiler STATIC
  checker/check.cc
  checker/operators.cc
  checker/support.cc
  compiler/artefacts.cc
  compiler/batch.cc
  compiler/build.cc
  compiler/calibrate.cc
  compiler/calibration_run.cc
  compiler/checkpoint.cc
  compiler/codes.cc
  compiler/collect.cc
  compiler/compile_cache.cc
  compiler/compile_stage.cc
  compiler/compose_copies.cc
  compiler/compare.cc
  compiler/convert.cc
  compiler/cost_report.cc
  compiler/draft.cc
  compiler/estimate.cc
  compiler/dump.cc
  compiler/evaluate.cc
  compiler/fingerprint.cc
  compiler/fold_tables.cc
  compiler/inputs.cc
  compiler/layer_dump.cc
  compiler/layout.cc
  compiler/lowering.cc
  compiler/memory_map.cc
  compiler/memory_plan.cc
  compiler/methods.cc
  compiler/mix.cc
  compiler/node_names.cc
  compiler/parse_stage.cc
  compiler/per_channel.cc
  compiler/placement.cc
  compiler/plan_search.cc
  compiler/plan.cc
  compiler/sample.cc
  compiler/record_inputs.cc
  compiler/share_memory.cc
  compiler/stage_file.cc
  compiler/stages.cc
  compiler/surgery.cc
  compiler/statistics.cc
  march/attribute.cc
  march/march.cc
  march/operand.cc
  march/tensor.cc
  march/window.cc
  ${operators}
  passes/preprocess.cc
  precision/activation.cc
  precision/assign.cc
  precision/bias_correction.cc
  precision/channel_ranges.cc
  precision/outputs.cc
  quantize/calibrated.cc
  quantize/file_params.cc
  quantize/load.cc
  quantize/notes.cc
  quantize/qdq.cc
  quantize/restore.cc
  quantize/restore_calibrated.cc
  quantize/restore_quantized.cc
  quantize/weights.cc
)
add_library(openhb::compiler ALIAS openhb_compiler)
target_compile_definitions(openhb_compiler PRIVATE OPENHB_VERSION="${PROJECT_VERSION}")
target_link_libraries(openhb_compiler PUBLIC openhb::graph openhb::frontend openhb::calibration openhb::engine)
