// SPDX-License-Identifier: Apache-2.0
// Lowering: a graph becomes a program, operator by operator. Operators' `lower` functions use this builder.
//
// A value of the graph can stand in the program in two forms: native (its ONNX element type) and codes (int8
// or int16, when it has quantization parameters). Conversions are emitted on demand. A tensor may be stored
// in any axis order: spatial operators ask for NHWC, a Transpose only relabels axes, and data moves when
// somebody needs another order.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>

#include "common/program/program.h"
#include "host/compiler/draft.h"
#include "host/graph/graph.h"

namespace openhb::compiler {

using graph::Node;
using graph::Value;
using Order = std::vector<uint8_t>;
using Table = std::array<int8_t, 256>;  // by code + 128

struct LowerOptions {
  bool int8 = false;  // false: everything in float, quantization annotations ignored
  // Program inputs that are pictures, or featuremaps in another layout than the network's: graph input name
  // -> kind and layout of the bytes.
  struct ImageInput {
    InputKind kind;
    bool nhwc;          // of the bytes handed over at run time
    bool network_nhwc;  // of the graph input
  };
  std::map<std::string, ImageInput> images;
  // Every value that the graph names gets a tensor: no activation is fused into its producer, no table
  // composed.
  bool keep_all_values = false;
  // Steps may vanish: functions of one code in a table, copies in tensors that share memory. Without, the
  // steps are those that the operators emit.
  bool fold_steps = true;
};

// The axis order that stores channels (logical axis 1) innermost; identity for rank < 3.
Order channels_last(size_t rank);
Order identity_order(size_t rank);
// The extents of a shape as stored in `order`, and back.
Shape dims_in_order(const Shape& logical, const Order& order);
// The memory dimension that holds logical axis `axis`.
size_t memory_dim(const TensorDesc& desc, int64_t axis);

// The Relu or constant Clip that can be fused into `node`, its only consumer; nullptr otherwise.
const Node* fusable_activation(const Node& node, const graph::Consumers& consumers,
                               const graph::Graph& graph);
// The activation that a step producing `node`'s output performs itself: as `Lowering::fused_output` explains.
const Node* fused_activation(const Node& node, const graph::Consumers& consumers, const graph::Graph& graph,
                             bool int8, bool clamps);
// Bounds of a Relu, Relu6 or constant Clip node.
std::pair<float, float> activation_bounds(const Node& activation);

class Lowering {
 public:
  Lowering(const graph::Graph& graph, LowerOptions options);
  // The whole graph as a program (memory planned). Throws Error(compile_failed and others).
  Program run();
  // The same before its memory is planned; the constants are packed.
  Draft draft();

  // ---- for operators ----
  const graph::Graph& graph() const { return graph_; }
  // True when the current node runs in the integer engine.
  bool int8() const { return options_.int8 && node_->int8; }
  // True when it does and reads or writes int16 codes (its QuantRule allows them, or this cannot happen).
  bool int16() const { return options_.int8 && node_->int16(); }
  const TensorDesc& desc(TensorId id) const { return program_.tensors[id]; }

  // A value as codes if int8(), else native; constants included (as int8 codes).
  TensorId input(size_t i);
  TensorId native(const Value* value);
  // The value's codes: int8, or int16 where Value::codes says so.
  TensorId as_codes(const Value* value);
  // int16 codes, whatever Value::codes says: q - z at the same scale for int8, which is exact.
  TensorId as_int16(const Value* value);
  // The pending table over a stored tensor, if `value`'s int8 form is one (see defer_table).
  struct Deferred {
    TensorId base;
    Table table;
  };
  std::optional<Deferred> deferred(const Value* value) const;

  // The same elements stored in another axis order (a view where the bytes allow it, else a Copy step).
  // A new tensor's rows then start `pitch_multiple` elements, or a multiple of them, apart.
  TensorId in_order(TensorId id, const Order& order, int64_t pitch_multiple = 1);
  // The same elements without gaps between rows (a Copy step if there are any).
  TensorId dense(TensorId id);
  // A dense view of other dims over the same bytes, in identity order. The tensor must be dense.
  TensorId view(TensorId id, const Shape& dims);
  // The same with quantization parameters kept and an order given.
  TensorId view(TensorId id, const Shape& dims, const Order& order);
  // A part of a tensor: `extent` elements of memory dimension `dim` from `first`. Only for the innermost
  // dimension of a tensor, or where all outer dimensions are 1.
  bool can_slice(TensorId id, size_t dim) const;
  TensorId slice(TensorId id, size_t dim, int64_t first, int64_t extent);

  // The same storage with other axis labels (as many as dims).
  TensorId relabel(TensorId id, const Order& order);
  // A new arena tensor without a name (scratch), dense.
  TensorId scratch(DType dtype, const Shape& dims, const Order& order, const QuantParams& quant = {});
  // The tensor that will hold output `value` in the form this node produces: int8 with the value's parameters
  // (or int16) when int8() and the value has them, else native. dims are in memory order.
  TensorId output(const Value* value, const Order& order);
  // The value's form is this existing tensor (a view or a relabelled input).
  void bind(const Value* value, TensorId id);
  // The value's int8 form is `table` applied to `base`; emitted only when somebody needs it stored.
  void defer_table(const Value* value, TensorId base, const Table& table);
  // int32 accumulators with per-channel scales become the value's native form.
  void bind_dequantized(const Value* value, TensorId accumulators);

  // The value an operator computes once a following activation is fused, and its bounds (-inf, inf without
  // one).
  struct Fused {
    const Value* value;
    float lo, hi;
  };
  // `clamps`: the step has bounds of its own; otherwise only an activation that the saturation of the int8
  // output already performs is fused.
  Fused fused_output(const Node& node, bool clamps);

  TensorId constant(const Tensor& tensor, const QuantParams& quant = {});  // in identity order
  // Its int8 codes with the given parameters.
  TensorId constant_codes(const Tensor& tensor, const QuantParams& quant);
  // The same bytes as another element type of the same size.
  TensorId reinterpret(TensorId id, DType dtype);
  template <class T>
  TensorId constant(const Shape& dims, const std::vector<T>& data) {
    return constant(Tensor::from<T>(dims, data));
  }
  void emit(StepParams params, std::vector<TensorId> inputs, std::vector<TensorId> outputs);
  // One element-wise pass between tensors of equal logical shape, whatever their orders and pitches.
  void emit_copy(TensorId from, TensorId to);
  void emit_table(TensorId from, TensorId to, const Table& table);
  // Copies `from`, through `table` if given, else requantized if its codes differ, to the part of `to` that
  // starts at `first` of memory dimension `dim`.
  void place(TensorId from, TensorId to, size_t dim, int64_t first, const Table* table);

 private:
  struct Forms {
    std::optional<TensorId> native, codes, int16;  // int16: of an int8 value or a constant
    std::optional<Deferred> deferred;
  };
  TensorId add_tensor(TensorDesc desc);
  TensorId alias(TensorId of, TensorDesc desc, uint64_t byte_offset = 0);
  void announce(TensorId id);  // a named tensor that this node finishes
  void flush_announcements();
  void lower_inputs();
  void lower_nv12(const Value* value, bool network_nhwc);
  void lower_reordered(const Value* value, bool nhwc);
  void lower_outputs();
  void number_subgraphs();
  void pack_constants();

  const graph::Graph& graph_;
  graph::Consumers consumers_;
  LowerOptions options_;
  const Node* node_ = nullptr;
  Draft draft_;
  Program& program_ = draft_.program;
  std::vector<Draft::Place>& alias_ = draft_.places;
  std::unordered_map<TensorId, Tensor>& constants_ = draft_.constants;
  std::unordered_map<const Value*, Forms> forms_;
  std::unordered_map<const Node*, bool> absorbed_;  // activations fused into their producer
  std::vector<int32_t> writer_;                     // per root: the last step that wrote it, -1 before
  std::map<std::pair<TensorId, Order>, TensorId> reordered_;
  std::vector<TensorId> announced_;
};

// Int8 parameters for a constant operand: its own range, zero included.
QuantParams constant_quant(const Tensor& tensor);
// int8 codes of real values: sat(rne(f32(x / s)) + z), as the Quantize step.
std::vector<int8_t> quantize_codes(std::span<const float> values, const QuantParams& quant);
// The same for int16.
QuantParams constant_quant_int16(const Tensor& tensor);
std::vector<int16_t> quantize_codes_int16(std::span<const float> values, const QuantParams& quant);
// The least and the largest code of int8 or int16.
std::pair<float, float> code_range(DType codes);
// The table of Lut for int16 codes of scale `from` (docs/numerics.md): the smallest one whose results are
// within one code of g everywhere, or the full one. `to` are int8 or int16 codes.
std::vector<int32_t> interpolation_table(const std::function<double(double)>& g, float from,
                                         const QuantParams& to, DType codes);

// Drops tensors that no step, input or output names.
void drop_unused_tensors(Program& program);

// Result = requantized codes: T[q] = sat(rne(f32(f32(f32(q-z)*s)/sy)) + zy).
Table requantize_table(const QuantParams& from, const QuantParams& to);

}  // namespace openhb::compiler
