// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>

#include "common/text/text.h"
#include "device/plugin/registry.h"
#include "host/compiler/evaluate.h"
#include "host/ops/custom.h"
#include "host/ops/infer.h"
#include "host/ops/list.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {

std::span<const OpRow> all_ops() { return AllOps::rows; }

const OpRow* find_op(std::string_view domain, std::string_view name) {
  static const auto* index = [] {
    auto* map = new std::map<std::pair<std::string_view, std::string_view>, const OpRow*>;
    for (const OpRow& row : AllOps::rows) (*map)[{row.info.domain, row.info.name}] = &row;
    return map;
  }();
  const auto it = index->find({domain, name});
  return it == index->end() ? nullptr : it->second;
}

const OpRow& op_of(const Node& node, int64_t opset) {
  const OpRow* row = find_op(node.domain, node.op);
  if (!row) row = custom_row(node);
  if (row) {
    if (node.inputs.size() < row->info.min_inputs || node.inputs.size() > row->info.max_inputs)
      fail(ErrorCode::model_structure, "{} has {} inputs, expected {} to {}", node.describe(),
           node.inputs.size(), row->info.min_inputs, row->info.max_inputs);
    if (node.outputs.size() > row->info.max_outputs)
      fail(ErrorCode::model_structure, "{} has {} outputs, expected at most {}", node.describe(),
           node.outputs.size(), row->info.max_outputs);
    const size_t needed = row->info.max_inputs == kVariadic ? node.inputs.size() : row->info.min_inputs;
    for (size_t i = 0; i < needed; ++i)
      if (!node.input(i)) fail(ErrorCode::model_structure, "{}: its input {} is missing", node.describe(), i);
    return *row;
  }
  if (!node.domain.empty())
    fail(ErrorCode::model_unsupported_op,
         "{}: operator {} of domain '{}' is not supported: {}. Or replace it in the model by standard ones, "
         "or "
         "end the network before it (output_nodes in the configuration). See docs/custom-operators.md",
         node.describe(), node.type(), node.domain, plugin::why_missing(node.domain, node.type()));
  std::vector<std::string> names;
  for (const OpRow& r : AllOps::rows) names.emplace_back(r.info.name);
  fail(
      ErrorCode::model_unsupported_op,
      "operator '{}' (domain 'ai.onnx', opset {}) of node '{}' is not supported.{} Replace it in the model "
      "by "
      "supported operators, end the network before it (output_nodes in the configuration), or give a plug-in "
      "for it (docs/custom-operators.md)",
      node.op, opset, node.name, suggestion(node.op, names));
}

const Value* InferContext::required(size_t i) const {
  const Value* v = node_.input(i);
  if (!v) fail(ErrorCode::model_structure, "{}: its input {} is missing", node_.describe(), i);
  return v;
}

std::vector<int64_t> constant_ints(const Node& node, size_t input) {
  const Value* v = node.input(input);
  if (!v) return {};
  if (!v->is_constant())
    fail(ErrorCode::model_dynamic_shape,
         "{}: its input {} ('{}') is computed at run time but decides a shape; it must be constant. Fix the "
         "input shape "
         "(input_shape in the configuration) or simplify the model",
         node.describe(), input, v->name);
  if (v->dtype == DType::i32) {
    const auto d = v->constant->data<int32_t>();
    return {d.begin(), d.end()};
  }
  if (v->dtype != DType::i64)
    fail(ErrorCode::model_structure, "{}: its input {} is {}, expected int64", node.describe(), input,
         dtype_name(v->dtype));
  const auto d = v->constant->data<int64_t>();
  return {d.begin(), d.end()};
}

int64_t InferContext::axis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    fail(ErrorCode::model_bad_attribute, "{}: axis {} is out of range for rank {}", node_.describe(), axis,
         rank);
  return axis < 0 ? axis + rank : axis;
}

void InferContext::set(size_t output, DType dtype, Shape shape) {
  constexpr int64_t kLargest = int64_t{1} << 31;
  if (shape.size() > kMaxRank)
    fail(ErrorCode::model_bad_shape, "{}: its result has rank {}, at most {} is supported", node_.describe(),
         shape.size(), kMaxRank);
  if (num_elements(shape) >= kLargest)
    fail(ErrorCode::model_bad_shape, "{}: its result {} is larger than 2^31 elements", node_.describe(),
         to_string(shape));
  if (output >= node_.outputs.size()) return;
  Value* v = node_.outputs[output];
  v->dtype = dtype;
  v->shape = std::move(shape);
}

void InferContext::require_foldable(const Shape& shape) const {
  if (num_elements(shape) > max_folded_)
    fail(ErrorCode::model_bad_shape,
         "{}: a constant of shape {} is too large to compute while compiling (at most {} elements)",
         node_.describe(), to_string(shape), max_folded_);
}

void InferContext::fold(size_t output, Tensor tensor) {
  set(output, tensor.dtype(), tensor.shape());
  node_.outputs[output]->constant = std::make_shared<const Tensor>(std::move(tensor));
}

void InferContext::require(bool condition, std::string_view what) const {
  if (condition) return;
  std::vector<std::string> shapes;
  for (const Value* v : node_.inputs) shapes.push_back(v ? to_string(v->shape) : "-");
  fail(ErrorCode::model_bad_shape, "{}: {} (input shapes: {})", node_.describe(), what,
       fmt::join(shapes, ", "));
}

void InferContext::require_support(bool condition, std::string_view what) const {
  if (!condition) fail(ErrorCode::model_unsupported_op, "{}: {}", node_.describe(), what);
}

void InferContext::require_type(size_t i, std::initializer_list<DType> types) const {
  if (std::find(types.begin(), types.end(), dtype(i)) != types.end()) return;
  std::vector<std::string_view> names;
  for (DType type : types) names.push_back(dtype_name(type));
  fail(ErrorCode::model_unsupported_op, "{}: input {} has element type {}; supported: {}", node_.describe(),
       i, dtype_name(dtype(i)), fmt::join(names, ", "));
}

Shape broadcast(const InferContext& context, const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    context.require(x == y || x == 1 || y == 1,
                    fmt::format("shapes {} and {} do not broadcast", to_string(a), to_string(b)));
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

namespace {
// Checked arithmetic on shapes does not know whose shapes they are.
template <class F>
void with_name(const std::string& node, F&& f) {
  try {
    f();
  } catch (const Error& error) {
    if (std::string_view(error.what()).find(node) != std::string_view::npos) throw;
    throw Error(error.code(), fmt::format("{}: {}", node, error.what()));
  }
}
}  // namespace

void infer_node(graph::Graph& graph, Node& node, int64_t opset, std::vector<Node*>& folded) {
  const OpRow* row = &op_of(node, opset);
  if (row->upgrade) {
    Rewriter rewriter(graph, node, opset, folded);
    const std::string what = node.describe();
    with_name(what, [&] { row->upgrade(rewriter, node); });
    if (rewriter.replaced()) return;
    row = &op_of(node, kGraphOpset);  // the operator's name may have changed
  }
  if (!row->infer) fail(ErrorCode::internal, "{} should have been replaced", node.describe());
  InferContext context(node, graph.max_folded);
  with_name(node.describe(), [&] { row->infer(context); });
  const bool all_constant =
      !node.inputs.empty() && std::all_of(node.inputs.begin(), node.inputs.end(),
                                          [](Value* v) { return v == nullptr || v->is_constant(); });
  const bool known =
      std::all_of(node.outputs.begin(), node.outputs.end(), [](Value* v) { return v->is_constant(); });
  if (all_constant && !known) {
    for (const Value* v : node.outputs) context.require_foldable(v->shape);
    compiler::evaluate_constant_node(node);
  }
  if (all_constant || known) folded.push_back(&node);
}

void infer_shapes(graph::Graph& graph) {
  std::vector<Node*> nodes, folded;
  for (const auto& node : graph.nodes()) nodes.push_back(node.get());
  for (Node* node : nodes) infer_node(graph, *node, graph.opset, folded);
  for (Node* node : folded) graph.remove_node(node);
  graph.remove_dead();
  graph.opset = kGraphOpset;
}

}  // namespace openhb::ops
