// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/stages.h"

#include <algorithm>

#include "common/program/file.h"
#include "host/compiler/calibration_run.h"
#include "host/compiler/inputs.h"
#include "host/compiler/node_names.h"
#include "host/compiler/per_channel.h"
#include "host/ops/operator.h"
#include "host/passes/passes.h"
#include "host/quantize/load.h"
#include "host/quantize/qdq.h"

namespace openhb::compiler {

LowerOptions integer_options(const config::Config& config) {
  return {.int8 = true, .images = program_inputs(config)};
}

void open_dataset(Conversion& c) {
  if (c.dataset) return;
  std::vector<Shape> shapes;
  for (const auto* v : c.graph.inputs) shapes.push_back(v->shape);
  const bool random = c.loads() || c.config.calibration == config::CalibrationType::skip;
  c.dataset = std::make_shared<calibration::Dataset>(
      random ? calibration::Dataset::random(c.config, shapes, 1) : calibration::Dataset(c.config, shapes));
}

void optimize(graph::Graph& graph) {
  passes::eliminate_identity(graph);
  passes::fold_batch_norm(graph);
  passes::fold_affine(graph);
  passes::merge_clip(graph);
  passes::fuse_pad(graph);
  passes::merge_movement(graph);
  passes::eliminate_identity(graph);
  ops::infer_shapes(graph);
}

void optimize(Conversion& c) {
  c.reporter.info("Start to optimize the model.");
  const size_t before = c.graph.nodes().size();
  optimize(c.graph);
  c.reporter.info(fmt::format("After optimization, the number of nodes has changed from {} to {}.", before,
                              c.graph.nodes().size()));
}

void calibrate(Conversion& c) {
  c.reporter.info("Start to calibrate the model.");
  graph::Graph& graph = c.graph;
  const config::Config& config = c.config;
  check_node_names(config, graph);
  std::vector<std::string> on_cpu = config::nodes_on_cpu(config), on_bpu = config::nodes_on_bpu(config);
  if (config::asks_for(config, "set_Softmax_input_int8") ||
      config::asks_for(config, "set_Softmax_output_int8")) {
    bool any = false;
    for (const auto& node : graph.nodes()) {
      if (node->op != "Softmax") continue;
      any = true;
      if (std::ranges::find(on_cpu, node->name) == on_cpu.end()) on_bpu.push_back(node->name);
    }
    if (!any) c.reporter.warn("optimization: the model has no node of type 'Softmax'.");
  }
  if (config::asks_for(config, "lstm_batch_last"))
    c.reporter.warn("optimization lstm_batch_last has no effect: LSTM runs in float on the CPU");
  if (c.loads()) {
    quantize::move_behind_preprocess(graph, pictures(config), c.loaded);
    for (std::string& name : quantize::quantized_nodes(graph, c.loaded))
      if (std::ranges::find(on_cpu, name) == on_cpu.end()) on_bpu.push_back(std::move(name));
  }
  for (const std::string& denied : precision::assign_precision(
           graph, {on_cpu, on_bpu, config::int16_requests(config), march::find_march(config.march)}))
    c.reporter.warn(denied);
  const SampleReader samples(config, graph, *c.dataset);
  for (const config::InputConfig& input : config.inputs)
    c.reporter.info(fmt::format("input name: {},  number_of_samples: {}", input.name, samples.size()));
  c.reporter.info(fmt::format("There are {} samples in the calibration data set.", samples.size()));
  if (c.loads()) {
    quantize::apply_params(graph, c.loaded);
    c.report.method = "load";
  } else {
    if (config.per_channel) apply_per_channel(c, samples);
    c.report.method = run_calibration(c, samples);
  }
  c.reporter.info(fmt::format("Select {} method.", c.report.method));
}

void compare(Conversion& c) {
  LowerOptions unfolded = integer_options(c.config);
  unfolded.fold_steps = false;
  const auto model = engine::Model::create(Lowering(c.graph, unfolded).run());
  c.report.nodes = placements(c.graph, *model);
  fill_thresholds(c.graph, c.report);
  if (!c.reference) return;
  open_dataset(c);
  compare_programs(*c.reference, model, SampleReader(c.config, *c.reference, *c.dataset), c.threads,
                   c.reporter, c.report);
}

}  // namespace openhb::compiler
