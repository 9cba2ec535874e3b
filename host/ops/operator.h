// SPDX-License-Identifier: Apache-2.0
// What an operator's description provides. One struct per operator (or a template per family); list.h folds
// over them into the table that importer, checker, calibrator, quantizer, compiler and documents read.
#pragma once

#include <array>
#include <concepts>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/graph/graph.h"
#include "host/march/tables.h"

namespace openhb::compiler {
class Lowering;
}

namespace openhb::ops {

using graph::Node;
using graph::Value;
class Rewriter;

// Graphs follow this opset: importing brings every node to its form (Rewriter).
inline constexpr int64_t kGraphOpset = 21;

// max_inputs of operators with any number of inputs; none of them may be absent.
inline constexpr size_t kVariadic = 4096;

struct OpInfo {
  std::string_view name;
  size_t min_inputs, max_inputs;
  std::string_view domain = "";
  std::string_view int8_type = "";  // what the node table calls it in the integer engine; "": its own name
  int64_t since = 1;                // the opset that introduced the operator
  size_t max_outputs = 1;
};

// The integers of a constant int32 or int64 input; empty when it is absent. Error(model_dynamic_shape) when
// it is computed at run time.
std::vector<int64_t> constant_ints(const Node& node, size_t input);

// Shape and type inference of one node; inputs are already known.
class InferContext {
 public:
  InferContext(Node& node, int64_t max_folded) : node_(node), max_folded_(max_folded) {}
  const Node& node() const { return node_; }
  bool has(size_t i) const { return node_.input(i) != nullptr; }
  const Shape& shape(size_t i) const { return required(i)->shape; }
  DType dtype(size_t i) const { return required(i)->dtype; }
  int64_t rank(size_t i) const { return static_cast<int64_t>(shape(i).size()); }
  const Tensor* constant(size_t i) const { return has(i) ? node_.input(i)->constant.get() : nullptr; }
  std::vector<int64_t> ints(size_t i) const { return constant_ints(node_, i); }
  // `axis` counted from the end if negative; Error(model_bad_attribute) when out of range.
  int64_t axis(int64_t axis, int64_t rank) const;
  void set(size_t output, DType dtype, Shape shape);
  // Before a constant of that shape is made: Error(model_bad_shape) when it is larger than Graph::max_folded.
  void require_foldable(const Shape& shape) const;
  // The output is known already; its node will disappear.
  void fold(size_t output, Tensor tensor);
  // Throws Error(model_bad_shape) naming the node unless `condition`.
  void require(bool condition, std::string_view what) const;
  // The same with Error(model_unsupported_op): `what` is sound ONNX that this compiler does not take.
  void require_support(bool condition, std::string_view what) const;
  // Throws Error(model_unsupported_op) naming the node unless input i has one of the types.
  void require_type(size_t i, std::initializer_list<DType> types) const;

 private:
  const Value* required(size_t i) const;
  Node& node_;
  int64_t max_folded_;
};

// How the integer engine takes an operator.
enum class QuantKind {
  none,        // float only; `reason` says why
  compute,     // integer sum of products with constant weights; may end as int32
  table,       // element-wise function of one activation, as a table; constants stay real
  arithmetic,  // own output scale: Add, Mul, pools
  passive,     // moves codes: the output shares the scale of input 0
  concat,      // moves codes from several inputs, requantized where scales differ
};

struct QuantRule {
  QuantKind kind = QuantKind::none;
  std::string reason;                     // for `none`
  std::vector<size_t> activations = {0};  // inputs that are activations in integer codes
  // For `compute`: the axis of input 1 (the constant weights) that counts output channels; input 2 is the
  // bias.
  int weight_axis = 0;
  // The activations and outputs may also be int16 codes, in any mixture with int8.
  bool int16 = false;
  // In float unless run_on_bpu names the node; `reason` says why.
  bool on_request = false;
  // Parameters that the output always has.
  std::optional<QuantParams> output = std::nullopt;
};

inline QuantRule float_only(std::string reason) { return {QuantKind::none, std::move(reason), {}, 0}; }

// What the integer engine takes of an operator at best; `quant` decides for a node. Optional members of a
// description: `integer` (default: none); `limits`, the rows of march/tables.h that its nodes must keep on a
// march (default: four dimensions); `note`, what docs/operators.md says about it; `refused`, set when
// `upgrade` accepts no node.
enum class Integer : uint8_t { none, int8, int16 };  // int16: as well as int8

struct OpRow {
  OpInfo info;
  Integer integer;
  std::span<const march::Limit> limits;
  std::string_view note;
  bool refused;
  void (*upgrade)(Rewriter&, Node&);  // nullptr: its form is canonical at all opsets
  // nullptr when `upgrade` always replaces the node.
  void (*infer)(InferContext&);
  QuantRule (*quant)(const Node&);
  void (*lower)(compiler::Lowering&, const Node&);
};

// An operator that is rewritten while the model is read: older forms in place, composite ones into others.
template <class T>
concept Upgraded = requires(Rewriter& rewriter, Node& node) {
  { T::info } -> std::convertible_to<OpInfo>;
  { T::upgrade(rewriter, node) } -> std::same_as<void>;
};
// An operator that graphs hold.
template <class T>
concept Lowered = requires(InferContext& infer, compiler::Lowering& lowering, const Node& node) {
  { T::info } -> std::convertible_to<OpInfo>;
  { T::infer(infer) } -> std::same_as<void>;
  { T::quant(node) } -> std::same_as<QuantRule>;
  { T::lower(lowering, node) } -> std::same_as<void>;
};
template <class T>
concept Operator = Upgraded<T> || Lowered<T>;

template <Operator T>
consteval OpRow row_of() {
  OpRow row{T::info, Integer::none, march::kFourDimensions, "", false, nullptr, nullptr, nullptr, nullptr};
  if constexpr (requires { T::integer; }) row.integer = T::integer;
  if constexpr (requires { T::limits; }) row.limits = T::limits;
  if constexpr (requires { T::note; }) row.note = T::note;
  if constexpr (requires { T::refused; }) row.refused = T::refused;
  if constexpr (Upgraded<T>) row.upgrade = &T::upgrade;
  if constexpr (Lowered<T>) row.infer = &T::infer, row.quant = &T::quant, row.lower = &T::lower;
  return row;
}

// Operators of a family; list.h joins the families.
template <Operator... Ops>
struct OpList {
  static constexpr std::array<OpRow, sizeof...(Ops)> rows{row_of<Ops>()...};
};

// The row of an operator, or nullptr.
const OpRow* find_op(std::string_view domain, std::string_view name);
// The row of a node's operator; Error(model_unsupported_op) naming node, operator, opset and what to do.
const OpRow& op_of(const Node& node, int64_t opset);
// All rows, in list order.
std::span<const OpRow> all_ops();

// NumPy broadcasting of two shapes; Error through `context` when they do not match.
Shape broadcast(const InferContext& context, const Shape& a, const Shape& b);

// Brings every node to its canonical form, infers every value in order, and folds nodes whose inputs are all
// constant through the engine (compiler::evaluate_constant_node) so that shape arithmetic disappears. The
// graph then follows kGraphOpset. Throws Error(model_*).
void infer_shapes(graph::Graph& graph);

}  // namespace openhb::ops
