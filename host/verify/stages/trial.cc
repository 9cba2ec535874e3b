// SPDX-License-Identifier: Apache-2.0
#include "host/verify/stages/trial.h"

#include <algorithm>
#include <thread>
#include <unordered_set>

#include "common/io/interrupt.h"
#include "host/compiler/build.h"
#include "host/compiler/evaluate.h"
#include "host/ops/operator.h"
#include "host/precision/assign.h"
#include "host/quantize/qdq.h"

namespace openhb::verify {
namespace {

// For one run or a few: looking for the smallest memory, as other levels do, takes far longer than these.
compiler::GraphRunner throwaway_runner(const graph::Graph& graph, int threads) {
  return compiler::GraphRunner(engine::Model::create(compiler::build_program(graph, {}, {.level = 0})),
                               threads);
}

}  // namespace

std::unique_ptr<Trial> Trial::make(const Network& network, const std::vector<std::string>& folders,
                                   const std::string& end, std::function<void()> ran) {
  auto trial = std::make_unique<Trial>();
  trial->network_ = &network, trial->end_ = end, trial->ran_ = std::move(ran);
  for (const std::string& folder : folders) {
    const StageSample floats(folder);
    const DumpedTensor* wanted = floats.find(end);
    auto values = wanted ? real_values(*wanted) : std::nullopt;
    if (!values) return nullptr;
    Sample sample{{}, std::move(*values)};
    for (const graph::Value* v : network.graph.inputs) {
      const DumpedTensor* t = floats.input(v->name);
      if (!t || t->values.dtype() != v->dtype || t->values.rank() != v->shape.size()) return nullptr;
      // A program of a larger batch: its first sample.
      const auto bytes = static_cast<size_t>(num_elements(v->shape)) * dtype_size(v->dtype);
      Shape rest = t->values.shape();
      if (!rest.empty()) rest[0] = v->shape[0];
      if (rest != v->shape || t->values.bytes().size() < bytes) return nullptr;
      Tensor own(v->dtype, v->shape);
      std::ranges::copy(t->values.bytes().first(bytes), own.bytes().begin());
      sample.inputs[v->name] = std::move(own);
    }
    trial->samples_.push_back(std::move(sample));
  }
  return trial;
}

Similarity Trial::run(const Change& change) const {
  Similarity result{0, kMostNoise};  // what cannot run helps nobody
  try {
    result = run_changed(change);
  } catch (const Error&) {
  }
  if (ran_) ran_();
  return result;
}

Similarity Trial::run_changed(const Change& change) const {
  check_interrupt();
  graph::Graph annotated = network_->graph.clone();
  change(annotated);
  annotated.outputs = {annotated.find_value(end_)};
  annotated.remove_dead();
  check_interrupt();
  graph::Graph calibrated = quantize::calibrated_graph(annotated);
  ops::infer_shapes(calibrated);
  const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  check_interrupt();
  compiler::GraphRunner runner = throwaway_runner(calibrated, threads);
  Similarity result;
  for (const Sample& sample : samples_) {
    check_interrupt();
    std::vector<Tensor> inputs;
    for (const ProgramInput& in : runner.program().inputs) inputs.push_back(sample.inputs.at(in.name));
    runner.run(inputs);
    const Tensor output = runner.output(0);
    const auto values = output.data<float>();
    const auto wanted = std::span(sample.wanted).first(std::min(sample.wanted.size(), values.size()));
    const Similarity s = similarity(values, wanted);
    if (&sample == &samples_.front()) result.cosine = s.cosine;
    result.noise += s.noise / static_cast<double>(samples_.size());
  }
  return result;
}

std::optional<std::vector<float>> recomputed(const Network& network, const std::string& value,
                                             const std::vector<std::string>& sources,
                                             const StageSample& stage) try {
  graph::Graph part = network.graph.clone();
  part.outputs = {part.find_value(value)};
  part.inputs.clear();
  std::vector<Tensor> inputs;
  for (const std::string& name : sources) {
    const DumpedTensor* t = stage.find(name);
    auto values = t ? real_values(*t) : std::nullopt;
    graph::Value* v = part.find_value(name);
    if (!values || !v || static_cast<int64_t>(values->size()) != num_elements(v->shape)) return std::nullopt;
    if (v->producer) part.remove_node(v->producer);
    part.inputs.push_back(v);
    inputs.push_back(Tensor::from<float>(v->shape, *values));
  }
  part.remove_dead();
  graph::Graph calibrated = quantize::calibrated_graph(part);
  ops::infer_shapes(calibrated);
  compiler::GraphRunner runner = throwaway_runner(calibrated, 1);
  if (runner.program().inputs.size() != inputs.size()) return std::nullopt;
  runner.run(inputs);
  const Tensor output = runner.output(0);
  const auto values = output.data<float>();
  return std::vector<float>(values.begin(), values.end());
} catch (const Error&) {
  return std::nullopt;
}

void set_codes(graph::Graph& graph, const std::string& name, const QuantParams& quant, DType codes) {
  std::unordered_set<const graph::Value*> changed;
  const auto set = [&](graph::Value* v) {
    v->quant = quant, v->codes = codes;
    changed.insert(v);
  };
  if (graph::Value* v = graph.find_value(name); v && v->quant) set(v);
  for (const auto& node : graph.nodes()) {
    if (!node->int8 || !changed.contains(node->input(0))) continue;
    if (ops::op_of(*node, graph.opset).quant(*node).kind != ops::QuantKind::passive) continue;
    for (graph::Value* v : node->outputs)
      if (v->quant) set(v);
  }
}

void set_fine_codes(graph::Graph& graph, const std::string& value, float lo, float hi) {
  set_codes(graph, value, precision::int16_of_range({lo, hi}), DType::i16);
}

bool set_int16(graph::Graph& graph, const std::string& name, float lo, float hi) {
  graph::Value* v = graph.find_value(name);
  if (!v || !v->quant || v->codes == DType::i16) return false;
  std::unordered_map<const graph::Value*, DType> was;
  std::unordered_set<const graph::Value*> wanted{v};
  for (const auto& other : graph.values()) {
    was[other.get()] = other->codes;
    if (other->codes == DType::i16) wanted.insert(other.get());
  }
  precision::assign_int16(graph, wanted);
  const bool taken = v->codes == DType::i16;
  std::vector<graph::Value*> fresh;
  for (const auto& other : graph.values()) {
    if (taken && other->codes == DType::i16 && was[other.get()] != DType::i16 && other->quant)
      fresh.push_back(other.get());
    else
      other->codes = was[other.get()];
  }
  for (graph::Value* other : fresh)
    other->quant = precision::int16_of_range({std::min(lo, other->range_lo), std::max(hi, other->range_hi)});
  return taken;
}

std::vector<const graph::Node*> makers(const graph::Graph& graph, const graph::Value& value) {
  std::vector<const graph::Node*> list;
  const graph::Node* node = value.producer;
  if (node && node->int8) list.push_back(node);
  // Behind an activation: what it is fused into, whose result has no codes of its own.
  const graph::Value* before = node && !node->inputs.empty() ? node->input(0) : nullptr;
  if (before && !before->quant && before->producer && before->producer->int8)
    if (ops::op_of(*before->producer, graph.opset).quant(*before->producer).kind == ops::QuantKind::compute)
      list.insert(list.begin(), before->producer);
  return list;
}

void set_float(graph::Graph& graph, const std::string& name) {
  const graph::Value* v = graph.find_value(name);
  if (!v) return;
  for (const graph::Node* node : makers(graph, *v)) graph.find_node(node->name)->int8 = false;
}

}  // namespace openhb::verify
