// SPDX-License-Identifier: Apache-2.0
// Whatever is computed element by element from int8 codes and constants is a table of them: x * (x + 3) / 6
// in five steps, through float or not, becomes one Lut. The tables are made by the steps themselves, run on
// all 256 codes, so no bit changes.
#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "device/engine/model.h"
#include "device/kernels/steps.h"
#include "host/compiler/unread.h"

namespace openhb::compiler {
namespace {

constexpr int64_t kCodes = 256;

// Every element is values[code of the same element of base + 128].
struct Coded {
  TensorId base;
  Tensor values;
  int depth;  // steps between
};

// Steps that compute each element from those at its own place.
bool is_pointwise(const StepParams& params) {
  return std::visit([]<class P>(const P&) { return in_place_inputs<P>() != 0; }, params);
}

class TableFolding {
 public:
  explicit TableFolding(Draft& draft) : draft_(draft) {}

  void run() {
    count_writers();
    is_table_.assign(steps().size(), false);
    for (size_t s = 0; s < steps().size(); ++s)
      if (auto coded = code(steps()[s], false)) {
        is_table_[s] = true;
        keep(steps()[s].outputs[0], std::move(*coded));
      }
    find_needed();
    coded_.clear();
    for (size_t s = 0; s < steps().size(); ++s) replace(s);
    drop_unread_steps(draft_);
  }

 private:
  std::vector<Step>& steps() { return draft_.program.steps; }
  const TensorDesc& desc(TensorId id) const { return draft_.desc(id); }

  void count_writers() {
    writers_.assign(draft_.program.tensors.size(), 0);
    for (const Step& step : steps()) {
      for (TensorId id : step.outputs) ++writers_[draft_.root(id)];
    }
  }

  // Roots that something reads which will not become a table itself.
  void find_needed() {
    needed_.assign(draft_.program.tensors.size(), false);
    for (const auto& out : draft_.program.outputs) needed_[draft_.root(out.tensor)] = true;
    for (size_t s = steps().size(); s-- > 0;) {
      const TensorId out = steps()[s].outputs[0];
      if (is_table_[s] && (desc(out).dtype == DType::i8 || !needed_[draft_.root(out)])) continue;
      for (TensorId id : steps()[s].inputs) needed_[draft_.root(id)] = true;
    }
  }

  // What a tensor is in terms of codes; `nearest`: of itself, if it is stored anyway.
  std::optional<Coded> lookup(TensorId id, bool nearest) {
    const TensorId root = draft_.root(id);
    const auto it = coded_.find(root);
    const bool stored = desc(id).dtype == DType::i8 && desc(id).quant.axis < 0;
    if (it != coded_.end() && !(nearest && stored && needed_[root])) {
      const Coded& whole = it->second;
      if (id == root) return whole;
      if (const auto base = base_view(id, whole)) return Coded{*base, whole.values, whole.depth};
    }
    if (!stored) return std::nullopt;
    Coded own{id, Tensor(DType::i8, {kCodes}), 0};
    for (size_t i = 0; i < kCodes; ++i)
      own.values.data<int8_t>()[i] = static_cast<int8_t>(static_cast<int>(i) - 128);
    return own;
  }

  // What is read through a part of another tensor has no entry.
  void keep(TensorId out, Coded coded) {
    if (draft_.root(out) == out && desc(out).dense() && writers_[out] == 1)
      coded_.insert_or_assign(out, std::move(coded));
  }

  // The part of a table's base that is behind a view of its result.
  std::optional<TensorId> base_view(TensorId id, const Coded& whole) {
    const TensorDesc base = desc(whole.base);
    if (!base.dense()) return std::nullopt;
    if (const auto it = views_.find({id, whole.base}); it != views_.end()) return it->second;
    TensorDesc d = desc(id);
    const uint64_t first = draft_.places[id].offset / dtype_size(d.dtype);
    d.name.clear(), d.dtype = base.dtype, d.quant = base.quant, d.storage = base.storage;
    const TensorId view = add(std::move(d));
    draft_.places[view] = {draft_.root(whole.base), draft_.places[whole.base].offset + first};
    return views_[{id, whole.base}] = view;
  }

  TensorId add(TensorDesc d) {
    const auto id = static_cast<TensorId>(draft_.program.tensors.size());
    draft_.program.tensors.push_back(std::move(d));
    draft_.places.push_back({id, 0});
    needed_.push_back(false), writers_.push_back(0);
    return id;
  }

  bool same_base(TensorId a, TensorId b) const {
    const TensorDesc &x = desc(a), &y = desc(b);
    return a == b ||
           (draft_.root(a) == draft_.root(b) && draft_.places[a].offset == draft_.places[b].offset &&
            x.dims == y.dims && x.pitch == y.pitch && x.quant == y.quant);
  }

  // The output of a step as a table, if it is one.
  std::optional<Coded> code(const Step& step, bool nearest) {
    if (!is_pointwise(step.params) || step.outputs.size() != 1) return std::nullopt;
    const TensorId out = step.outputs[0];
    const TensorDesc& y = desc(out);
    if (y.quant.axis >= 0 || y.elements() < kCodes) return std::nullopt;
    std::optional<Coded> result;
    std::vector<Tensor> values;
    for (TensorId id : step.inputs) {
      const TensorDesc& x = desc(id);
      if (x.quant.axis >= 0) return std::nullopt;
      if (draft_.is_constant(id)) {
        const bool table = std::holds_alternative<LutParams>(step.params);
        if (!table && x.elements() != 1) return std::nullopt;
        if (draft_.root(id) != id && table) return std::nullopt;
        Tensor constant = draft_.constants.at(draft_.root(id));
        if (draft_.places[id].offset != 0 || (!table && constant.size() != 1) || constant.dtype() != x.dtype)
          return std::nullopt;
        values.push_back(table ? constant : constant.reshaped({1}));
        continue;
      }
      if (x.dims != y.dims) return std::nullopt;
      auto in = lookup(id, nearest);
      if (!in || (result && !same_base(in->base, result->base))) return std::nullopt;
      values.push_back(in->values);
      if (!result || in->depth > result->depth) result = std::move(in);
    }
    if (!result) return std::nullopt;
    result->values = run_on_codes(step, values);
    ++result->depth;
    return result;
  }

  // The step's own kernel on all codes.
  Tensor run_on_codes(const Step& step, const std::vector<Tensor>& values) {
    Program p;
    std::vector<std::byte> constants;
    uint64_t arena = 0;
    const auto room = [](const Tensor& t) {
      return (t.bytes().size() + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
    };
    Step own{.params = step.params, .node = {}, .inputs = {}, .outputs = {}, .completes = {}};
    const auto add = [&](const Tensor& t, const QuantParams& quant, bool constant) {
      TensorDesc d{.name = {}, .dtype = t.dtype(), .dims = t.shape(), .order = {0}, .quant = quant};
      d.pitch = t.shape()[0];
      d.storage = constant ? Storage::weights : Storage::arena;
      d.offset = constant ? constants.size() : arena;
      if (constant) {
        constants.insert(constants.end(), t.bytes().begin(), t.bytes().end());
        constants.resize(d.offset + room(t));
      } else {
        arena += room(t);
      }
      p.tensors.push_back(std::move(d));
      return static_cast<uint32_t>(p.tensors.size() - 1);
    };
    for (size_t i = 0; i < values.size(); ++i) {
      const bool constant = draft_.is_constant(step.inputs[i]);
      const uint32_t id = add(values[i], desc(step.inputs[i]).quant, constant);
      own.inputs.push_back(id);
      if (!constant) p.inputs.push_back({std::to_string(i), id});
    }
    const TensorDesc& y = desc(step.outputs[0]);
    Tensor result(y.dtype, {kCodes});
    own.outputs = {add(result, y.quant, false)};
    p.outputs.push_back({"y", own.outputs[0]});
    p.steps.push_back(std::move(own));
    p.arena_size = arena + kReadSlack;
    constants.resize(constants.size() + kTensorAlignment);
    std::shared_ptr<std::byte> owner(
        static_cast<std::byte*>(std::aligned_alloc(kTensorAlignment, constants.size())),
        [](std::byte* bytes) { std::free(bytes); });
    std::memcpy(owner.get(), constants.data(), constants.size());
    p.weights = {owner.get(), constants.size()}, p.weights_owner = owner;
    engine::Session session(engine::Model::create(std::move(p)), {.threads = 1});
    for (size_t i = 0, k = 0; i < values.size(); ++i)
      if (!draft_.is_constant(step.inputs[i]))
        std::memcpy(session.input(k++).data(), values[i].bytes().data(), values[i].bytes().size());
    session.run();
    std::memcpy(result.bytes().data(), session.output(0).data(), result.bytes().size());
    return result;
  }

  void replace(size_t s) {
    auto coded = code(steps()[s], true);
    if (!coded) coded = code(steps()[s], false);
    if (!coded) return;
    Step& step = steps()[s];
    const TensorId out = step.outputs[0];
    keep(out, *coded);
    const bool table_already = coded->depth < 2 && std::holds_alternative<LutParams>(step.params);
    if (desc(out).dtype != DType::i8 || !needed_[draft_.root(out)] || table_already) return;
    for (size_t before = s; before-- > 0;)  // a table of the integer engine's codes belongs to it
      if (draft_.root(steps()[before].outputs[0]) == draft_.root(coded->base)) {
        step.backend = steps()[before].backend;
        break;
      }
    const TensorDesc &x = desc(coded->base), &y = desc(out);
    int code = -128;
    for (const int8_t v : coded->values.data<int8_t>()) code += v == code;
    step.inputs = {coded->base};
    if (code == 128) {  // every code is itself
      step.params = CopyParams{y.dims, x.strides(), y.strides()};
      return;
    }
    step.params = LutParams{};
    TensorDesc d;
    d.dtype = DType::i8, d.dims = {kCodes}, d.order = {0}, d.pitch = kCodes, d.storage = Storage::weights;
    step.inputs.push_back(add(std::move(d)));
    draft_.constants[step.inputs[1]] = coded->values;
  }

  Draft& draft_;
  std::vector<bool> is_table_;       // by step
  std::vector<bool> needed_;         // by root
  std::vector<int> writers_;         // by root
  std::map<TensorId, Coded> coded_;  // by root
  std::map<std::pair<TensorId, TensorId>, TensorId> views_;
};

}  // namespace

void fold_tables(Draft& draft) { TableFolding(draft).run(); }

}  // namespace openhb::compiler
