// SPDX-License-Identifier: Apache-2.0
#include "host/tools/hb_mapper/checker.h"

#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/io/file.h"
#include "common/text/text.h"
#include "host/checker/check.h"
#include "host/compiler/stages.h"
#include "host/frontend/model.h"
#include "host/frontend/onnx/onnx.h"
#include "host/ops/operator.h"
#include "host/quantize/qdq.h"
#include "host/report/log.h"
#include "host/tools/hb_mapper/shapes.h"
#include "host/tools/hb_mapper/tables.h"
#include "host/tools/run.h"

namespace openhb::tools {
namespace {

constexpr const char* kFolder = "./.hb_check";

graph::Graph import_model(const CheckerOptions& options, report::Log& log) {
  frontend::ModelSource source;
  source.notice = [&](const std::string& sentence) { log.warning("{}", sentence); };
  if (options.model_type == "caffe") {
    if (options.proto.empty())
      fail(ErrorCode::usage,
           "--model-type caffe needs --proto, the .prototxt beside the .caffemodel (--model)");
    source.prototxt = options.proto;
    source.caffemodel = options.model;
  } else {
    if (!options.proto.empty())
      fail(ErrorCode::usage, "--proto belongs to --model-type caffe; an ONNX model is one file (--model)");
    source.onnx = options.model;
  }
  source.input_shapes = shapes_by_name(options.input_shapes);
  return frontend::import_model(source);
}

std::string shapes_text(const std::vector<graph::Value*>& values) {
  std::vector<std::string> list;
  for (const auto* v : values) list.push_back(fmt::format("'{}': [{}]", v->name, fmt::join(v->shape, ", ")));
  return fmt::format("{{{}}}", fmt::join(list, ", "));
}

std::string names_text(const std::vector<graph::Value*>& values) {
  std::vector<std::string> list;
  for (const auto* v : values) list.push_back(fmt::format("'{}'", v->name));
  return fmt::format("[{}]", fmt::join(list, ", "));
}

double percent(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string cost_text(int64_t macs, int64_t bytes, const checker::Report& report) {
  return fmt::format(
      "{:.2f} M multiply-accumulates ({:.1f} % of the network), {:.1f} kB read and written ({:.1f} %)",
      static_cast<double>(macs) / 1e6, percent(macs, report.macs), static_cast<double>(bytes) / 1e3,
      percent(bytes, report.bytes));
}

// What runs on the CPU: nodes with the same reason together, and what their float steps cost.
std::string reasons(const checker::Report& report) {
  std::vector<compiler::NodeReport> rows(report.nodes.begin(), report.nodes.end());
  std::string text;
  for (const ReasonGroup& group : by_reason(rows)) {
    int64_t macs = 0, bytes = 0;
    for (const auto* n : group.nodes) macs += n->macs, bytes += n->bytes;
    text += fmt::format("\n  {}: {}\n      cost in float: {}", names_of(group), group.reason,
                        cost_text(macs, bytes, report));
  }
  return text;
}

nlohmann::ordered_json as_json(const CheckerOptions& options, const checker::Report& report) {
  nlohmann::ordered_json j;
  j["model"] = options.model;
  j["march"] = options.march;
  j["macs"] = report.macs;
  j["bytes"] = report.bytes;
  j["nodes"] = nlohmann::ordered_json::array();
  int64_t cpu = 0;
  for (const auto& n : report.nodes) {
    cpu += n.on == "CPU";
    nlohmann::ordered_json row{{"node", n.node}, {"on", n.on},      {"subgraph", n.subgraph},
                               {"type", n.type}, {"op", n.op},      {"reason", n.reason},
                               {"macs", n.macs}, {"bytes", n.bytes}};
    row["limits"] = nlohmann::ordered_json::array();
    for (const auto& v : n.violations)
      row["limits"].push_back(
          {{"quantity", v.quantity}, {"observed", v.observed}, {"allowed", v.allowed}, {"advice", v.advice}});
    j["nodes"].push_back(std::move(row));
  }
  j["cpu_nodes"] = cpu;
  j["bpu_nodes"] = std::ssize(report.nodes) - cpu;
  return j;
}

nlohmann::ordered_json as_json(const CheckerOptions& options, const std::vector<checker::Problem>& problems) {
  nlohmann::ordered_json j;
  j["model"] = options.model;
  j["march"] = options.march;
  for (const auto& p : problems)
    j["unsupported"].push_back({{"node", p.node},
                                {"op", p.op},
                                {"code", fmt::format("OHB-{:04}", static_cast<int>(p.code))},
                                {"reason", p.sentence}});
  return j;
}

void write_json(const CheckerOptions& options, const nlohmann::ordered_json& json) {
  if (!options.json.empty())
    write_text(options.json, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// Brings the graph to its canonical form, or throws one Error about all nodes that refuse.
void infer(const CheckerOptions& options, graph::Graph& graph, report::Log& log) {
  const graph::Graph imported = graph.clone();
  try {
    ops::infer_shapes(graph);
  } catch (const Error&) {
    const auto problems = checker::problems_of(imported);
    if (problems.empty()) throw;
    std::vector<std::vector<std::string>> rows;
    for (const auto& p : problems) rows.push_back({shortened(p.node), p.op, p.sentence});
    log.info("Nodes that cannot be converted:\n{}", format_table({"Node", "Type", "Reason"}, rows));
    write_json(options, as_json(options, problems));
    throw checker::error_of(problems);
  }
}

// One of the files in kFolder, with the words that the log has for it.
struct Saved {
  const char *words, *file;
};
constexpr Saved kOriginal{"original float", "original_float_model.onnx"},
    kOptimized{"optimized", "optimized_float_model.onnx"}, kCalibrated{"calibrated", "calibrated_model.onnx"},
    kQuantized{"quantized", "quantized_model.onnx"};

void save(const graph::Graph& graph, const Saved& saved, const compiler::Artefacts& artefacts,
          report::Log& log) {
  onnx_frontend::export_onnx(graph, artefacts.staged(saved.file));
  log.info("Saving the {} model: {}.", saved.words, artefacts.path(saved.file));
}

void remove(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

// The remaining artefacts, with ranges of one random sample: they show the form of the quantized model, not
// its accuracy. Where that fails there are none of them; placement does not depend on it.
bool try_quantization(graph::Graph graph, const CheckerOptions& options, const compiler::Artefacts& artefacts,
                      report::Log& log) {
  compiler::Reporter reporter;
  reporter.info = [&](const std::string& line) { log.info("{}", line); };
  config::Config config;
  config.march = options.march;
  config.calibration = config::CalibrationType::skip;
  for (const auto* v : graph.inputs) config.inputs.emplace_back().name = v->name;
  compiler::Conversion c{std::move(config), thread_count(0), reporter, artefacts, std::move(graph)};
  try {
    compiler::open_dataset(c);
    compiler::calibrate(c);
    save(quantize::calibrated_graph(c.graph), kCalibrated, artefacts, log);
    log.info("End to calibrate the model.");
    log.info("Start to quantize the model.");
    const graph::Graph quantized = quantize::quantized_graph(c.graph, {});
    log.info("End to quantize the model.");
    save(quantized, kQuantized, artefacts, log);
    return true;
  } catch (const Error& e) {
    log.warning("The calibrated and the quantized model are not written: {}", e.text());
    for (const Saved& saved : {kCalibrated, kQuantized}) remove(artefacts.staged(saved.file));
    return false;
  }
}

int run(const CheckerOptions& options, report::Log& log) {
  if (!options.output.empty()) log.warning("--output has no effect; the log is {}", log.path());
  const auto march = march::find_march(options.march);
  if (!march) fail(ErrorCode::usage, "--march {} is not known", options.march);
  log.info("Model type: {}", options.model_type);
  graph::Graph graph = import_model(options, log);
  log.info("input names {}", names_text(graph.inputs));
  log.info("input shapes {}", shapes_text(graph.inputs));
  log.info("Begin model checking....");
  if (options.input_shapes.empty())
    log.info("The input parameter is not specified, convert with default parameters.");
  log.info("Start to parse the {} model.", options.model_type);
  if (options.model_type == "onnx")
    log.info("Input ONNX model information:\n{:<26}{}\n{:<26}[{}]\n{:<26}{}",
             "ONNX IR version:", graph.ir_version, "Opset version:", graph.opset,
             "Producer:", graph.producer);
  infer(options, graph, log);
  log.info("output shapes {}", shapes_text(graph.outputs));
  log.info("End to parse the {} model.", options.model_type);
  compiler::Artefacts artefacts(kFolder, "checker");
  save(graph, kOriginal, artefacts, log);
  log.info("Start to optimize the model.");
  compiler::optimize(graph);
  log.info("End to optimize the model.");
  save(graph, kOptimized, artefacts, log);
  const bool quantized = try_quantization(graph.clone(), options, artefacts, log);
  log.info("Start to compile the model with march {}.", options.march);
  const checker::Report report = checker::check(graph, *march);
  log.info("End to compile the model with march {}.", options.march);
  artefacts.commit();
  if (!quantized)  // what lies there is of another model
    for (const Saved& saved : {kCalibrated, kQuantized}) remove(artefacts.path(saved.file));
  const std::vector<compiler::NodeReport> rows(report.nodes.begin(), report.nodes.end());
  log.info("The converted model node information:\n{}", node_table(rows, false));
  int64_t cpu = 0, cpu_macs = 0, cpu_bytes = 0;
  for (const auto& n : rows)
    if (n.on == "CPU") ++cpu, cpu_macs += n.macs, cpu_bytes += n.bytes;
  if (cpu > 0) log.info("These nodes run on the CPU in float:{}", reasons(report));
  log.info("{} of {} nodes run on the BPU; on the CPU: {}", std::ssize(rows) - cpu, rows.size(),
           cost_text(cpu_macs, cpu_bytes, report));
  log.info("ONNX model output num : {}", graph.outputs.size());
  write_json(options, as_json(options, report));
  if (options.strict && cpu > 0)
    fail(ErrorCode::compile_failed,
         "{} of {} nodes run on the CPU, the first one is '{}': {}. --strict wants all on the BPU", cpu,
         rows.size(), by_reason(rows).front().nodes.front()->node, by_reason(rows).front().reason);
  log.info("End model checking....");
  return 0;
}

}  // namespace

int checker(const CheckerOptions& options) {
  return run_command("hb_mapper", "checker", options, [&](report::Log& log) { return run(options, log); });
}

}  // namespace openhb::tools
