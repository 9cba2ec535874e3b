// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "common/io/interrupt.h"
#include "host/compiler/calibrate.h"

namespace openhb::compiler {
namespace {

std::optional<double> threshold_of(const graph::Node& node) {
  const graph::Value* x = node.input(0);
  if (!node.int8 || !x || !x->quant) return std::nullopt;
  if (!x->producer && x->quant->scale() == 1.0f) return 127.0;
  return std::max(-x->range_lo, x->range_hi);
}

// Output o as real numbers; empty when it is none (an index, a truth value).
std::vector<float> real_output(const GraphRunner& runner, size_t o) {
  const Tensor values = runner.output(o);
  TensorDesc desc = runner.program().tensors[runner.program().outputs[o].tensor];
  if (values.dtype() != DType::f32 && desc.quant.empty()) return {};
  desc.pitch = desc.dims.empty() ? 1 : desc.dims.back();  // as GraphRunner::output stores it
  return real_values(desc, values.bytes().data());
}

}  // namespace

void fill_thresholds(const graph::Graph& graph, ConversionReport& report) {
  for (size_t i = 0; i < report.nodes.size(); ++i)
    report.nodes[i].threshold = threshold_of(*graph.nodes()[i]);
}

std::unordered_map<std::string, double> tensor_similarity(GraphRunner& real, GraphRunner& integer,
                                                          const SampleReader& samples, size_t sample,
                                                          const std::function<void()>& each_tensor) {
  // The int8 run first: its tensors are the smaller ones to keep.
  struct Kept {
    TensorDesc desc;
    std::vector<std::byte> bytes;
  };
  std::unordered_map<std::string, Kept> codes;
  integer.run(samples.program_inputs(sample), [&](const TensorDesc& desc, const std::byte* data) {
    check_interrupt();
    if (each_tensor) each_tensor();
    codes[desc.name] = {desc, {data, data + desc.byte_extent()}};
  });
  std::unordered_map<std::string, double> similarity;
  real.run(samples.floats(sample), [&](const TensorDesc& desc, const std::byte* data) {
    check_interrupt();
    if (each_tensor) each_tensor();
    const auto it = codes.find(desc.name);
    if (desc.dtype != DType::f32 || it == codes.end() ||
        it->second.desc.logical_shape() != desc.logical_shape())
      return;
    similarity[desc.name] =
        cosine(real_values(desc, data), real_values(it->second.desc, it->second.bytes.data()));
  });
  return similarity;
}

void compare_programs(const graph::Graph& graph, std::shared_ptr<const engine::Model> unfolded,
                      const SampleReader& samples, int threads, const Reporter& reporter,
                      ConversionReport& report) {
  GraphRunner integer(std::move(unfolded), threads), real(graph, {}, threads);
  size_t done = 0, tensors = 0;
  for (const Program* program : {&integer.program(), &real.program()})
    for (const Step& step : program->steps) tensors += step.completes.size();
  const auto similarity =
      tensor_similarity(real, integer, samples, 0, [&] { reporter.progress("compare", ++done, tensors); });
  for (size_t o = 0; o < graph.outputs.size(); ++o) {
    const auto& outputs = integer.program().outputs;
    if (o >= outputs.size() || outputs[o].name != graph.outputs[o]->name) continue;  // edited on the way
    const std::vector<float> a = real_output(real, o), b = real_output(integer, o);
    if (a.empty() || a.size() != b.size()) continue;
    OutputReport row{graph.outputs[o]->name, cosine(a, b), 0, 0, 0};
    for (size_t i = 0; i < a.size(); ++i) {
      const double d = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
      row.l1 += d, row.l2 += d * d, row.chebyshev = std::max(row.chebyshev, d);
    }
    row.l1 /= static_cast<double>(std::max<size_t>(a.size(), 1));
    row.l2 /= static_cast<double>(std::max<size_t>(a.size(), 1));
    report.outputs.push_back(row);
  }
  const auto consumers = graph.consumers();
  for (NodeReport& row : report.nodes) {
    const graph::Node* found = graph.find_node(row.node);
    if (!found) continue;  // somebody edited a model on the way
    const graph::Node& node = *found;
    // A fused activation's tensor is what both nodes produce.
    const graph::Value* result = node.outputs[0];
    if (const graph::Node* next = fusable_activation(node, consumers, graph);
        next && !similarity.contains(result->name))
      result = next->outputs[0];
    if (const auto it = similarity.find(result->name); it != similarity.end()) row.cosine = it->second;
  }
}

}  // namespace openhb::compiler
