// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "host/passes/channel_affine.h"
#include "host/passes/passes.h"
#include "host/passes/rewrite.h"

namespace openhb::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// The constant's element for each channel when it broadcasts over [N, C, ...] along C only and leaves the
// shape as it is; nullopt otherwise.
std::optional<std::vector<double>> per_channel(const Tensor& constant, const ChannelOutput& output) {
  const Shape& shape = constant.shape();
  if (shape.size() > output.rank) return std::nullopt;
  const size_t first = output.rank - shape.size();  // axis of the output that shape[0] stands for
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != 1 && (first + i != 1 || shape[i] != output.channels)) return std::nullopt;
  std::vector<double> result;
  for (size_t c = 0; c < static_cast<size_t>(output.channels); ++c)
    result.push_back(constant.data<float>()[constant.size() == 1 ? 0 : c]);
  return result;
}

// x op c, or c op x with `constant_first`, as x * scale + shift; nullopt when it is not affine in x.
std::optional<std::pair<double, double>> as_affine(std::string_view op, double c, bool constant_first) {
  if (op == "Mul") return std::pair(c, 0.0);
  if (op == "Add") return std::pair(1.0, c);
  if (op == "Sub") return constant_first ? std::pair(-1.0, c) : std::pair(1.0, -c);
  if (op == "Div" && !constant_first && c != 0) return std::pair(1 / c, 0.0);
  return std::nullopt;
}

bool fold_into_compute(Graph& graph, Node& node) {
  if (node.inputs.size() != 2) return false;
  const bool constant_first = node.input(0) && node.input(0)->is_constant();
  const Tensor* constant = constant_floats(node.input(constant_first ? 0 : 1));
  Node* compute = exclusive_producer(graph, node, constant_first ? 1 : 0);
  const auto output = compute ? channel_output(*compute) : std::nullopt;
  if (!constant || !output) return false;
  const auto values = per_channel(*constant, *output);
  if (!values) return false;
  std::vector<double> scale, shift;
  for (const double c : *values) {
    const auto affine = as_affine(node.op, c, constant_first);
    if (!affine) return false;
    scale.push_back(affine->first);
    shift.push_back(affine->second);
  }
  if (!apply_channel_affine(graph, *compute, scale, shift)) return false;
  absorb(graph, compute, &node);
  return true;
}

// x [M, K] times constant [K, N], plus constant [N], is Gemm.
bool fold_into_gemm(Graph& graph, Node& node) {
  if (!is_op(node, "Add") || node.inputs.size() != 2) return false;
  const size_t constant_index = node.input(0) && node.input(0)->is_constant() ? 0 : 1;
  const Tensor* constant = constant_floats(node.input(constant_index));
  Node* matmul = exclusive_producer(graph, node, 1 - constant_index);
  if (!constant || !matmul || !is_op(*matmul, "MatMul")) return false;
  const Tensor* weights = constant_floats(matmul->input(1));
  if (!weights || weights->rank() != 2 || !matmul->input(0) || matmul->input(0)->shape.size() != 2)
    return false;
  const int64_t n = weights->shape()[1];
  const auto values = per_channel(*constant, ChannelOutput{2, n});
  if (!values) return false;
  Value* bias = node.input(constant_index);
  if (constant->shape() != Shape{n}) {
    std::vector<float> row;
    std::ranges::transform(*values, std::back_inserter(row), [](double v) { return static_cast<float>(v); });
    bias = graph.add_constant(matmul->name + "_bias", Tensor::from<float>({n}, row));
  }
  matmul->op = "Gemm";
  matmul->inputs.push_back(bias);
  absorb(graph, matmul, &node);
  return true;
}

}  // namespace

void fold_affine(Graph& graph) {
  to_fixpoint(graph, [&](Node& node) {
    for (const auto op : {"Mul", "Add", "Sub", "Div"})
      if (is_op(node, op)) return fold_into_compute(graph, node) || fold_into_gemm(graph, node);
    return false;
  });
}

}  // namespace openhb::passes
