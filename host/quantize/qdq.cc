// SPDX-License-Identifier: Apache-2.0
#include "host/quantize/qdq.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "host/compiler/lowering.h"
#include "host/ops/operator.h"
#include "host/quantize/load.h"
#include "host/quantize/weights.h"

namespace openhb::quantize {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

constexpr int64_t kOnnxUint8 = 2, kOnnxInt32 = 6, kOnnxFloat = 1;

// Builds the quantized graph node by node, keeping for each value of the source its float and its uint8 form.
// The float nearest to code * unit; `original` where that would not give the code again.
float wide_bias(int64_t code, double unit, float original) {
  const auto nearest = static_cast<float>(static_cast<double>(code) * unit);
  return std::nearbyint(double{nearest} / unit) == static_cast<double>(code) ? nearest : original;
}

class Builder {
 public:
  Builder(const Graph& source, const std::vector<std::string>& pictures,
          const std::vector<std::string>& to_nhwc)
      : source_(source),
        consumers_(source.consumers()),
        pictures_(pictures.begin(), pictures.end()),
        to_nhwc_(to_nhwc.begin(), to_nhwc.end()) {
    out_.name = source.name;
    out_.opset = source.opset;
    out_.domains = source.domains;
    out_.ir_version = source.ir_version;
    out_.producer = source.producer;
  }

  Graph build() {
    for (const Value* v : source_.inputs) add_input(v);
    for (const auto& node : source_.nodes()) {
      if (absorbed_.count(node.get())) continue;
      node->int8 ? add_integer(*node) : add_float(*node);
    }
    for (const Value* v : source_.outputs) {
      Value* result = real(v);
      if (result->name != v->name) {  // the graph's output names are the user's
        Node* same = add("Identity", v->name + "_output", {result}, v->name, v->dtype, v->shape);
        result = same->outputs[0];
      }
      out_.outputs.push_back(result);
    }
    const auto& values = source_.values();
    if (std::any_of(values.begin(), values.end(), [](const auto& v) { return v->codes == DType::i16; })) {
      // The first with int16 in QuantizeLinear and DequantizeLinear.
      out_.opset = std::max<int64_t>(out_.opset, 21);
      out_.ir_version = std::max<int64_t>(out_.ir_version, 10);
    }
    return std::move(out_);
  }

 private:
  // `name` is that of a node of the source, or of none: then it takes none of theirs, so that a reader finds
  // them.
  Node* add(std::string op, std::string name, std::vector<Value*> inputs, std::string output, DType dtype,
            Shape shape, bool helper = true) {
    while (helper && (source_.find_node(name) || out_.find_node(name))) name += "_";
    Node* node = out_.add_node(std::move(op), std::move(name), std::move(inputs), {std::move(output)});
    node->outputs[0]->dtype = dtype;
    node->outputs[0]->shape = std::move(shape);
    return node;
  }
  template <class T>
  Value* scalar(const std::string& name, T value) {
    return out_.add_constant(name, Tensor::from<T>({}, std::vector<T>{value}));
  }

  void add_input(const Value* v) {
    const bool to_nhwc = to_nhwc_.contains(v->name);
    const Shape& s = v->shape;
    const Shape shape = to_nhwc ? Shape{s[0], s[2], s[3], s[1]} : s;
    Value* in = out_.add_value(v->name, v->dtype, shape);
    out_.inputs.push_back(in);
    const auto in_network_layout = [&](Value* x) {
      if (!to_nhwc) return x;
      Node* moved = add("Transpose", v->name + "_to_nchw", {x}, x->name + "_nchw", x->dtype, s);
      moved->attributes["perm"] = std::vector<int64_t>{0, 3, 1, 2};
      return moved->outputs[0];
    };
    if (!pictures_.count(v->name) || !v->quant) {
      real_[v] = in_network_layout(in);
      return;
    }
    // int8 pixels - 128 to uint8 codes, exactly and without a float in between.
    in->dtype = DType::i8;
    Node* wide = add("Cast", v->name + "_to_int32", {in}, v->name + "_int32", DType::i32, shape);
    wide->attributes["to"] = kOnnxInt32;
    Node* shifted =
        add("Add", v->name + "_plus_128", {wide->outputs[0], scalar<int32_t>(v->name + "_128", 128)},
            v->name + "_shifted", DType::i32, shape);
    Node* codes =
        add("Cast", v->name + "_to_uint8", {shifted->outputs[0]}, v->name + "_uint8", DType::u8, shape);
    codes->attributes["to"] = kOnnxUint8;
    codes_[v] = in_network_layout(codes->outputs[0]);
  }

  std::pair<Value*, Value*> params(const Value* v) {
    auto& p = params_[v];
    if (!p.first) {
      p.first = scalar<float>(v->name + "_scale", v->quant->scale());
      if (v->codes == DType::i16)
        p.second = scalar<int16_t>(v->name + "_zero_point", 0);
      else
        p.second =
            scalar<uint8_t>(v->name + "_zero_point", static_cast<uint8_t>(v->quant->zero_point() + 128));
    }
    return p;
  }

  // The uint8 or int16 form.
  Value* codes(const Value* v) {
    if (const auto it = codes_.find(v); it != codes_.end()) return it->second;
    const auto [scale, zero] = params(v);
    Node* q = add("QuantizeLinear", v->name + "_HzQuantize", {real(v), scale, zero},
                  v->name + (v->codes == DType::i16 ? "_int16" : "_uint8"), zero->dtype, v->shape);
    return codes_[v] = q->outputs[0];
  }

  // A float form read from the codes, for int8 nodes.
  Value* dequantized(const Value* v, bool int16 = false) {
    if (v->is_constant()) return int16 ? int16_constant(v) : quantized_constant(v);
    if (const auto it = dequantized_.find(v); it != dequantized_.end()) return it->second;
    const auto [scale, zero] = params(v);
    Node* dq = add("DequantizeLinear", v->name + "_HzDequantize", {codes(v), scale, zero},
                   v->name + "_dequantized", DType::f32, v->shape);
    return dequantized_[v] = dq->outputs[0];
  }

  Value* quantized_constant(const Value* v) {
    Value*& known = constants_[{v, DType::i8}];
    if (known) return known;
    const QuantParams q = operand_params(*v);
    std::vector<uint8_t> shifted;
    for (int8_t c : compiler::quantize_codes(v->constant->data<float>(), q))
      shifted.push_back(static_cast<uint8_t>(c + 128));
    Value* data = out_.add_constant(v->name + "_uint8", Tensor::from<uint8_t>(v->shape, shifted));
    Node* dq = add("DequantizeLinear", v->name + "_HzDequantize",
                   {data, scalar<float>(v->name + "_scale", q.scale()),
                    scalar<uint8_t>(v->name + "_zero_point", static_cast<uint8_t>(q.zero_point() + 128))},
                   v->name + "_dequantized", DType::f32, v->shape);
    return known = dq->outputs[0];
  }

  Value* int16_constant(const Value* v) {
    Value*& known = constants_[{v, DType::i16}];
    if (known) return known;
    const QuantParams q = operand_params_int16(*v);
    const auto codes = compiler::quantize_codes_int16(v->constant->data<float>(), q);
    Node* dq =
        add("DequantizeLinear", v->name + "_HzDequantize",
            {out_.add_constant(v->name + "_int16", Tensor::from<int16_t>(v->shape, codes)),
             scalar<float>(v->name + "_scale", q.scale()), scalar<int16_t>(v->name + "_zero_point", 0)},
            v->name + "_dequantized", DType::f32, v->shape);
    return known = dq->outputs[0];
  }

  // The float form for float nodes.
  Value* real(const Value* v) {
    if (const auto it = real_.find(v); it != real_.end()) return it->second;
    if (v->is_constant()) return real_[v] = out_.add_constant(v->name, *v->constant);
    return dequantized(v);
  }

  void add_float(const Node& node) {
    std::vector<Value*> inputs;
    for (const Value* v : node.inputs) inputs.push_back(v ? real(v) : nullptr);
    std::vector<std::string> names;
    for (const Value* v : node.outputs) names.push_back(v->name);
    Node* copy = out_.add_node(node.op, node.name, inputs, names);
    copy->domain = node.domain;
    copy->attributes = node.attributes;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      copy->outputs[i]->dtype = node.outputs[i]->dtype;
      copy->outputs[i]->shape = node.outputs[i]->shape;
      real_[node.outputs[i]] = copy->outputs[i];
    }
  }

  // The operator in float between DequantizeLinear and QuantizeLinear, with its activation where the step
  // fuses it.
  void add_integer(const Node& node) {
    const ops::QuantRule rule = ops::op_of(node, source_.opset).quant(node);
    const bool compute = rule.kind == ops::QuantKind::compute;
    const Node* next = compiler::fused_activation(node, consumers_, source_, true, compute);
    if (next) absorbed_.insert(next);
    const Value* result = next ? next->outputs[0] : node.outputs[0];
    const bool real_result = compute && !result->quant;  // for a float consumer
    // There is no integer form of ConvTranspose in ONNX: it stays between float values.
    if (real_result && node.input(0)->codes == DType::i8 && node.op != "ConvTranspose")
      return add_accumulators(node, rule);
    std::vector<Value*> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Value* v = node.inputs[i];
      const bool activation =
          std::find(rule.activations.begin(), rule.activations.end(), i) != rule.activations.end();
      const bool operand = rule.kind == ops::QuantKind::arithmetic && v && v->dtype == DType::f32;
      if (!v)
        inputs.push_back(nullptr);
      else if (activation || operand)
        inputs.push_back(dequantized(v, node.int16()));
      else if (compute)
        inputs.push_back(nullptr);  // filled in below
      else
        inputs.push_back(real(v));
    }
    if (compute) add_weights(node, rule, inputs);
    std::vector<std::string> names;
    for (const Value* v : node.outputs) names.push_back(v->quant || next ? v->name + "_float" : v->name);
    Node* copy = out_.add_node(node.op, node.name, inputs, names);
    copy->domain = node.domain;
    copy->attributes = node.attributes;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      copy->outputs[i]->dtype = node.outputs[i]->dtype;
      copy->outputs[i]->shape = node.outputs[i]->shape;
    }
    if (next) {
      std::vector<Value*> tail{copy->outputs[0]};
      for (size_t i = 1; i < next->inputs.size(); ++i)
        tail.push_back(next->inputs[i] ? real(next->inputs[i]) : nullptr);
      Node* activation =
          add(next->op, next->name, tail, result->name + "_float", result->dtype, result->shape, false);
      activation->attributes = next->attributes;
      real_[result] = activation->outputs[0];
      codes(result);
      real_.erase(result);
      return;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      real_[node.outputs[i]] = copy->outputs[i];
      if (real_result || !node.outputs[i]->quant) continue;
      codes(node.outputs[i]);
      real_.erase(node.outputs[i]);
    }
  }

  IntegerWeights integer_weights(const Node& node, const ops::QuantRule& rule) {
    const Tensor* bias = node.input(2) ? node.input(2)->constant.get() : nullptr;
    return quantize_weights(*node.input(1)->constant, rule.weight_axis, bias, node.input(0)->quant->scale(),
                            node.input(0)->codes, node.input(1)->quant ? &*node.input(1)->quant : nullptr);
  }

  void add_weights(const Node& node, const ops::QuantRule& rule, std::vector<Value*>& inputs) {
    const IntegerWeights integer = integer_weights(node, rule);
    const auto n = static_cast<int64_t>(integer.scales.size());
    const std::string name = node.input(1)->name;
    auto dequantize = [&](const std::string& what, Value* data, const std::vector<float>& scales, Tensor zero,
                          int64_t axis) {
      Node* dq =
          add("DequantizeLinear", node.name + "_" + what + "_HzDequantize",
              {data, out_.add_constant(node.name + "_" + what + "_scale", Tensor::from<float>({n}, scales)),
               out_.add_constant(node.name + "_" + what + "_zero_point", std::move(zero))},
              node.name + "_" + what + "_dequantized", DType::f32, data->shape);
      dq->attributes["axis"] = axis;
      return dq->outputs[0];
    };
    inputs[1] = dequantize(
        "weight",
        out_.add_constant(node.name + "_weight", Tensor::from<int8_t>(node.input(1)->shape, integer.codes)),
        integer.scales, Tensor(DType::i8, {n}), rule.weight_axis);
    if (!node.input(2)) return;
    std::vector<float> scales;
    for (float s : integer.scales) scales.push_back(node.input(0)->quant->scale() * s);
    if (node.input(0)->codes == DType::i16) {  // more bits than int32 has
      std::vector<float> bias;
      for (size_t c = 0; c < scales.size(); ++c)
        bias.push_back(wide_bias(integer.wide_bias[c],
                                 double{node.input(0)->quant->scale()} * double{integer.scales[c]},
                                 node.input(2)->constant->data<float>()[c]));
      inputs[2] = out_.add_constant(node.name + "_bias", Tensor::from<float>({n}, bias));
      return;
    }
    inputs[2] =
        dequantize("bias", out_.add_constant(node.name + "_bias", Tensor::from<int32_t>({n}, integer.bias)),
                   scales, Tensor(DType::i32, {n}), 0);
  }

  // Accumulators in int32, bias added, then float: f32(f32(acc) * f32(sx * sw)).
  void add_accumulators(const Node& node, const ops::QuantRule& rule) {
    const IntegerWeights integer = integer_weights(node, rule);
    const Value* result = node.outputs[0];
    const bool conv = node.op != "Gemm" && node.op != "MatMul";
    const auto n = static_cast<int64_t>(integer.scales.size());
    Shape channels(result->shape.size(), 1);  // broadcasts along the output channels
    channels[conv ? 1 : channels.size() - 1] = n;
    // uint8 weights (code + 128, zero point 128): the form that ConvInteger and MatMulInteger have
    // everywhere.
    std::vector<uint8_t> shifted;
    for (int8_t c : integer.codes) shifted.push_back(static_cast<uint8_t>(c + 128));
    Shape shape = node.input(1)->shape;
    if (!conv && rule.weight_axis == 0) {  // transB
      std::vector<uint8_t> moved(shifted.size());
      for (int64_t i = 0; i < shape[0]; ++i)
        for (int64_t k = 0; k < shape[1]; ++k)
          moved[static_cast<size_t>(k * shape[0] + i)] = shifted[static_cast<size_t>(i * shape[1] + k)];
      shifted = std::move(moved);
      std::swap(shape[0], shape[1]);
    }
    Value* weights = out_.add_constant(node.name + "_weight", Tensor::from<uint8_t>(shape, shifted));
    Value* zero = scalar<uint8_t>(node.name + "_weight_zero_point", 128);
    Node* product = add(conv ? "ConvInteger" : "MatMulInteger", node.name,
                        {codes(node.input(0)), weights, params(node.input(0)).second, zero},
                        result->name + "_products", DType::i32, result->shape, false);
    if (conv) product->attributes = node.attributes;
    Value* sum = product->outputs[0];
    if (node.input(2)) {
      Node* biased =
          add("Add", node.name + "_add_bias",
              {sum, out_.add_constant(node.name + "_bias", Tensor::from<int32_t>(channels, integer.bias))},
              result->name + "_accumulators", DType::i32, result->shape);
      sum = biased->outputs[0];
    }
    std::vector<float> scales;
    for (float s : integer.scales) scales.push_back(node.input(0)->quant->scale() * s);
    Node* real =
        add("Cast", node.name + "_to_float", {sum}, result->name + "_unscaled", DType::f32, result->shape);
    real->attributes["to"] = kOnnxFloat;
    Node* scaled = add("Mul", node.name + "_HzDequantize",
                       {real->outputs[0], out_.add_constant(node.name + "_output_scale",
                                                            Tensor::from<float>(channels, scales))},
                       result->name, DType::f32, result->shape);
    real_[result] = scaled->outputs[0];
  }

  const Graph& source_;
  graph::Consumers consumers_;
  std::unordered_set<std::string> pictures_, to_nhwc_;
  Graph out_;
  std::unordered_map<const Value*, Value*> real_, codes_, dequantized_;
  std::unordered_map<const Value*, std::pair<Value*, Value*>> params_;
  std::map<std::pair<const Value*, DType>, Value*> constants_;  // operands' float forms, by their codes
  std::unordered_set<const Node*> absorbed_;
};

}  // namespace

Graph quantized_graph(const Graph& graph, const std::vector<std::string>& pictures,
                      const std::vector<std::string>& to_nhwc) {
  return Builder(graph, pictures, to_nhwc).build();
}

}  // namespace openhb::quantize
