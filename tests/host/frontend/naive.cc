// SPDX-License-Identifier: Apache-2.0
#include "tests/host/frontend/naive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace openhb::test {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

using Ints = std::vector<int64_t>;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Calls f(index) for every index of the shape, in row-major order.
void for_each_index(const Shape& shape, const std::function<void(const Ints&)>& f) {
  const int64_t count = num_elements(shape);
  Ints index(shape.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    f(index);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

size_t offset(const Shape& shape, const Ints& index) {
  int64_t result = 0;
  for (size_t d = 0; d < shape.size(); ++d) result = result * shape[d] + index[d];
  return static_cast<size_t>(result);
}

float at(const Tensor& t, const Ints& index) { return t.data<float>()[offset(t.shape(), index)]; }

// With NumPy broadcasting: aligned right, extents of 1 repeat.
float at_broadcast(const Tensor& t, const Ints& index) {
  Ints own(t.rank());
  for (size_t d = 0; d < own.size(); ++d)
    own[d] = t.shape()[d] == 1 ? 0 : index[index.size() - own.size() + d];
  return at(t, own);
}

Tensor make(const Shape& shape, const std::function<float(const Ints&)>& f) {
  Tensor t(DType::f32, shape);
  size_t i = 0;
  for_each_index(shape, [&](const Ints& index) { t.data<float>()[i++] = f(index); });
  return t;
}

struct Window {
  Ints kernel, stride, dilation, pads;
};

Window window(const Node& node, Ints kernel) {
  return {kernel, node.attr_ints("strides", {1, 1}), node.attr_ints("dilations", {1, 1}),
          node.attr_ints("pads", {0, 0, 0, 0})};
}

int64_t extent(const Window& w, int64_t in, size_t d) {
  return (in + w.pads[d] + w.pads[d + 2] - (w.kernel[d] - 1) * w.dilation[d] - 1) / w.stride[d] + 1;
}

Tensor conv(const Node& node, const Tensor& x, const Tensor& w, const Tensor* b) {
  const Window win = window(node, {w.shape()[2], w.shape()[3]});
  const int64_t groups = node.attr_int("group", 1), per_group = w.shape()[0] / groups;
  const Shape shape{x.shape()[0], w.shape()[0], extent(win, x.shape()[2], 0), extent(win, x.shape()[3], 1)};
  return make(shape, [&](const Ints& o) {
    double sum = b ? b->data<float>()[static_cast<size_t>(o[1])] : 0;
    for_each_index({w.shape()[1], win.kernel[0], win.kernel[1]}, [&](const Ints& k) {
      const int64_t row = o[2] * win.stride[0] - win.pads[0] + k[1] * win.dilation[0];
      const int64_t column = o[3] * win.stride[1] - win.pads[1] + k[2] * win.dilation[1];
      if (row < 0 || row >= x.shape()[2] || column < 0 || column >= x.shape()[3]) return;
      sum += double{at(x, {o[0], o[1] / per_group * w.shape()[1] + k[0], row, column})} *
             double{at(w, {o[1], k[0], k[1], k[2]})};
    });
    return static_cast<float>(sum);
  });
}

Tensor conv_transpose(const Node& node, const Tensor& x, const Tensor& w, const Tensor* b) {
  const auto stride = node.attr_ints("strides", {1, 1});
  const int64_t groups = node.attr_int("group", 1), in_per_group = w.shape()[0] / groups;
  const Shape shape{x.shape()[0], w.shape()[1] * groups, (x.shape()[2] - 1) * stride[0] + w.shape()[2],
                    (x.shape()[3] - 1) * stride[1] + w.shape()[3]};
  Tensor y =
      make(shape, [&](const Ints& o) { return b ? b->data<float>()[static_cast<size_t>(o[1])] : 0.0f; });
  for_each_index(x.shape(), [&](const Ints& i) {
    for_each_index({w.shape()[1], w.shape()[2], w.shape()[3]}, [&](const Ints& k) {
      const Ints o{i[0], i[1] / in_per_group * w.shape()[1] + k[0], i[2] * stride[0] + k[1],
                   i[3] * stride[1] + k[2]};
      y.data<float>()[offset(shape, o)] += at(x, i) * at(w, {i[1], k[0], k[1], k[2]});
    });
  });
  return y;
}

Tensor gemm(const Node& node, const Tensor& a, const Tensor& w, const Tensor* c) {
  const bool transposed = node.attr_int("transB", 0) != 0;
  const int64_t depth = a.shape()[1], columns = w.shape()[transposed ? 0 : 1];
  return make({a.shape()[0], columns}, [&](const Ints& o) {
    double sum = 0;
    for (int64_t k = 0; k < depth; ++k)
      sum += double{at(a, {o[0], k})} * double{transposed ? at(w, {o[1], k}) : at(w, {k, o[1]})};
    return static_cast<float>(sum * node.attr_float("alpha", 1) +
                              (c ? double{at_broadcast(*c, o)} * node.attr_float("beta", 1) : 0.0));
  });
}

Tensor pool(const Node& node, const Tensor& x) {
  const Window win = window(node, node.attr_ints("kernel_shape", {}));
  const bool average = node.op == "AveragePool", count_pads = node.attr_int("count_include_pad", 0) != 0;
  const Shape shape{x.shape()[0], x.shape()[1], extent(win, x.shape()[2], 0), extent(win, x.shape()[3], 1)};
  return make(shape, [&](const Ints& o) {
    float sum = 0, maximum = -kInfinity;
    int count = 0;
    for_each_index(win.kernel, [&](const Ints& k) {
      const int64_t row = o[2] * win.stride[0] - win.pads[0] + k[0];
      const int64_t column = o[3] * win.stride[1] - win.pads[1] + k[1];
      const bool inside = row >= 0 && row < x.shape()[2] && column >= 0 && column < x.shape()[3];
      if (inside || count_pads) ++count;
      if (!inside) return;
      sum += at(x, {o[0], o[1], row, column});
      maximum = std::max(maximum, at(x, {o[0], o[1], row, column}));
    });
    return average ? sum / static_cast<float>(count) : maximum;
  });
}

Tensor pad(const Node& node, const Tensor& x, const Ints& pads, float value) {
  Shape shape = x.shape();
  for (size_t d = 0; d < shape.size(); ++d) shape[d] += pads[d] + pads[d + shape.size()];
  EXPECT_EQ(node.attr_string("mode", "constant"), "constant");
  return make(shape, [&](Ints index) {
    for (size_t d = 0; d < shape.size(); ++d) {
      index[d] -= pads[d];
      if (index[d] < 0 || index[d] >= x.shape()[d]) return value;
    }
    return at(x, index);
  });
}

Tensor transpose(const Node& node, const Tensor& x) {
  Ints perm = node.attr_ints("perm", {});
  if (perm.empty()) {
    perm.resize(x.rank());
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  Shape shape;
  for (const int64_t axis : perm) shape.push_back(x.shape()[static_cast<size_t>(axis)]);
  return make(shape, [&](const Ints& o) {
    Ints i(o.size());
    for (size_t d = 0; d < o.size(); ++d) i[static_cast<size_t>(perm[d])] = o[d];
    return at(x, i);
  });
}

Tensor batch_norm(const Node& node, const std::vector<const Tensor*>& in) {
  return make(in[0]->shape(), [&](const Ints& i) {
    const auto p = [&](size_t k) { return double{in[k]->data<float>()[static_cast<size_t>(i[1])]}; };
    const double epsilon = node.attr_float("epsilon", 1e-5f);
    return static_cast<float>((double{at(*in[0], i)} - p(3)) / std::sqrt(p(4) + epsilon) * p(1) + p(2));
  });
}

Tensor binary(const Node& node, const Tensor& a, const Tensor& b) {
  Shape shape(std::max(a.rank(), b.rank()), 1);
  for (const Tensor* t : {&a, &b})
    for (size_t d = 0; d < t->rank(); ++d) {
      int64_t& extent_d = shape[shape.size() - t->rank() + d];
      extent_d = std::max(extent_d, t->shape()[d]);
    }
  return make(shape, [&](const Ints& i) {
    const float x = at_broadcast(a, i), y = at_broadcast(b, i);
    return node.op == "Mul" ? x * y : node.op == "Add" ? x + y : node.op == "Sub" ? x - y : x / y;
  });
}

Tensor clip(const Graph& graph, const Node& node, const std::vector<const Tensor*>& in) {
  float lo = -kInfinity, hi = kInfinity;
  if (node.op == "Relu") {
    lo = 0;
  } else if (graph.opset < 11) {
    lo = node.attr_float("min", lo), hi = node.attr_float("max", hi);
  } else {
    if (in.size() > 1 && in[1]) lo = in[1]->data<float>()[0];
    if (in.size() > 2 && in[2]) hi = in[2]->data<float>()[0];
  }
  return make(in[0]->shape(), [&](const Ints& i) { return std::min(std::max(at(*in[0], i), lo), hi); });
}

Tensor run(const Graph& graph, const Node& node, const std::vector<const Tensor*>& in) {
  const auto third = in.size() > 2 ? in[2] : nullptr;
  const std::string& op = node.op;
  if (op == "Conv") return conv(node, *in[0], *in[1], third);
  if (op == "ConvTranspose") return conv_transpose(node, *in[0], *in[1], third);
  if (op == "Gemm" || op == "MatMul") return gemm(node, *in[0], *in[1], third);
  if (op == "AveragePool" || op == "MaxPool") return pool(node, *in[0]);
  if (op == "BatchNormalization") return batch_norm(node, in);
  if (op == "Transpose") return transpose(node, *in[0]);
  if (op == "Relu" || op == "Clip") return clip(graph, node, in);
  if (op == "Mul" || op == "Add" || op == "Sub" || op == "Div") return binary(node, *in[0], *in[1]);
  if (op == "Pad") {
    const auto pads = in.size() > 1 ? Ints(in[1]->data<int64_t>().begin(), in[1]->data<int64_t>().end())
                                    : node.attr_ints("pads", {});
    return pad(node, *in[0], pads, third ? third->data<float>()[0] : node.attr_float("value", 0));
  }
  for (const auto moving : {"Identity", "Cast", "Slice", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})
    if (op == moving) return in[0]->reshaped(node.outputs[0]->shape);
  ADD_FAILURE() << "the test evaluator has no " << op;
  return *in[0];
}

}  // namespace

Tensors evaluate(const Graph& graph, const Tensors& inputs) {
  std::map<const Value*, Tensor> values;
  for (const auto& value : graph.values())
    if (value->is_constant()) values[value.get()] = *value->constant;
  for (const Value* input : graph.inputs) values[input] = inputs.at(input->name);
  for (const auto& node : graph.nodes()) {
    std::vector<const Tensor*> in;
    for (const Value* input : node->inputs) in.push_back(input ? &values.at(input) : nullptr);
    values[node->outputs[0]] = run(graph, *node, in);
  }
  Tensors result;
  for (const Value* output : graph.outputs) result[output->name] = values.at(output);
  return result;
}

Tensor Builder::random(Shape shape, float lo, float hi) {
  std::uniform_real_distribution<float> distribution(lo, hi);
  return make(shape, [&](const Ints&) { return distribution(random_); });
}

Value* Builder::input(const std::string& name, Shape shape) {
  Value* value = graph.add_value(name, DType::f32, std::move(shape));
  graph.inputs.push_back(value);
  return value;
}

Value* Builder::constant(const std::string& name, Shape shape, float lo, float hi) {
  return graph.add_constant(name, random(std::move(shape), lo, hi));
}

Value* Builder::scalar(const std::string& name, float value) {
  return graph.add_constant(name, Tensor::from<float>({}, std::span(&value, 1)));
}

Value* Builder::ints(const std::string& name, std::vector<int64_t> values) {
  return graph.add_constant(name, Tensor::from<int64_t>({static_cast<int64_t>(values.size())}, values));
}

Value* Builder::node(const std::string& op, const std::string& name, std::vector<Value*> inputs, Shape shape,
                     std::map<std::string, graph::Attribute> attributes) {
  Node* node = graph.add_node(op, name, std::move(inputs), {name});
  node->attributes = std::move(attributes);
  node->outputs[0]->shape = std::move(shape);
  return node->outputs[0];
}

void Builder::check(void (*pass)(Graph&)) {
  Tensors inputs;
  for (const Value* input : graph.inputs) inputs[input->name] = random(input->shape, -2, 2);
  const Tensors before = evaluate(graph, inputs);
  pass(graph);
  graph.sort();
  const Tensors after = evaluate(graph, inputs);
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, expected] : before) {
    ASSERT_TRUE(after.contains(name)) << "output " << name << " has lost its name";
    const Tensor& found = after.at(name);
    ASSERT_EQ(to_string(expected.shape()), to_string(found.shape())) << name;
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(expected.data<float>()[i], found.data<float>()[i], 2e-5) << name << " at " << i;
  }
  for (const auto& value : graph.values()) {
    if (!value->producer) continue;
    const auto& outputs = value->producer->outputs;
    EXPECT_NE(std::ranges::find(outputs, value.get()), outputs.end()) << value->name;
  }
}

std::string Builder::ops() const {
  std::string result;
  for (const auto& node : graph.nodes()) result += (result.empty() ? "" : " ") + node->op;
  return result;
}

}  // namespace openhb::test
