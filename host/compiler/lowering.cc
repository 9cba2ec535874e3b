// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/lowering.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "host/compiler/unread.h"
#include "host/ops/operator.h"
#include "host/quantize/load.h"

namespace openhb::compiler {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::optional<float> constant_scalar(const Value* v) {
  if (!v || !v->is_constant() || v->dtype != DType::f32 || v->constant->size() != 1) return std::nullopt;
  return v->constant->data<float>()[0];
}

}  // namespace

std::pair<float, float> activation_bounds(const Node& node) {
  if (node.op == "Relu") return {0.0f, kInfinity};
  return {constant_scalar(node.input(1)).value_or(-kInfinity),
          constant_scalar(node.input(2)).value_or(kInfinity)};
}

const Node* fusable_activation(const Node& node, const graph::Consumers& consumers,
                               const graph::Graph& graph) {
  if (node.outputs.size() != 1 || graph.is_output(node.outputs[0])) return nullptr;
  const auto it = consumers.find(node.outputs[0]);
  if (it == consumers.end() || it->second.size() != 1) return nullptr;
  const Node* next = it->second[0];
  if (!next->domain.empty() || next->input(0) != node.outputs[0]) return nullptr;
  if (next->op == "Relu") return next;
  if (next->op != "Clip") return nullptr;
  for (size_t i = 1; i < next->inputs.size(); ++i)
    if (next->input(i) && !constant_scalar(next->input(i))) return nullptr;
  return next;
}

const Node* fused_activation(const Node& node, const graph::Consumers& consumers, const graph::Graph& graph,
                             bool int8, bool clamps) {
  const Node* next = fusable_activation(node, consumers, graph);
  // One in float and one in integers meet at the value between them.
  if (!next || next->int8 != node.int8) return nullptr;
  if (!int8) return clamps ? next : nullptr;
  if (!next->outputs[0]->quant) return nullptr;
  const QuantParams& q = *next->outputs[0]->quant;
  const auto [lo, hi] = activation_bounds(*next);
  const auto [lowest, highest] = code_range(next->outputs[0]->codes);
  const float least = (lowest - static_cast<float>(q.zero_point())) * q.scale();
  const float most = (highest - static_cast<float>(q.zero_point())) * q.scale();
  return clamps || (least >= lo && most <= hi) ? next : nullptr;
}

void drop_unused_tensors(Program& program) {
  constexpr uint32_t kUnused = ~0u;
  std::vector<uint32_t> renumbered(program.tensors.size(), kUnused);
  auto use = [&](uint32_t id) { renumbered[id] = 0; };
  for (const Step& step : program.steps)
    for (const auto* list : {&step.inputs, &step.outputs, &step.completes})
      std::for_each(list->begin(), list->end(), use);
  for (const auto& in : program.inputs) use(in.tensor);
  for (const auto& out : program.outputs) use(out.tensor);
  std::vector<TensorDesc> kept;
  for (uint32_t id = 0; id < program.tensors.size(); ++id)
    if (renumbered[id] != kUnused) {
      renumbered[id] = static_cast<uint32_t>(kept.size());
      kept.push_back(std::move(program.tensors[id]));
    }
  program.tensors = std::move(kept);
  for (Step& step : program.steps)
    for (auto* list : {&step.inputs, &step.outputs, &step.completes})
      for (uint32_t& id : *list) id = renumbered[id];
  for (auto& in : program.inputs) in.tensor = renumbered[in.tensor];
  for (auto& out : program.outputs) out.tensor = renumbered[out.tensor];
}

Lowering::Lowering(const graph::Graph& graph, LowerOptions options)
    : graph_(graph), consumers_(graph.consumers()), options_(std::move(options)) {
  program_.name = graph.name;
}

void Lowering::lower_inputs() {
  for (const Value* value : graph_.inputs) {
    TensorDesc d;
    d.name = value->name;
    d.dtype = value->dtype;
    const auto image = options_.images.find(value->name);
    const size_t rank = value->shape.size();
    if (image == options_.images.end()) {
      d.dims = value->shape;
      const TensorId id = add_tensor(d);
      program_.inputs.push_back({value->name, id, InputKind::featuremap, false});
      forms_[value].native = id;
      continue;
    }
    if (image->second.kind == InputKind::nv12 || image->second.kind == InputKind::featuremap) {
      image->second.kind == InputKind::nv12 ? lower_nv12(value, image->second.network_nhwc)
                                            : lower_reordered(value, image->second.nhwc);
      flush_announcements();
      continue;
    }
    // Pixels in the layout that the application has; the network's own layout may be the other one.
    const bool nhwc_rt = image->second.nhwc;
    const bool nhwc_network = image->second.network_nhwc;
    Order order = identity_order(rank);
    if (nhwc_rt && !nhwc_network) order = channels_last(rank);
    if (!nhwc_rt && nhwc_network) order = {0, 3, 1, 2};
    d.dtype = DType::u8;
    d.dims = dims_in_order(value->shape, order);
    const TensorId pixels = add_tensor(d);  // the application's own axis order is this tensor's order
    program_.inputs.push_back({value->name, pixels, image->second.kind, nhwc_rt});
    const bool as_codes = options_.int8 && value->quant.has_value();
    TensorDesc centred = d;
    centred.name = value->name + "_128";
    centred.order = order;
    centred.dtype = as_codes ? DType::i8 : DType::f32;
    if (as_codes) centred.quant = *value->quant;
    const TensorId id = add_tensor(centred);
    emit(ImageParams{}, {pixels}, {id});
    announce(id);
    (as_codes ? forms_[value].codes : forms_[value].native) = id;
    flush_announcements();
  }
}

// Rows as the hardware has them, a multiple of 16 bytes apart.
void Lowering::lower_nv12(const Value* value, bool network_nhwc) {
  const Order order = network_nhwc ? identity_order(4) : channels_last(4);
  TensorDesc full;
  full.name = value->name + "_128";
  full.order = order;
  full.dims = dims_in_order(value->shape, order);
  TensorDesc d;
  d.name = value->name;
  d.dtype = DType::u8;
  d.dims = {full.dims[0], 1, full.dims[1] + full.dims[1] / 2, full.dims[2]};
  d.pitch = (full.dims[2] + 15) / 16 * 16;
  const TensorId picture = add_tensor(d);
  program_.inputs.push_back({value->name, picture, InputKind::nv12, false});
  const bool as_codes = options_.int8 && value->quant.has_value();
  full.dtype = as_codes ? DType::i8 : DType::f32;
  if (as_codes) full.quant = *value->quant;
  const TensorId id = add_tensor(full);
  emit(Nv12Params{}, {picture}, {id});
  announce(id);
  (as_codes ? forms_[value].codes : forms_[value].native) = id;
}

// A featuremap whose layout at run time is not the network's: the same bytes with other labels.
void Lowering::lower_reordered(const Value* value, bool nhwc) {
  const Order order = nhwc ? Order{0, 2, 3, 1} : Order{0, 3, 1, 2};
  TensorDesc d;
  d.name = value->name;
  d.dtype = value->dtype;
  d.dims = dims_in_order(value->shape, order);
  const TensorId id = add_tensor(d);
  program_.inputs.push_back({value->name, id, InputKind::featuremap, nhwc});
  forms_[value].native = relabel(id, order);
}

TensorId Lowering::constant(const Tensor& tensor, const QuantParams& quant) {
  TensorDesc d;
  d.quant = quant;
  d.dtype = tensor.dtype();
  d.dims = tensor.shape();
  d.storage = Storage::weights;
  const TensorId id = add_tensor(d);
  constants_[id] = tensor;
  return id;
}

TensorId Lowering::constant_codes(const Tensor& tensor, const QuantParams& quant) {
  return constant(Tensor::from<int8_t>(tensor.shape(), quantize_codes(tensor.data<float>(), quant)), quant);
}

TensorId Lowering::native(const Value* value) {
  Forms& forms = forms_[value];
  if (forms.native) return *forms.native;
  if (value->is_constant()) {
    forms.native = constant(*value->constant);
    return *forms.native;
  }
  const TensorId codes = as_codes(value);
  TensorDesc d = desc(codes);
  d.name = value->name + "_HzDequantize";
  d.dtype = DType::f32;
  d.quant = {};
  d.pitch = 1;
  const TensorId id = add_tensor(d);
  emit(DequantizeParams{}, {codes}, {id});
  announce(id);
  return *(forms_[value].native = id);
}

TensorId Lowering::as_codes(const Value* value) {
  Forms& forms = forms_[value];
  if (forms.codes) return *forms.codes;
  if (value->is_constant()) {
    return *(forms.codes = constant_codes(*value->constant, quantize::operand_params(*value)));
  }
  if (!value->quant) fail(ErrorCode::internal, "tensor '{}' has no quantization parameters", value->name);
  if (forms.deferred) {
    const Deferred pending = *forms.deferred;
    TensorDesc d = desc(pending.base);
    d.name = value->name;
    d.quant = *value->quant;
    d.pitch = 1;
    const TensorId id = add_tensor(d);
    // Another node asks for it, but the step is the producer's.
    const Node* reader = std::exchange(node_, value->producer);
    emit_table(pending.base, id, pending.table);
    node_ = reader;
    announce(id);
    return *(forms_[value].codes = id);
  }
  const TensorId source = native(value);
  TensorDesc d = desc(source);
  d.name = value->name + "_HzQuantize";
  d.dtype = value->codes;
  d.quant = *value->quant;
  d.pitch = 1;
  const TensorId id = add_tensor(d);
  emit(QuantizeParams{}, {source}, {id});
  announce(id);
  return *(forms_[value].codes = id);
}

TensorId Lowering::as_int16(const Value* value) {
  if (!value->is_constant() && value->codes == DType::i16) return as_codes(value);
  if (const auto& known = forms_[value].int16) return *known;
  if (value->is_constant()) {
    const QuantParams quant = quantize::operand_params_int16(*value);
    const auto codes = quantize_codes_int16(value->constant->data<float>(), quant);
    const TensorId id = constant(Tensor::from<int16_t>(value->shape, codes));
    program_.tensors[id].quant = quant;
    return *(forms_[value].int16 = id);
  }
  const TensorId source = as_codes(value);
  const TensorDesc d = desc(source);
  const TensorId id = scratch(DType::i16, d.dims, d.order, {{d.quant.scale()}, {0}, -1});
  emit(QuantizeParams{}, {source}, {id});
  return *(forms_[value].int16 = id);
}

TensorId Lowering::input(size_t i) {
  const Value* value = node_->input(i);
  if (!value) fail(ErrorCode::model_structure, "{}: its input {} is missing", node_->describe(), i);
  return int8() ? as_codes(value) : native(value);
}

std::optional<Lowering::Deferred> Lowering::deferred(const Value* value) const {
  const auto it = forms_.find(value);
  // Once it is stored, read the stored codes.
  if (it == forms_.end() || it->second.codes) return std::nullopt;
  return it->second.deferred;
}

TensorId Lowering::output(const Value* value, const Order& order) {
  TensorDesc d;
  d.name = value->name;
  d.order = order;
  d.dims = dims_in_order(value->shape, order);
  d.dtype = value->dtype;
  const bool codes = int8() && value->quant.has_value();
  if (codes) {
    d.dtype = value->codes;
    d.quant = *value->quant;
  }
  const TensorId id = add_tensor(d);
  (codes ? forms_[value].codes : forms_[value].native) = id;
  announce(id);
  return id;
}

void Lowering::bind(const Value* value, TensorId id) {
  TensorDesc d = desc(id);
  const TensorId own = alias(id, d);
  program_.tensors[own].name = value->name;
  (int8() ? forms_[value].codes : forms_[value].native) = own;
  announce(own);
}

void Lowering::defer_table(const Value* value, TensorId base, const Table& table) {
  forms_[value].deferred = Deferred{base, table};
  if (options_.keep_all_values) as_codes(value);
}

void Lowering::bind_dequantized(const Value* value, TensorId accumulators) {
  TensorDesc d = desc(accumulators);
  program_.tensors[accumulators].name = value->name;
  announce(accumulators);
  d.name = value->name + "_HzDequantize";
  d.dtype = DType::f32;
  d.quant = {};
  const TensorId id = add_tensor(d);
  emit(DequantizeParams{}, {accumulators}, {id});
  announce(id);
  forms_[value].native = id;
}

Lowering::Fused Lowering::fused_output(const Node& node, bool clamps) {
  const Fused plain{node.outputs[0], -kInfinity, kInfinity};
  if (options_.keep_all_values) return plain;
  const Node* next = fused_activation(node, consumers_, graph_, int8(), clamps);
  if (!next) return plain;
  absorbed_[next] = true;
  const auto [lo, hi] = activation_bounds(*next);
  return {next->outputs[0], lo, hi};
}

void Lowering::emit(StepParams params, std::vector<TensorId> inputs, std::vector<TensorId> outputs) {
  Step step;
  const bool converts =
      (std::holds_alternative<QuantizeParams>(params) && desc(inputs[0]).dtype == DType::f32) ||
      std::holds_alternative<DequantizeParams>(params);
  step.params = std::move(params);
  step.node = node_ ? node_->name : desc(outputs[0]).name;
  step.inputs = std::move(inputs);
  step.outputs = std::move(outputs);
  if (node_ && int8() && !converts) step.backend = Backend::bpu;
  if (!node_ && options_.int8 &&
      (std::holds_alternative<ImageParams>(step.params) || std::holds_alternative<Nv12Params>(step.params)))
    step.backend = Backend::bpu;
  for (TensorId id : step.outputs) writer_[alias_[id].root] = static_cast<int32_t>(program_.steps.size());
  program_.steps.push_back(std::move(step));
}

void Lowering::announce(TensorId id) { announced_.push_back(id); }

void Lowering::flush_announcements() {
  std::vector<TensorId> waiting;
  for (TensorId id : announced_) {
    const int32_t step = writer_[alias_[id].root];
    if (step >= 0) {
      program_.steps[static_cast<size_t>(step)].completes.push_back(id);
    } else if (desc(id).storage == Storage::arena && desc(id).elements() > 0) {  // a view of a program input
      if (program_.steps.empty())
        waiting.push_back(id);
      else
        program_.steps[0].completes.push_back(id);
    }
  }
  announced_ = std::move(waiting);
}

void Lowering::lower_outputs() {
  for (const Value* value : graph_.outputs) {
    TensorId id = in_order(native(value), identity_order(value->shape.size()));
    const TensorId root = alias_[id].root;
    const bool is_input = std::any_of(program_.inputs.begin(), program_.inputs.end(),
                                      [&](const ProgramInput& in) { return alias_[in.tensor].root == root; });
    if (desc(id).storage == Storage::weights || is_input || !desc(id).dense()) {
      const TensorDesc d = desc(id);
      const TensorId copy = scratch(d.dtype, d.dims, d.order, d.quant);
      emit_copy(id, copy);
      id = copy;
    }
    program_.outputs.push_back({value->name, id});
  }
  flush_announcements();
}

void Lowering::pack_constants() {
  uint64_t size = 0;
  std::vector<TensorId> used(program_.tensors.size(), 0);
  for (const Step& step : program_.steps)
    for (TensorId id : step.inputs) used[alias_[id].root] = 1;
  std::vector<std::pair<TensorId, const Tensor*>> list;
  for (TensorId id = 0; id < program_.tensors.size(); ++id)
    if (const auto it = constants_.find(id); it != constants_.end() && used[id]) {
      program_.tensors[id].offset = size;
      size += (it->second.bytes().size() + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
      list.emplace_back(id, &it->second);
    }
  size += kReadSlack;
  auto* raw = static_cast<std::byte*>(std::aligned_alloc(kTensorAlignment, (size + 63) / 64 * 64));
  if (!raw) fail(ErrorCode::compile_failed, "out of memory for {} bytes of weights", size);
  std::shared_ptr<std::byte> owner(raw, [](std::byte* p) { std::free(p); });
  std::memset(raw, 0, size);
  for (const auto& [id, tensor] : list)
    if (tensor->bytes().size())
      std::memcpy(raw + program_.tensors[id].offset, tensor->bytes().data(), tensor->bytes().size());
  program_.weights = {raw, size};
  program_.weights_owner = owner;
}

// As the operators were placed; what is folded later does not change the numbers.
void Lowering::number_subgraphs() {
  int32_t subgraph = -1;
  bool inside = false;
  for (Step& step : program_.steps) {
    const bool bpu = step.backend == Backend::bpu;
    if (bpu && !inside) ++subgraph;
    inside = bpu;
    if (bpu) step.subgraph = subgraph;
  }
}

Draft Lowering::draft() {
  lower_inputs();
  for (const auto& node : graph_.nodes()) {
    if (absorbed_.count(node.get())) continue;
    node_ = node.get();
    ops::op_of(*node, graph_.opset).lower(*this, *node);
    flush_announcements();
  }
  node_ = nullptr;
  lower_outputs();
  number_subgraphs();
  const bool fold = options_.fold_steps && !options_.keep_all_values;
  if (fold) {
    drop_unread_steps(draft_);
    fold_tables(draft_);
    compose_copies(draft_);
  }
  pack_constants();
  if (fold) share_memory(draft_);
  constants_.clear();  // in the weights now
  return std::move(draft_);
}

Program Lowering::run() {
  Draft planned = draft();
  plan_arena(planned);
  drop_unused_tensors(planned.program);
  return std::move(planned.program);
}

}  // namespace openhb::compiler
