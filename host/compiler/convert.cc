// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/convert.h"

#include <algorithm>

#include "common/io/file.h"
#include "common/program/file.h"
#include "common/text/text.h"
#include "host/compiler/calibrate.h"
#include "host/compiler/memory_map.h"
#include "host/frontend/model.h"
#include "host/frontend/onnx/onnx.h"
#include "host/ops/operator.h"
#include "host/passes/passes.h"
#include "host/passes/preprocess.h"
#include "host/quantize/load.h"
#include "host/quantize/qdq.h"
#include "host/report/provenance.h"

namespace openhb::compiler {
namespace {

// The configured inputs in the order of the graph's; a single unnamed one takes the model's name.
config::Config matched(config::Config config, const graph::Graph& graph) {
  std::vector<std::string> names;
  for (const auto* v : graph.inputs) names.push_back(v->name);
  if (config.inputs.size() != names.size())
    fail(ErrorCode::config_bad_value, "input_name describes {} inputs, the model has {}: {}",
         config.inputs.size(), names.size(), fmt::join(names, "; "));
  for (const auto& input : config.inputs)
    if (!input.name.empty() && std::find(names.begin(), names.end(), input.name) == names.end())
      fail(ErrorCode::config_bad_value, "input_name: '{}' is no input of the model; its inputs are: {}.{}",
           input.name, fmt::join(names, "; "), suggestion(input.name, names));
  std::vector<config::InputConfig> ordered;
  for (const graph::Value* v : graph.inputs) {
    const config::InputConfig* found = nullptr;
    for (const auto& input : config.inputs)
      if (input.name == v->name || (input.name.empty() && config.inputs.size() == 1)) found = &input;
    if (!found) fail(ErrorCode::config_bad_value, "input_name does not list the model's input '{}'", v->name);
    ordered.push_back(*found);
    ordered.back().name = v->name;
  }
  config.inputs = std::move(ordered);
  return config;
}

void select_outputs(graph::Graph& graph, const std::vector<std::string>& nodes) {
  if (nodes.empty()) return;
  std::vector<graph::Value*> outputs;
  for (const std::string& name : nodes) {
    const graph::Node* node = graph.find_node(name);
    if (!node) {
      std::vector<std::string> known;
      for (const auto& n : graph.nodes()) known.push_back(n->name);
      fail(ErrorCode::config_bad_value, "output_nodes: node '{}' is not in the model.{}", name,
           suggestion(name, known));
    }
    outputs.insert(outputs.end(), node->outputs.begin(), node->outputs.end());
  }
  graph.outputs = std::move(outputs);
  graph.remove_dead();
}

// What the result depends on, with hashes. `dataset` may be null.
std::vector<report::File> input_files(const config::Config& config, const calibration::Dataset* dataset) {
  std::vector<report::File> files;
  for (const auto& [role, path] : {std::pair("model", config.onnx_model),
                                   {"structure of the model", config.prototxt},
                                   {"weights of the model", config.caffe_model}})
    if (!path.empty()) files.push_back(report::hash_file(role, path));
  if (!dataset || config.calibration == config::CalibrationType::skip) return files;
  for (size_t i = 0; i < config.inputs.size(); ++i) {
    std::vector<std::string> paths;
    for (size_t s = 0; s < dataset->size(); ++s) paths.push_back(dataset->path(s, i));
    files.push_back(report::hash_files(fmt::format("calibration data of '{}'", config.inputs[i].name),
                                       config.inputs[i].cal_dir, paths));
  }
  return files;
}

std::string line_of_inputs(const graph::Graph& graph) {
  std::string text;
  for (const auto* v : graph.inputs)
    text += fmt::format("\n{:<26}{}, [{}]", "Input name:", v->name, fmt::join(v->shape, ", "));
  for (const auto* v : graph.outputs)
    text += fmt::format("\n{:<26}{}, [{}]", "Output name:", v->name, fmt::join(v->shape, ", "));
  return text;
}

}  // namespace

namespace {
// Options that are accepted, because configurations hold them, but change nothing yet.
void warn_of_idle_options(const config::Config& config, const Reporter& reporter) {
  const config::Config usual;
  if (config.per_channel)
    reporter.warn("per_channel has no effect yet: activations have one range per tensor");
  if (config.debug) reporter.warn("debug has no effect yet: the program holds no extra information");
  if (config.optimize_level != usual.optimize_level)
    reporter.warn(
        fmt::format("optimize_level {} has no effect yet: all levels compile alike", config.optimize_level));
}
}  // namespace

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

ConversionReport convert(const config::Config& user_config, int threads, const Reporter& reporter) {
  warn_of_idle_options(user_config, reporter);
  const std::string kind = user_config.is_caffe() ? "caffe" : "onnx";
  reporter.info(fmt::format("Start to parse the {} model.", kind));
  frontend::ModelSource source{
      user_config.onnx_model, user_config.prototxt, user_config.caffe_model, {}, reporter.warn};
  for (const auto& input : user_config.inputs)
    if (input.shape && !input.name.empty()) source.input_shapes[input.name] = *input.shape;
  graph::Graph graph = frontend::import_model(source);
  const bool load = user_config.calibration == config::CalibrationType::load;
  quantize::LoadedParams loaded;
  if (load) loaded = quantize::take_quantization(graph);
  const config::Config config = matched(user_config, graph);
  reporter.info(fmt::format("Input ONNX model information:\n{:<26}{}\n{:<26}[{}]\n{:<26}{}{}",
                            "ONNX IR version:", graph.ir_version, "Opset version:", graph.opset,
                            "Producer:", graph.producer, line_of_inputs(graph)));
  ops::infer_shapes(graph);
  select_outputs(graph, config.output_nodes);
  reporter.info(fmt::format("End to parse the {} model.", kind));

  ensure_directory(config.working_dir);
  const std::string base = config.working_dir + "/" + config.prefix;
  auto save = [&](const graph::Graph& g, const char* stage) {
    const std::string path = fmt::format("{}_{}_model.onnx", base, stage);
    onnx_frontend::export_onnx(g, path);
    reporter.info(fmt::format("Saving model to: {}.", path));
  };

  std::vector<Shape> shapes;
  for (const auto* v : graph.inputs) shapes.push_back(v->shape);
  passes::insert_preprocess(graph, config.inputs);
  const auto dataset = load || config.calibration == config::CalibrationType::skip
                           ? calibration::Dataset::random(config, shapes, 1)
                           : calibration::Dataset(config, shapes);
  save(graph, "original_float");
  ConversionReport report;
  report.inputs = input_files(config, load ? nullptr : &dataset);

  reporter.info("Start to optimize the model.");
  const size_t before = graph.nodes().size();
  optimize(graph);
  reporter.info(fmt::format("After optimization, the number of nodes has changed from {} to {}.", before,
                            graph.nodes().size()));
  save(graph, "optimized_float");
  reporter.info("End to optimize the model.");

  reporter.info("Start to calibrate the model.");
  LowerOptions int8{.int8 = true, .images = {}};
  std::vector<std::string> pictures;
  for (const auto& input : config.inputs)
    if (input.kind_rt != InputKind::featuremap) {
      int8.images[input.name] = {input.kind_rt, input.nhwc_rt, input.nhwc_train};
      pictures.push_back(input.name);
    }
  std::vector<std::string> on_cpu = config::nodes_on_cpu(config), on_bpu = config::nodes_on_bpu(config);
  if (load) quantize::move_behind_preprocess(graph, pictures, loaded);
  if (load)
    for (std::string& name : quantize::quantized_nodes(graph, loaded))
      if (std::ranges::find(on_cpu, name) == on_cpu.end()) on_bpu.push_back(std::move(name));
  for (const std::string& denied : precision::assign_precision(
           graph, {on_cpu, on_bpu, config::int16_requests(config), march::find_march(config.march)}))
    reporter.warn(denied);
  const SampleReader samples(config, graph, dataset);
  reporter.info(fmt::format("There are {} samples in the calibration data set.", samples.size()));
  if (load) {
    quantize::apply_params(graph, loaded);
    report.method = "load";
  } else {
    Calibration found = calibrate(graph, config, int8, samples, threads, reporter);
    report.method = found.method;
    report.search = std::move(found.search), report.histograms = std::move(found.histograms);
  }
  reporter.info(fmt::format("Select {} method.", report.method));
  save(quantize::calibrated_graph(graph), "calibrated");
  reporter.info("End to calibrate the model.");

  reporter.info("Start to quantize the model.");
  save(quantize::quantized_graph(graph, pictures), "quantized");
  reporter.info("End to quantize the model.");

  reporter.info(fmt::format("Start to compile the model with march {}.", config.march));
  Program program = Lowering(graph, int8).run();
  program.name = config.prefix;
  program.properties["march"] = config.march;
  program.properties["builder"] = OPENHB_VERSION;
  program.properties["onnx_opset"] = std::to_string(graph.opset);
  const auto model = engine::Model::create(program);  // what the board will check
  for (size_t s = 0; s < program.steps.size(); ++s) report.macs += model->cost(s).macs;
  report.arena_bytes = program.arena_size;
  report.arena_lower_bound = std::stoull(program.properties["arena_lower_bound"]);
  report.weight_bytes = program.weights.size();
  report.bin_path = base + ".bin";
  write_program(report.bin_path, program);
  report.buffers = memory_map(program);
  for (const Step& step : program.steps) report.steps.push_back(step.node);
  reporter.info(fmt::format("End to compile the model with march {}.", config.march));
  LowerOptions unfolded = int8;
  unfolded.fold_steps = false;
  compare_programs(graph, Lowering(graph, unfolded).run(), samples, threads, report);
  return report;
}

}  // namespace openhb::compiler
