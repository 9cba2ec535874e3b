// SPDX-License-Identifier: Apache-2.0
// Typed access to attributes.
#include <algorithm>
#include <array>

#include "host/graph/graph.h"

namespace openhb::graph {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<Attribute>> kKinds{
    "an integer",       "a float",           "a string", "a list of integers",
    "a list of floats", "a list of strings", "a tensor", "a graph"};

template <class T>
const T* find(const Node& node, std::string_view name, std::string_view wanted) {
  const auto it = node.attributes.find(std::string(name));
  if (it == node.attributes.end()) return nullptr;
  if (const T* value = std::get_if<T>(&it->second)) return value;
  fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' is {}, but {} is expected", node.describe(), name,
       kKinds[it->second.index()], wanted);
}

}  // namespace

std::string_view Node::type() const {
  const std::string_view name = op;
  const std::string prefix = domain + "::";
  return !domain.empty() && name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

int64_t Node::attr_int(std::string_view attribute, int64_t fallback) const {
  const auto* value = find<int64_t>(*this, attribute, "an integer");
  return value ? *value : fallback;
}

float Node::attr_float(std::string_view attribute, float fallback) const {
  const auto* value = find<float>(*this, attribute, "a float");
  return value ? *value : fallback;
}

std::string Node::attr_string(std::string_view attribute, std::string_view fallback) const {
  const auto* value = find<std::string>(*this, attribute, "a string");
  return value ? *value : std::string(fallback);
}

std::vector<int64_t> Node::attr_ints(std::string_view attribute, std::vector<int64_t> fallback) const {
  const auto* value = find<std::vector<int64_t>>(*this, attribute, "a list of integers");
  return value ? *value : fallback;
}

std::vector<float> Node::attr_floats(std::string_view attribute, std::vector<float> fallback) const {
  const auto* value = find<std::vector<float>>(*this, attribute, "a list of floats");
  return value ? *value : fallback;
}

bool Node::int16() const {
  const auto holds_int16 = [](const Value* v) { return v && !v->is_constant() && v->codes == DType::i16; };
  return int8 && (std::any_of(inputs.begin(), inputs.end(), holds_int16) ||
                  std::any_of(outputs.begin(), outputs.end(), holds_int16));
}

const Tensor* Node::attr_tensor(std::string_view attribute) const {
  return find<Tensor>(*this, attribute, "a tensor");
}

const Subgraph* Node::attr_graph(std::string_view attribute) const {
  const auto* value = find<std::shared_ptr<const Subgraph>>(*this, attribute, "a graph");
  return value ? value->get() : nullptr;
}

}  // namespace openhb::graph
