// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/evaluate.h"

#include <cmath>

#include "host/ops/operator.h"

namespace openhb::compiler {

void evaluate_constant_node(graph::Node& node) {
  // A graph of this node alone: constants are its inputs already.
  graph::Graph alone;
  alone.name = "constant";
  alone.opset = ops::kGraphOpset;
  std::vector<graph::Value*> inputs;
  for (const graph::Value* v : node.inputs) {
    if (!v) {
      inputs.push_back(nullptr);
      continue;
    }
    graph::Value* copy = alone.add_value(v->name, v->dtype, v->shape);
    copy->constant = v->constant;
    inputs.push_back(copy);
  }
  std::vector<std::string> names;
  for (const graph::Value* v : node.outputs) names.push_back(v->name);
  graph::Node* copy = alone.add_node(node.op, node.name, inputs, names);
  copy->domain = node.domain;
  copy->attributes = node.attributes;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    copy->outputs[i]->dtype = node.outputs[i]->dtype;
    copy->outputs[i]->shape = node.outputs[i]->shape;
    alone.outputs.push_back(copy->outputs[i]);
  }
  GraphRunner runner(alone, {}, 1);
  runner.run({});
  for (size_t i = 0; i < node.outputs.size(); ++i)
    node.outputs[i]->constant = std::make_shared<const Tensor>(runner.output(i));
}

GraphRunner::GraphRunner(const graph::Graph& graph, const LowerOptions& options, int threads)
    : GraphRunner(engine::Model::create(Lowering(graph, options).run()), threads) {}

GraphRunner::GraphRunner(std::shared_ptr<const engine::Model> model, int threads)
    : session_(
          std::make_unique<engine::Session>(std::move(model), engine::SessionOptions{.threads = threads})) {}

void GraphRunner::run(const std::vector<Tensor>& inputs, const Observer& observer) {
  const Program& p = program();
  if (inputs.size() != p.inputs.size())
    fail(ErrorCode::internal, "{} inputs given, the program has {}", inputs.size(), p.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorDesc& desc = p.tensors[p.inputs[i].tensor];
    if (inputs[i].dtype() != desc.dtype || inputs[i].shape() != desc.logical_shape())
      fail(ErrorCode::data_bad_size, "input '{}' is {} {}, expected {} {}", p.inputs[i].name,
           dtype_name(inputs[i].dtype()), to_string(inputs[i].shape()), dtype_name(desc.dtype),
           to_string(desc.logical_shape()));
    engine::store_tensor(desc, inputs[i].bytes(), session_->input(i).data());
  }
  if (observer)
    session_->set_hook([&](size_t step) {
      for (uint32_t id : p.steps[step].completes) observer(p.tensors[id], session_->tensor(id));
    });
  const bool ran = session_->run(kUntilInterrupted);
  session_->set_hook({});
  if (!ran) check_interrupt();
  session_->check();
}

Tensor GraphRunner::output(size_t i) const {
  const TensorDesc& desc = program().tensors[program().outputs[i].tensor];
  Tensor t(desc.dtype, desc.logical_shape());
  engine::load_tensor(desc, session_->output(i).data(), t.bytes());
  return t;
}

std::vector<float> real_values(const TensorDesc& desc, const std::byte* data) {
  Tensor t(desc.dtype, desc.logical_shape());
  engine::load_tensor(desc, data, t.bytes());
  std::vector<float> out(t.size());
  const QuantParams& q = desc.quant;
  if (desc.dtype == DType::f32) {
    const auto v = t.data<float>();
    out.assign(v.begin(), v.end());
  } else if (desc.dtype == DType::i8) {
    const auto v = t.data<int8_t>();
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(v[i] - q.zero_point()) * q.scale();
  } else if (desc.dtype == DType::i16) {
    const auto v = t.data<int16_t>();
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(v[i] - q.zero_point()) * q.scale();
  } else if (desc.dtype == DType::i32) {
    // Per-channel scales run along one logical axis.
    const auto v = t.data<int32_t>();
    const Shape shape = desc.logical_shape();
    const size_t axis = q.axis >= 0 ? desc.order[static_cast<size_t>(q.axis)] : 0;
    const size_t channels = q.scales.size() > 1 ? static_cast<size_t>(shape[axis]) : 1;
    const auto inner = q.scales.size() > 1 ? static_cast<size_t>(dense_strides(shape)[axis]) : 1;
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<float>(v[i]) * (q.empty() ? 1.0f : q.scales[(i / inner) % channels]);
  } else {
    out.clear();
  }
  return out;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    ab += x * y, aa += x * x, bb += y * y;
  }
  if (aa == 0 && bb == 0) return 1;
  if (aa == 0 || bb == 0) return 0;
  return ab / std::sqrt(aa * bb);
}

}  // namespace openhb::compiler
