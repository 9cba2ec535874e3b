// SPDX-License-Identifier: Apache-2.0
#include "host/ops/control.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using graph::Subgraph;

constexpr int64_t kMaxIterations = 4096;
constexpr size_t kMaxNodes = 1 << 18;  // of the graph while loops unroll

// The graph's nodes before the rewritten one, its inputs replaced by `actual`. Returns its outputs.
std::vector<Value*> expand(Rewriter& r, const Subgraph& body, const std::vector<Value*>& actual) {
  const Node& at = r.node();
  if (actual.size() != body.graph.inputs.size())
    fail(ErrorCode::model_structure, "{}: its graph has {} inputs, {} values are given", at.describe(),
         body.graph.inputs.size() - body.captures, actual.size() - body.captures);
  if (r.graph().nodes().size() + body.graph.nodes().size() > kMaxNodes)
    fail(ErrorCode::model_unsupported_op, "{}: unrolled, the network has more than {} nodes", at.describe(),
         kMaxNodes);
  std::unordered_map<const Value*, Value*> map{{nullptr, nullptr}};
  for (size_t i = 0; i < actual.size(); ++i) map[body.graph.inputs[i]] = actual[i];
  const std::string prefix = at.name + "/";
  auto mapped = [&](const Value* v) {
    if (const auto it = map.find(v); it != map.end()) return it->second;
    Value* copy = r.graph().add_value(prefix + v->name, v->dtype, v->shape);
    copy->constant = v->constant;
    return map[v] = copy;
  };
  for (const auto& node : body.graph.nodes()) {
    std::vector<Value*> inputs, outputs;
    for (const Value* v : node->inputs) inputs.push_back(mapped(v));
    for (const Value* v : node->outputs) outputs.push_back(mapped(v));
    Node* copy = r.graph().add_node_to(node->op, r.graph().unique_name(prefix + node->name),
                                       std::move(inputs), std::move(outputs), &at);
    copy->domain = node->domain;
    copy->attributes = node->attributes;
    r.adopt(*copy);
  }
  std::vector<Value*> results;
  for (const Value* v : body.graph.outputs) results.push_back(mapped(v));
  return results;
}

const Subgraph& body_of(const Node& node, std::string_view attribute) {
  const Subgraph* body = node.attr_graph(attribute);
  if (!body)
    fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' (a graph) is missing", node.describe(),
         attribute);
  return *body;
}

bool constant_truth(const Node& node, const Value& v, std::string_view what) {
  if (!v.is_constant())
    fail(ErrorCode::model_unsupported_op,
         "{}: {} ('{}') is computed at run time; a compiled network has no control flow. Export the model "
         "with "
         "fixed shapes, or end it before this node",
         node.describe(), what, v.name);
  if (v.dtype != DType::boolean || v.constant->size() != 1)
    fail(ErrorCode::model_structure, "{}: {} must be one bool", node.describe(), what);
  return v.constant->bytes()[0] != std::byte{0};
}

std::vector<Value*> own_inputs(const Node& node, size_t captures) {
  if (node.inputs.size() < captures)
    fail(ErrorCode::internal, "{}: captured values are missing", node.describe());
  return {node.inputs.begin(), node.inputs.end() - static_cast<std::ptrdiff_t>(captures)};
}

void check_outputs(const Node& node, size_t found) {
  if (node.outputs.size() > found)
    fail(ErrorCode::model_structure, "{}: it has {} outputs, its graph gives {}", node.describe(),
         node.outputs.size(), found);
}

void give(Rewriter& r, const std::vector<Value*>& values) {
  const size_t count = r.node().outputs.size();
  for (size_t i = 0; i < count; ++i) r.result(i, values[i]);
}

// One value per iteration along a new axis.
Value* stacked(Rewriter& r, std::vector<Value*> values, int64_t axis) {
  if (values.empty())
    fail(ErrorCode::model_unsupported_op, "{}: a loop without iterations has outputs of unknown shape",
         r.node().describe());
  for (Value*& v : values) v = r.node("Unsqueeze", {v, r.ints({axis})});
  return r.node("Concat", std::move(values), {{"axis", axis}});
}

Value* scalar(Rewriter& r, int64_t v) { return r.constant(Tensor::from<int64_t>({}, std::span(&v, 1))); }

}  // namespace

void If::upgrade(Rewriter& r, Node& node) {
  const Subgraph &then = body_of(node, "then_branch"), &otherwise = body_of(node, "else_branch");
  const auto own = own_inputs(node, then.captures + otherwise.captures);
  if (own.size() != 1 || !own[0])
    fail(ErrorCode::model_structure, "{}: it needs one condition", node.describe());
  const bool condition = constant_truth(node, *own[0], "its condition");
  // Captured values follow in the order of the attributes' names: else_branch first.
  const auto first = node.inputs.begin() + 1;
  const auto middle = first + static_cast<std::ptrdiff_t>(otherwise.captures);
  const auto outputs =
      condition ? expand(r, then, {middle, node.inputs.end()}) : expand(r, otherwise, {first, middle});
  check_outputs(node, outputs.size());
  give(r, outputs);
}

void Loop::upgrade(Rewriter& r, Node& node) {
  const Subgraph& body = body_of(node, "body");
  const auto own = own_inputs(node, body.captures);
  const std::vector<Value*> captured(node.inputs.end() - static_cast<std::ptrdiff_t>(body.captures),
                                     node.inputs.end());
  if (own.size() < 2)
    fail(ErrorCode::model_structure, "{}: it needs a trip count and a condition", node.describe());
  int64_t trips = std::numeric_limits<int64_t>::max();
  if (own[0]) {
    const auto given = constant_ints(node, 0);
    if (given.size() != 1)
      fail(ErrorCode::model_structure, "{}: its trip count must be one number", node.describe());
    trips = given[0];
  }
  bool running = !own[1] || constant_truth(node, *own[1], "its condition");
  std::vector<Value*> carried(own.begin() + 2, own.end());
  std::vector<std::vector<Value*>> scans;
  const size_t outputs = body.graph.outputs.size();
  if (outputs < 1 + carried.size())
    fail(ErrorCode::model_structure, "{}: its body gives {} values, at least {} are needed", node.describe(),
         outputs, 1 + carried.size());
  scans.resize(outputs - 1 - carried.size());
  check_outputs(node, outputs - 1);
  for (int64_t i = 0; running && i < trips; ++i) {
    if (i == kMaxIterations)
      fail(ErrorCode::model_unsupported_op, "{}: more than {} iterations are not unrolled", node.describe(),
           kMaxIterations);
    Tensor yes(DType::boolean, {});
    yes.bytes()[0] = std::byte{1};
    std::vector<Value*> actual{scalar(r, i), r.constant(std::move(yes))};
    actual.insert(actual.end(), carried.begin(), carried.end());
    actual.insert(actual.end(), captured.begin(), captured.end());
    const auto results = expand(r, body, actual);
    running = constant_truth(node, *results[0], "the condition of its body");
    std::copy_n(results.begin() + 1, carried.size(), carried.begin());
    for (size_t k = 0; k < scans.size(); ++k) scans[k].push_back(results[1 + carried.size() + k]);
  }
  for (auto& scan : scans) carried.push_back(stacked(r, scan, 0));
  give(r, carried);
}

void Scan::upgrade(Rewriter& r, Node& node) {
  const Subgraph& body = body_of(node, "body");
  if (r.opset() < 9)
    fail(ErrorCode::model_unsupported_op, "{}: the form of opset 8 is not supported; export with opset 13",
         node.describe());
  const auto own = own_inputs(node, body.captures);
  const std::vector<Value*> captured(node.inputs.end() - static_cast<std::ptrdiff_t>(body.captures),
                                     node.inputs.end());
  const int64_t scanned = node.attr_int("num_scan_inputs", 0);
  if (scanned < 1 || static_cast<size_t>(scanned) > own.size())
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'num_scan_inputs' holds {}, expected 1 to {}",
         node.describe(), scanned, own.size());
  const size_t states = own.size() - static_cast<size_t>(scanned);
  const size_t outputs = body.graph.outputs.size();
  if (outputs < states)
    fail(ErrorCode::model_structure, "{}: its body gives {} values, at least {} are needed", node.describe(),
         outputs, states);
  check_outputs(node, outputs);
  auto list = [&](const char* name, size_t size) {
    auto v = node.attr_ints(name, std::vector<int64_t>(size, 0));
    if (v.size() != size)
      fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' has {} values, expected {}", node.describe(),
           name, v.size(), size);
    return v;
  };
  const auto in_axes = list("scan_input_axes", own.size() - states),
             in_back = list("scan_input_directions", own.size() - states),
             out_axes = list("scan_output_axes", outputs - states),
             out_back = list("scan_output_directions", outputs - states);
  int64_t length = -1;
  for (size_t k = 0; k < in_axes.size(); ++k) {
    const Shape& shape = own[states + k]->shape;
    const auto rank = static_cast<int64_t>(shape.size());
    if (in_axes[k] < -rank || in_axes[k] >= rank)
      fail(ErrorCode::model_bad_attribute, "{}: scan_input_axes holds {}, out of range for rank {}",
           node.describe(), in_axes[k], rank);
    const int64_t extent = shape[static_cast<size_t>(in_axes[k] < 0 ? in_axes[k] + rank : in_axes[k])];
    if (length >= 0 && extent != length)
      fail(ErrorCode::model_bad_shape, "{}: the scanned inputs have lengths {} and {}", node.describe(),
           length, extent);
    length = extent;
  }
  if (length > kMaxIterations)
    fail(ErrorCode::model_unsupported_op, "{}: {} iterations are not unrolled, at most {}", node.describe(),
         length, kMaxIterations);
  std::vector<Value*> carried(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(states));
  std::vector<std::vector<Value*>> scans(outputs - states);
  for (int64_t i = 0; i < length; ++i) {
    std::vector<Value*> actual = carried;
    for (size_t k = 0; k < in_axes.size(); ++k)
      actual.push_back(r.node("Gather", {own[states + k], scalar(r, in_back[k] ? length - 1 - i : i)},
                              {{"axis", in_axes[k]}}));
    actual.insert(actual.end(), captured.begin(), captured.end());
    const auto results = expand(r, body, actual);
    std::copy_n(results.begin(), states, carried.begin());
    for (size_t k = 0; k < scans.size(); ++k) scans[k].push_back(results[states + k]);
  }
  for (size_t k = 0; k < scans.size(); ++k) {
    if (out_back[k]) std::reverse(scans[k].begin(), scans[k].end());
    carried.push_back(stacked(r, scans[k], out_axes[k]));
  }
  give(r, carried);
}

}  // namespace openhb::ops
