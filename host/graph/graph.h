// SPDX-License-Identifier: Apache-2.0
// The network as a graph of ONNX operators. Passes rewrite it, calibration and precision annotate it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "common/program/program.h"
#include "common/tensor.h"

namespace openhb::graph {

struct Subgraph;
using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor, std::shared_ptr<const Subgraph>>;

struct Node;

// A tensor of the network: a graph input, a constant, or the output of one node.
struct Value {
  std::string name;  // unique in the graph
  DType dtype = DType::f32;
  int32_t onnx_type =
      0;        // of an input or constant: its type in the file, where graphs have no such (narrow.h)
  Shape shape;  // in the order the operator set defines (NCHW for images)
  std::shared_ptr<const Tensor> constant;  // set for initializers and folded values
  Node* producer = nullptr;
  // Integer representation: the type of the codes, int8 or int16 (precision assignment), their scale and zero
  // point (once calibration has chosen them; 0 for int16), and the range these came from.
  DType codes = DType::i8;
  std::optional<QuantParams> quant;
  float range_lo = 0, range_hi = 0;
  bool observed = false;  // calibration looks at its values even where no integer node touches it

  bool is_constant() const { return constant != nullptr; }
};

struct Node {
  std::string name;    // unique in the graph
  std::string op;      // ONNX operator type; "my.ops::HardMish" in a domain that is not one of ours
  std::string domain;  // "" for the standard set, "horizon" for HzPreprocess and HzCalibration
  std::map<std::string, Attribute> attributes;
  std::vector<Value*> inputs;  // nullptr where an optional input is absent
  std::vector<Value*> outputs;
  // Set by precision assignment.
  bool int8 = false;   // runs in the integer engine; which codes it reads and writes, its values say
  std::string reason;  // why it does not, one sentence; empty when it does

  // The attribute, or `fallback` when absent. Error(model_bad_attribute) when present with another type.
  int64_t attr_int(std::string_view name, int64_t fallback) const;
  float attr_float(std::string_view name, float fallback) const;
  std::string attr_string(std::string_view name, std::string_view fallback) const;
  std::vector<int64_t> attr_ints(std::string_view name, std::vector<int64_t> fallback) const;
  std::vector<float> attr_floats(std::string_view name, std::vector<float> fallback) const;
  const Tensor* attr_tensor(std::string_view name) const;   // nullptr when absent
  const Subgraph* attr_graph(std::string_view name) const;  // nullptr when absent

  // The operator type without the domain before it.
  std::string_view type() const;
  // Input i, or nullptr when it is absent.
  Value* input(size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  // Runs in the integer engine and reads or writes int16 codes.
  bool int16() const;
  // "node 'conv1' (Conv)", for messages.
  std::string describe() const { return fmt::format("node '{}' ({})", name, op); }
};

using Consumers = std::unordered_map<const Value*, std::vector<Node*>>;

class Graph {
 public:
  std::string name = "main_graph";
  int64_t opset = 13;                      // of the standard domain
  std::map<std::string, int64_t> domains;  // versions of other operator sets, those of custom operators
  int64_t ir_version = 7;
  std::string producer;
  std::vector<std::string> notices;       // what importing changed, for the user
  int64_t max_folded = int64_t{1} << 28;  // elements of a constant that is computed while compiling
  std::vector<Value*> inputs;
  std::vector<Value*> outputs;

  Graph() = default;
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;

  // A deep copy; constants are shared (they are immutable).
  Graph clone() const;

  // Nodes in topological order.
  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  const std::vector<std::unique_ptr<Value>>& values() const { return values_; }

  // A new value; the name is made unique by a suffix when taken (or when empty).
  Value* add_value(std::string name, DType dtype = DType::f32, Shape shape = {});
  Value* add_constant(std::string name, Tensor tensor);
  // A new node at the end (or before `before`), with fresh outputs named `outputs`. Fills producer links.
  Node* add_node(std::string op, std::string name, std::vector<Value*> inputs,
                 std::vector<std::string> outputs, const Node* before = nullptr);
  // The same with existing values as outputs.
  Node* add_node_to(std::string op, std::string name, std::vector<Value*> inputs, std::vector<Value*> outputs,
                    const Node* before = nullptr);
  Value* find_value(std::string_view name) const;
  Node* find_node(std::string_view name) const;

  // All nodes that read each value (a node twice if it reads it twice).
  Consumers consumers() const;
  bool is_output(const Value* value) const;
  // Every use of `from` (node inputs and graph outputs) becomes `to`.
  void replace_uses(Value* from, Value* to);
  // `name` must be free among nodes, or values.
  void rename_node(Node* node, std::string name);
  void rename_value(Value* value, std::string name);
  // Removes a node; its outputs lose their producer.
  void remove_node(Node* node);
  // Drops nodes without used outputs and values that nothing refers to.
  void remove_dead();
  // Sorts nodes topologically; Error(model_structure) naming a node in a cycle.
  void sort();
  std::string unique_name(std::string base) const;

 private:
  void insert(std::unique_ptr<Node> node, const Node* before);
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Value>> values_;
  std::unordered_map<std::string, Value*> value_index_;
  std::unordered_map<std::string, Node*> node_index_;
  mutable std::unordered_map<std::string, int> name_counter_;
};

// The graph of an If branch or a loop body. The last `captures` of its inputs are values of the graph around
// it; they follow the node's own inputs, for all its subgraphs in the order of the attributes' names.
struct Subgraph {
  Graph graph;
  size_t captures = 0;
};

}  // namespace openhb::graph
