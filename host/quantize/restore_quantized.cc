// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "host/ops/operator.h"
#include "host/quantize/file_params.h"
#include "host/quantize/restore.h"

namespace openhb::quantize {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;
using Entry = LoadedParams::Entry;

constexpr std::string_view kAdvice =
    "only the numbers of a quantized model can be edited; edit the calibrated model and continue from that";

// A float whose integer bias at scale `scale` (weights.h) is `code`: f32(code * scale), or a neighbour of it.
float bias_of(int64_t code, float scale) {
  const float first = static_cast<float>(code) * scale;
  float below = first, above = first;
  for (int i = 0; i < 4; ++i) {
    for (const float candidate : {below, above})
      if (static_cast<int64_t>(std::nearbyint(candidate / scale)) == code) return candidate;
    below = std::nextafter(below, -INFINITY), above = std::nextafter(above, INFINITY);
  }
  return first;
}

// s with f32(x * s) == product, which a layer's result was multiplied by.
float factor(float product, float x) {
  const float s = product / x;
  for (const float candidate : {s, std::nextafter(s, 0.0f), std::nextafter(s, INFINITY)})
    if (x * candidate == product) return candidate;
  return s;
}

class Reader {
 public:
  Reader(const Graph& file, const Notes& notes, const std::vector<std::string>& pictures)
      : file_(file), notes_(notes), consumers_(file.consumers()) {
    out_.name = file.name;
    out_.opset = file.opset;
    out_.domains = file.domains;
    out_.ir_version = file.ir_version;
    out_.producer = file.producer;
    for (const Value* in : file.inputs) {
      Value* v = twin_[in] = out_.add_value(in->name, in->dtype, in->shape);
      out_.inputs.push_back(v);
      if (std::ranges::find(pictures, in->name) == pictures.end() || in->dtype != DType::i8) continue;
      v->dtype = DType::f32;  // pixels - 128
      stored_.params.values[v->name] = {{{1.0f}, {0}, -1}, DType::i8};
    }
  }

  Graph run(const Warn& warn) {
    for (const NodeNote& note : notes_.nodes) {
      const Node* node = file_.find_node(note.name);
      if (!node) fail(ErrorCode::model_structure, "node '{}' is missing; {}", note.name, kAdvice);
      sources_.insert(node);
      for (const std::string& output : note.outputs) {  // before constants could take their names
        if (out_.find_value(output))
          fail(ErrorCode::model_structure, "tensor '{}' exists twice; {}", output, kAdvice);
        out_.add_value(output);
      }
    }
    for (const NodeNote& note : notes_.nodes) {
      const Node& node = *file_.find_node(note.name);
      used_.insert(&node);
      const bool product = node.op == "ConvInteger" || node.op == "MatMulInteger";
      product&& note.int8 ? add_product(node, note) : add_node(node, note);
    }
    for (const Value* v : file_.outputs) out_.outputs.push_back(value(v));
    for (const Node* node : live_nodes())
      if (!used_.contains(node))
        fail(ErrorCode::model_structure, "{} is not what hb_mapper wrote; {}", node->describe(), kAdvice);
    ops::infer_shapes(out_);
    place_nodes(out_, notes_);
    // Between a node and the activation that the file joins with it: a step may need the codes all the same.
    for (const auto& [name, note] : notes_.ranges)
      if (out_.find_value(name))
        stored_.params.values.emplace(
            name, Entry{{{note.scale}, {note.zero_point}, -1}, note.int16 ? DType::i16 : DType::i8});
    for (const auto& [name, entry] : stored_.params.values) {
      const auto note = notes_.ranges.find(name);
      if (note == notes_.ranges.end() || entry.quant.scale() != note->second.scale ||
          entry.quant.zero_point() != note->second.zero_point)
        continue;  // edited: the range follows from the codes
      stored_.ranges[name] = {note->second.lo, note->second.hi};
    }
    annotate(out_, notes_, std::move(stored_), warn);
    return std::move(out_);
  }

 private:
  std::vector<const Node*> live_nodes() const {
    std::vector<const Node*> live;
    std::unordered_set<const Value*> read(file_.outputs.begin(), file_.outputs.end());
    for (auto it = file_.nodes().rbegin(); it != file_.nodes().rend(); ++it) {
      const Node& node = **it;
      if (std::ranges::none_of(node.outputs, [&](const Value* v) { return read.contains(v); })) continue;
      live.push_back(&node);
      read.insert(node.inputs.begin(), node.inputs.end());
    }
    return live;
  }
  [[noreturn]] void unexpected(const Node& node) const {
    fail(ErrorCode::model_structure, "{} is not what hb_mapper wrote; {}", node.describe(), kAdvice);
  }

  Node* add(const NodeNote& note, const std::string& op, const std::string& domain,
            const std::map<std::string, graph::Attribute>& attributes, std::vector<Value*> inputs) {
    std::vector<Value*> outputs;
    for (const std::string& output : note.outputs) outputs.push_back(out_.find_value(output));
    Node* node = out_.add_node_to(op, note.name, std::move(inputs), std::move(outputs));
    node->domain = domain;
    node->attributes = attributes;
    return node;
  }

  void add_node(const Node& node, const NodeNote& note) {
    std::vector<Value*> inputs;
    for (const Value* v : node.inputs) inputs.push_back(v ? value(v) : nullptr);
    if (node.outputs.size() != note.outputs.size()) unexpected(node);
    Node* copy = add(note, node.op, node.domain, node.attributes, std::move(inputs));
    for (size_t i = 0; i < node.outputs.size(); ++i) twin_[node.outputs[i]] = copy->outputs[i];
  }

  const Node* only_reader(const Node& node) {
    const auto it = consumers_.find(node.outputs[0]);
    if (it == consumers_.end() || it->second.size() != 1 || sources_.contains(it->second[0]))
      unexpected(node);
    used_.insert(it->second[0]);
    return it->second[0];
  }

  // Sums of products, bias, conversion to float and the scales: one node of the source.
  void add_product(const Node& node, const NodeNote& note) {
    if (node.inputs.size() != 4 || note.op.empty() || note.outputs.size() != 1) unexpected(node);
    const bool conv = node.op == "ConvInteger";
    Value* x = value(node.input(0));
    const auto x_entry = stored_.params.values.find(x->name);
    const auto codes = integers(node.input(1)), zero = integers(node.input(3));
    if (x_entry == stored_.params.values.end() || !codes || !zero || zero->size() != 1) unexpected(node);
    const Node* next = only_reader(node);
    const Node* biased = next->op == "Add" ? next : nullptr;
    if (biased) next = only_reader(*biased);
    if (next->op != "Cast") unexpected(*next);
    const Node* scaled = only_reader(*next);
    const auto scales = floats(scaled->input(1));
    if (scaled->op != "Mul" || !scales) unexpected(*scaled);

    Shape shape = node.input(1)->shape;
    size_t axis = conv ? 0 : shape.size() - 1;
    const auto trans_b = note.attributes.find("transB");
    const auto* flag = trans_b == note.attributes.end() ? nullptr : std::get_if<int64_t>(&trans_b->second);
    const bool transposed = flag && *flag != 0;
    if (shape.size() < 2 || (transposed && shape.size() > 2) ||
        scales->size() != static_cast<size_t>(shape[axis]))
      unexpected(*scaled);
    const float sx = x_entry->second.quant.scale();
    Entry entry{{{}, std::vector<int32_t>(scales->size(), 0), static_cast<int32_t>(transposed ? 0 : axis)},
                DType::i8};
    for (const float s : *scales) entry.quant.scales.push_back(factor(s, sx));
    Tensor weights(DType::f32, transposed ? Shape{shape[1], shape[0]} : shape);
    for (size_t i = 0; i < codes->size(); ++i) {
      const size_t c = channel_of(shape, axis, i);
      const auto columns = static_cast<size_t>(shape[1]), rows = static_cast<size_t>(shape[0]);
      weights.data<float>()[transposed ? i % columns * rows + i / columns : i] =
          static_cast<float>((*codes)[i] - (*zero)[0]) * entry.quant.scales[c];
    }
    std::vector<Value*> inputs{x, constant(node.input(1)->name, std::move(weights), entry)};
    if (biased) {
      const auto bias = integers(biased->input(1));
      if (!bias || bias->size() != scales->size()) unexpected(*biased);
      Tensor real(DType::f32, {static_cast<int64_t>(bias->size())});
      for (size_t c = 0; c < bias->size(); ++c) real.data<float>()[c] = bias_of((*bias)[c], (*scales)[c]);
      inputs.push_back(out_.add_constant(biased->input(1)->name, std::move(real)));
    }
    twin_[scaled->outputs[0]] =
        add(note, note.op, note.domain, conv ? node.attributes : note.attributes, std::move(inputs))
            ->outputs[0];
  }

  Value* constant(const std::string& name, Tensor real, const Entry& entry) {
    Value* v = out_.add_constant(name, std::move(real));
    stored_.params.values[v->name] = entry;
    return v;
  }

  // What a value of the file is in the source.
  Value* value(const Value* v) {
    if (const auto it = twin_.find(v); it != twin_.end()) return it->second;
    if (v->is_constant()) {
      Value* same = out_.add_value(v->name, v->dtype, v->shape);
      same->constant = v->constant;
      return twin_[v] = same;
    }
    const Node* node = v->producer;
    if (!node) fail(ErrorCode::model_structure, "nothing makes '{}'; {}", v->name, kAdvice);
    // A node of the source that stands behind this one: the order was changed.
    if (sources_.contains(node) || node->inputs.empty() || !node->input(0)) unexpected(*node);
    used_.insert(node);
    const bool quantizes = node->op == "QuantizeLinear", dequantizes = node->op == "DequantizeLinear";
    if (dequantizes && node->input(0)->is_constant()) return twin_[v] = dequantized(*node);
    if (!quantizes && !dequantizes && node->op != "Identity" && node->op != "Cast" && node->op != "Add" &&
        node->op != "Transpose")
      unexpected(*node);
    Value* source = value(node->input(0));  // Cast, Add, Transpose: of pixels to codes
    if (node->op == "Transpose") to_network_layout(*source, *node);
    if (quantizes || dequantizes) set_params(*source, *node);
    return twin_[v] = source;
  }

  // The file has the picture as N, H, W, C, the network as N, C, H, W.
  void to_network_layout(Value& input, const Node& transpose) {
    const std::vector<int64_t> perm{0, 3, 1, 2};
    if (input.producer || input.is_constant() || input.shape.size() != 4 ||
        transpose.attr_ints("perm", {}) != perm)
      unexpected(transpose);
    const Shape& s = input.shape;
    input.shape = {s[0], s[3], s[1], s[2]};
  }

  void set_params(const Value& v, const Node& node) {
    const auto entry = activation_params(node);
    if (!entry)
      fail(ErrorCode::model_bad_value, "{}: its scale or zero point cannot be used", node.describe());
    const auto [known, fresh] = stored_.params.values.emplace(v.name, *entry);
    if (!fresh && (!(known->second.quant == entry->quant) || known->second.codes != entry->codes))
      fail(ErrorCode::model_bad_value,
           "{}: tensor '{}' has scale {} and zero point {} here, {} and {} elsewhere", node.describe(),
           v.name, entry->quant.scale(), entry->quant.zero_point(), known->second.quant.scale(),
           known->second.quant.zero_point());
  }

  // Codes of weights (one scale per channel), of a bias (int32) or of an operand.
  Value* dequantized(const Node& node) {
    const Value& data = *node.input(0);
    const auto codes = integers(&data), zeros = integers(node.input(2));
    const auto scales = floats(node.input(1));
    if (!codes || !zeros || !scales || scales->empty() || zeros->size() != scales->size() ||
        !std::ranges::all_of(*scales, [](float s) { return s > 0 && std::isfinite(s); }))
      unexpected(node);
    const bool single = node.input(1)->shape.empty();
    const int64_t axis = single ? 0 : node.attr_int("axis", 1);
    if (!single && (axis < 0 || axis >= std::ssize(data.shape) ||
                    data.shape[static_cast<size_t>(axis)] != std::ssize(*scales)))
      unexpected(node);
    const auto channel = [&](size_t i) {
      return single ? 0 : channel_of(data.shape, static_cast<size_t>(axis), i);
    };
    Tensor real(DType::f32, data.shape);
    for (size_t i = 0; i < codes->size(); ++i) {
      const size_t c = channel(i);
      const int64_t code = (*codes)[i] - (*zeros)[c];
      real.data<float>()[i] =
          data.dtype == DType::i32 ? bias_of(code, (*scales)[c]) : static_cast<float>(code) * (*scales)[c];
    }
    if (data.dtype == DType::i32) return out_.add_constant(data.name, std::move(real));
    const int32_t shift = data.dtype == DType::u8 ? 128 : 0;
    Entry entry{{*scales, {}, single ? -1 : static_cast<int32_t>(axis)},
                data.dtype == DType::i16 ? DType::i16 : DType::i8};
    for (const int64_t z : *zeros) entry.quant.zero_points.push_back(static_cast<int32_t>(z) - shift);
    return constant(data.name, std::move(real), entry);
  }

  const Graph& file_;
  const Notes& notes_;
  graph::Consumers consumers_;
  Graph out_;
  Stored stored_;
  std::unordered_map<const Value*, Value*> twin_;
  std::unordered_set<const Node*> sources_, used_;
};

}  // namespace

Graph restore_quantized(const Graph& file, const Notes& notes, const std::vector<std::string>& pictures,
                        const Warn& warn) {
  return Reader(file, notes, pictures).run(warn);
}

}  // namespace openhb::quantize
