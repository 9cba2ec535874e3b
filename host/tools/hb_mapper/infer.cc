// SPDX-License-Identifier: Apache-2.0
#include "host/tools/hb_mapper/infer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/io/file_name.h"
#include "common/text/text.h"
#include "host/compiler/artefacts.h"
#include "host/compiler/calibrate.h"
#include "host/compiler/evaluate.h"
#include "host/compiler/sample.h"
#include "host/config/inputs.h"
#include "host/frontend/model.h"
#include "host/ops/custom.h"
#include "host/ops/operator.h"
#include "host/passes/preprocess.h"
#include "host/report/log.h"
#include "host/tools/hb_mapper/tables.h"
#include "host/tools/run.h"

namespace openhb::tools {
namespace {

struct Dump {
  std::string layer;
  graph::Value* value;
};

// The value that a convolution means: in a quantized model the one that its codes stand for.
graph::Value* real_result(const graph::Graph& graph, const graph::Node& conv,
                          const graph::Consumers& consumers) {
  if (conv.op == "ConvInteger") {
    const graph::Node* scaled = graph.find_node(conv.name + "_HzDequantize");
    return scaled ? scaled->outputs[0] : nullptr;
  }
  graph::Value* value = conv.outputs[0];
  for (graph::Value* v = value;;) {
    const auto users = consumers.find(v);
    if (users == consumers.end() || users->second.size() != 1) return value;
    const graph::Node& next = *users->second.front();
    v = next.outputs[0];
    if (next.op == "QuantizeLinear") return v;  // as_float() makes of codes what they stand for
    // An activation between the convolution and its codes is part of the integer step.
    if (next.op != "Relu" && next.op != "Clip") return value;
  }
}

std::vector<Dump> choose_dumps(const graph::Graph& graph, bool convolutions) {
  std::vector<Dump> dumps;
  if (convolutions) {
    const auto consumers = graph.consumers();
    for (const auto& node : graph.nodes()) {
      const bool convolution = node->op == "Conv" || node->op == "ConvTranspose" || node->op == "ConvInteger";
      // In the quantized model the pre-processing is a convolution, too.
      if (!convolution || node->name.starts_with("HZ_PREPROCESS_FOR_")) continue;
      if (graph::Value* value = real_result(graph, *node, consumers)) dumps.push_back({node->name, value});
    }
  }
  for (graph::Value* value : graph.outputs) dumps.push_back({value->name, value});
  return dumps;
}

// As float32: codes as what they stand for, whole numbers and truth values as they are.
graph::Value* as_float(graph::Graph& graph, graph::Value* value) {
  if (value->dtype == DType::f32) return value;
  const std::string name = graph.unique_name(value->name + "_to_float");
  if (const graph::Node* quantize = value->producer; quantize && quantize->op == "QuantizeLinear") {
    std::vector<graph::Value*> inputs = quantize->inputs;
    inputs[0] = value;
    graph::Node* node = graph.add_node("DequantizeLinear", name, std::move(inputs), {value->name + "_float"});
    if (quantize->attributes.contains("axis")) node->attributes["axis"] = quantize->attributes.at("axis");
    return node->outputs[0];
  }
  constexpr int64_t kOnnxFloat = 1;
  graph::Node* node = graph.add_node("Cast", name, {value}, {value->name + "_float"});
  node->attributes["to"] = kOnnxFloat;
  return node->outputs[0];
}

// The values to dump become the outputs; gives the output of each dump. A convolution's result may be an
// output anyway.
std::vector<size_t> set_outputs(graph::Graph& graph, const std::vector<Dump>& dumps) {
  ops::infer_shapes(graph);
  graph.outputs.clear();
  std::map<const graph::Value*, size_t> places;
  std::vector<size_t> outputs;
  for (const Dump& dump : dumps) {
    const auto [place, is_new] = places.emplace(dump.value, graph.outputs.size());
    if (is_new) graph.outputs.push_back(as_float(graph, dump.value));
    outputs.push_back(place->second);
  }
  ops::infer_shapes(graph);
  return outputs;
}

std::vector<std::string> files_in_order(const InferOptions& options, const std::vector<std::string>& names) {
  std::vector<std::string> files(names.size());
  for (const auto& [name, file] : options.files) {
    const auto at = std::ranges::find(names, name);
    if (at == names.end())
      fail(ErrorCode::usage, "--image-file {}: the model has no such input; its inputs are: {}.{}", name,
           fmt::join(names, "; "), suggestion(name, names));
    std::string& slot = files[static_cast<size_t>(at - names.begin())];
    if (!slot.empty()) fail(ErrorCode::usage, "--image-file gives input '{}' two files", name);
    slot = file;
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (files[i].empty())
      fail(ErrorCode::usage, "input '{}' has no file; add: --image-file {} FILE", names[i], names[i]);
  return files;
}

// The model knows its layout; an option that says another one would mean another model.
void check_layout(const InferOptions& options, const config::InputConfig& input, const graph::Value& value) {
  if (options.input_layout.empty() || input.kind_train == InputKind::featuremap) return;
  const bool as_trained = compiler::sample_shape(input, value) == value.shape;
  const bool nhwc = as_trained == input.nhwc_train;
  if ((options.input_layout == "NHWC") != nhwc)
    fail(ErrorCode::usage, "--input-layout {}: input '{}' of '{}' is {}, shape {}; leave the option out",
         options.input_layout, value.name, options.model, nhwc ? "NHWC" : "NCHW", to_string(value.shape));
}

bool has_preprocess(const graph::Graph& graph, const std::string& input) {
  return graph.find_node("HZ_PREPROCESS_FOR_" + input) != nullptr;
}

// The original model, or an ONNX file that a conversion left.
graph::Graph import_model(const InferOptions& options, const config::Config& config, report::Log& log) {
  frontend::ModelSource source;
  source.notice = [](const std::string&) {};
  if (options.model.ends_with(".caffemodel")) {
    if (!config.is_caffe())
      fail(ErrorCode::usage,
           "--model-file '{}' is a Caffe model, but the configuration '{}' names an ONNX model",
           options.model, options.config);
    source.prototxt = config.prototxt, source.caffemodel = options.model;
  } else {
    source.onnx = options.model;
  }
  std::map<std::string, Shape> shapes;
  for (const auto& input : config.inputs)
    if (input.shape) shapes[input.name] = *input.shape;
  if (!shapes.empty()) {
    // What a conversion wrote has its shapes, and for nv12 another layout than the configuration's.
    try {
      graph::Graph graph = frontend::import_model(source);
      if (std::ranges::any_of(graph.inputs,
                              [&](const graph::Value* v) { return has_preprocess(graph, v->name); }))
        return graph;
    } catch (const Error&) {  // open dimensions, perhaps; else it comes again
    }
    source.input_shapes = std::move(shapes);
  }
  source.notice = [&](const std::string& sentence) { log.warning("{}", sentence); };
  return frontend::import_model(source);
}

// What one input of the model takes: behind HzPreprocess the sample as it is, before it pixels - 128.
Tensor model_input(const graph::Value& value, const graph::Graph& graph, const config::InputConfig& input,
                   const Tensor& sample, Tensor centred) {
  if (centred.dtype() != DType::f32) return centred;  // a featuremap
  if (value.dtype == DType::i8) {                     // of a quantized model
    Tensor codes(DType::i8, centred.shape());
    std::ranges::transform(centred.data<float>(), codes.data<int8_t>().begin(), [](float v) {
      return static_cast<int8_t>(std::clamp(std::nearbyint(v), -128.0f, 127.0f));
    });
    return codes;
  }
  const bool has_step = has_preprocess(graph, input.name);
  if (has_step || input.norm == config::Norm::none) return has_step ? std::move(centred) : sample;
  return passes::normalised(sample, input);  // the user's own model
}

// All of them, or none.
nlohmann::ordered_json write_dumps(const InferOptions& options, const std::vector<Dump>& dumps,
                                   const std::vector<size_t>& outputs, const compiler::GraphRunner& runner,
                                   report::Log& log) {
  std::vector<std::vector<std::string>> rows;
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::set<std::string> used;
  compiler::Artefacts artefacts(options.output_dir, "infer");
  for (size_t i = 0; i < dumps.size(); ++i) {
    const Tensor values = runner.output(outputs[i]);
    const std::string name = file_stem(dumps[i].layer, used) + "_float.bin";
    artefacts.write(name, values.bytes());
    const std::string shape = fmt::format("{}", fmt::join(values.shape(), "x"));
    rows.push_back({shortened(dumps[i].layer), shape, name});
    json.push_back({{"layer", dumps[i].layer}, {"shape", values.shape()}, {"file", name}});
  }
  artefacts.commit();
  log.info("Results in {}:\n{}", options.output_dir, format_table({"Layer", "Shape", "File"}, rows));
  return json;
}

int run(const InferOptions& options, report::Log& log) {
  config::Config config = config::load_config(options.config);
  if ((options.model_type == "caffe") != config.is_caffe())
    fail(ErrorCode::usage, "--model-type {} was given, but the configuration '{}' names {}",
         options.model_type, options.config, config.is_caffe() ? "a Caffe model" : "an ONNX model");
  for (const std::string& line : ops::load_plugins(config::plugin_files(config))) log.warning("{}", line);
  graph::Graph graph = import_model(options, config, log);
  std::vector<std::string> names;
  for (const auto* v : graph.inputs) names.push_back(v->name);
  config.inputs = config::inputs_in_order(config, names);
  const auto files = files_in_order(options, names);

  std::vector<Shape> shapes;
  for (size_t i = 0; i < names.size(); ++i) {
    config::InputConfig& input = config.inputs[i];
    shapes.push_back(compiler::sample_shape(input, *graph.inputs[i]));
    if (const std::string wrong = config::wrong_shape(input, shapes.back()); !wrong.empty())
      fail(ErrorCode::config_bad_value, "input '{}' of the model: {}", input.name, wrong);
    check_layout(options, input, *graph.inputs[i]);
    // Whether a raw array is of float32 is told by its folder's name; without calibration data by its own.
    if (input.cal_dir.empty()) input.cal_dir = std::filesystem::absolute(files[i]).parent_path().string();
  }
  const auto dataset = calibration::Dataset::of_files(config, shapes, files);
  std::vector<Tensor> inputs = compiler::SampleReader(config, graph, dataset).floats(0);
  for (size_t i = 0; i < inputs.size(); ++i)
    inputs[i] =
        model_input(*graph.inputs[i], graph, config.inputs[i], dataset.load(0, i), std::move(inputs[i]));

  const std::vector<Dump> dumps = choose_dumps(graph, config.layer_out_dump);
  const std::vector<size_t> outputs = set_outputs(graph, dumps);
  compiler::GraphRunner runner(graph, {}, thread_count(options.threads));
  runner.run(inputs);
  const auto json = write_dumps(options, dumps, outputs, runner, log);
  if (!options.json.empty())
    write_text(options.json, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  return 0;
}

}  // namespace

int infer(const InferOptions& options) {
  return run_command("hb_mapper", "infer", options, [&](report::Log& log) { return run(options, log); });
}

}  // namespace openhb::tools
