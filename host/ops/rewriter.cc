// SPDX-License-Identifier: Apache-2.0
#include "host/ops/rewriter.h"

#include <algorithm>

#include "host/ops/infer.h"

namespace openhb::ops {
namespace {
// A larger expansion is an attribute or shape out of range, and would take minutes.
constexpr size_t kMaxExpansion = 1 << 14;
}  // namespace

void Rewriter::count_node() {
  if (++expansion_ > kMaxExpansion)
    fail(ErrorCode::model_bad_value,
         "{}: it would become more than {} simpler nodes; its window or its number of steps is too large",
         node_->describe(), kMaxExpansion);
}

Node* Rewriter::nodes(std::string_view op, std::vector<Value*> inputs, Attributes attributes,
                      size_t outputs) {
  count_node();
  const std::string name = graph_.unique_name(fresh_name(op));
  std::vector<std::string> names;
  for (size_t i = 0; i < outputs; ++i) names.push_back(i == 0 ? name : fmt::format("{}_{}", name, i));
  Node* added = graph_.add_node(std::string(op), name, std::move(inputs), std::move(names), node_);
  added->attributes = std::move(attributes);
  infer_node(graph_, *added, kGraphOpset, folded_);
  return added;
}

Value* Rewriter::node(std::string_view op, std::vector<Value*> inputs, Attributes attributes) {
  count_node();
  // A composite operator is replaced in turn: its node does not outlive the inference, its value does.
  const std::string name = graph_.unique_name(fresh_name(op));
  Value* value = graph_.add_value(name);
  Node* added = graph_.add_node_to(std::string(op), name, std::move(inputs), {value}, node_);
  added->attributes = std::move(attributes);
  infer_node(graph_, *added, kGraphOpset, folded_);
  return value;
}

void Rewriter::require_foldable(const Shape& shape) const {
  InferContext(*node_, graph_.max_folded).require_foldable(shape);
}
Value* Rewriter::constant(Tensor tensor) {
  return graph_.add_constant(graph_.unique_name(fresh_name("constant")), std::move(tensor));
}
Value* Rewriter::ints(const std::vector<int64_t>& values) {
  return constant(Tensor::from<int64_t>({static_cast<int64_t>(values.size())}, values));
}
Value* Rewriter::scalar(float value) { return constant(Tensor::from<float>({}, std::vector<float>{value})); }

void Rewriter::result(std::string_view op, std::vector<Value*> inputs, Attributes attributes) {
  const std::vector<Value*> outputs = node_->outputs;
  node_->outputs.clear();
  Node* added = graph_.add_node_to(std::string(op), "", std::move(inputs), outputs, node_);
  added->attributes = std::move(attributes);
  discard();
  graph_.rename_node(added, name_);
  infer_node(graph_, *added, kGraphOpset, folded_);
}

void Rewriter::result(size_t output, Value* value) {
  given_.push_back(output);
  if (output < node_->outputs.size()) {
    Value* own = node_->outputs[output];
    node_->outputs[output] = nullptr;
    // The value keeps its name: an Identity that the optimiser removes.
    Node* link =
        graph_.add_node_to("Identity", graph_.unique_name(fresh_name("result")), {value}, {own}, node_);
    infer_node(graph_, *link, kGraphOpset, folded_);
  }
  if (std::all_of(node_->outputs.begin(), node_->outputs.end(), [](const Value* v) { return v == nullptr; }))
    discard();
}

void Rewriter::discard() {
  graph_.remove_node(node_);
  replaced_ = true;
}

void Rewriter::set_input(size_t input, Value* value) {
  if (node_->inputs.size() <= input) node_->inputs.resize(input + 1, nullptr);
  node_->inputs[input] = value;
}

void Rewriter::ints_to_input(std::string_view attribute, size_t input) {
  const auto it = node_->attributes.find(std::string(attribute));
  if (it == node_->attributes.end()) return;
  set_input(input, ints(node_->attr_ints(attribute, {})));
  node_->attributes.erase(it);
}

void Rewriter::float_to_input(std::string_view attribute, size_t input) {
  const auto it = node_->attributes.find(std::string(attribute));
  if (it == node_->attributes.end()) return;
  set_input(input, scalar(node_->attr_float(attribute, 0)));
  node_->attributes.erase(it);
}

void Rewriter::adopt(Node& node) { infer_node(graph_, node, opset_, folded_); }

}  // namespace openhb::ops
