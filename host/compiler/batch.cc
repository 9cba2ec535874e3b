// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/batch.h"

#include <algorithm>

#include "host/calibration/random.h"
#include "host/compiler/evaluate.h"
#include "host/ops/operator.h"

namespace openhb::compiler {
namespace {

[[noreturn]] void refuse(int64_t batch, const std::string& why) {
  fail(
      ErrorCode::config_bad_value,
      "input_batch {} is not possible with this model: {}. Set input_batch to 1 and run the program once per "
      "sample, or export the model for the batch",
      batch, why);
}

// A constant that spells out the shape for one sample: Reshape's target. 0 takes the input's extent.
void open_reshape(graph::Graph& graph, graph::Node& node) {
  const Value* x = node.input(0);
  const Value* target = node.input(1);
  if (node.op != "Reshape" || !target || !target->is_constant() || x->is_constant()) return;
  const auto extents = target->constant->data<int64_t>();
  if (extents.empty() || extents[0] != 1 || x->shape.empty() || node.attr_int("allowzero", 0) != 0) return;
  Tensor open(DType::i64, target->shape);
  std::ranges::copy(extents, open.data<int64_t>().begin());
  open.data<int64_t>()[0] = 0;
  node.inputs[1] = graph.add_constant(target->name + "_batch", std::move(open));
}

graph::Graph resized(const graph::Graph& graph, int64_t batch) {
  graph::Graph result = graph.clone();
  for (Value* input : result.inputs) input->shape[0] = batch;
  for (const auto& node : result.nodes()) open_reshape(result, *node);
  std::map<std::string, Shape> single;
  for (const auto& value : graph.values())
    if (!value->is_constant()) single[value->name] = value->shape;
  try {
    ops::infer_shapes(result);
  } catch (const Error& e) {
    refuse(batch, e.what());
  }
  for (const auto& node : result.nodes())
    for (const Value* value : node->outputs) {
      const auto before = single.find(value->name);
      if (value->is_constant() || before == single.end()) continue;
      Shape expected = before->second;
      if (!expected.empty()) expected[0] *= batch;
      if (before->second.empty() || before->second[0] != 1)
        refuse(batch, fmt::format("{} gives {}, whose first dimension is not that of the samples",
                                  node->describe(), to_string(before->second)));
      if (value->shape != expected)
        refuse(batch,
               fmt::format("{} gives {} for one sample, but {} for {}, not {}", node->describe(),
                           to_string(before->second), to_string(value->shape), batch, to_string(expected)));
    }
  return result;
}

Tensor random_input(const TensorDesc& desc, uint64_t seed) {
  calibration::Random random(seed);
  Tensor t(desc.dtype, desc.logical_shape());
  if (desc.dtype == DType::f32)
    for (float& v : t.data<float>()) v = random.normal();
  else if (desc.dtype == DType::u8 || desc.dtype == DType::i8)
    for (std::byte& b : t.bytes()) b = static_cast<std::byte>(static_cast<uint8_t>(random.byte()));
  else if (desc.dtype == DType::i32 || desc.dtype == DType::i64)  // positions and counts
    for (size_t i = 0; i < t.size(); ++i)
      t.bytes()[i * dtype_size(desc.dtype)] = static_cast<std::byte>(static_cast<uint8_t>(random.byte()) % 2);
  return t;
}

using Results = std::map<std::string, std::vector<std::byte>>;  // of named tensors, in ONNX axis order

Results run(GraphRunner& runner, const std::vector<Tensor>& inputs) {
  Results results;
  runner.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
    Tensor t(desc.dtype, desc.logical_shape());
    engine::load_tensor(desc, data, t.bytes());
    results[desc.name] = {t.bytes().begin(), t.bytes().end()};
  });
  for (size_t o = 0; o < runner.program().outputs.size(); ++o) {
    const Tensor t = runner.output(o);
    results[runner.program().outputs[o].name] = {t.bytes().begin(), t.bytes().end()};
  }
  return results;
}

// Each of two samples must give what it gives alone.
void check_independence(const graph::Graph& one, int64_t batch, const LowerOptions& options) {
  const graph::Graph two = resized(one, 2);
  GraphRunner alone(one, options, 1), together(two, options, 1);
  std::vector<Tensor> both;
  Results single[2];
  for (const auto& in : together.program().inputs)
    both.emplace_back(together.program().tensors[in.tensor].dtype,
                      together.program().tensors[in.tensor].logical_shape());
  for (uint64_t s = 0; s < 2; ++s) {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < both.size(); ++i) {
      inputs.push_back(
          random_input(alone.program().tensors[alone.program().inputs[i].tensor], 2 * i + s + 1));
      std::ranges::copy(inputs[i].bytes(),
                        both[i].bytes().begin() + static_cast<std::ptrdiff_t>(s * inputs[i].bytes().size()));
    }
    single[s] = run(alone, inputs);
  }
  const Results results = run(together, both);
  const auto differs = [&](const std::string& name) {
    const auto joint = results.find(name);
    if (joint == results.end() || !single[0].contains(name)) return false;
    std::vector<std::byte> expected = single[0][name];
    expected.insert(expected.end(), single[1][name].begin(), single[1][name].end());
    return expected != joint->second;
  };
  for (const auto& node : one.nodes())
    for (const Value* value : node->outputs)
      for (const char* form : {"", "_HzDequantize", "_HzQuantize"})
        if (differs(value->name + form))
          refuse(batch, fmt::format("{} mixes samples along the first dimension", node->describe()));
}

}  // namespace

graph::Graph batched(const graph::Graph& graph, int64_t batch, const LowerOptions& options) {
  graph::Graph result = resized(graph, batch);
  check_independence(graph, batch, options);
  return result;
}

}  // namespace openhb::compiler
