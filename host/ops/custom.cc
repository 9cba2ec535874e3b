// SPDX-License-Identifier: Apache-2.0
#include "host/ops/custom.h"

#include <utility>

#include "device/plugin/node.h"
#include "host/ops/plain.h"

namespace openhb::ops {
namespace {

const plugin::Operator& operator_of(const Node& node) {
  const plugin::Operator* op = plugin::find_operator(node.domain, node.type());
  if (!op) fail(ErrorCode::internal, "{}: its plug-in is gone", node.describe());
  return *op;
}

plugin::Attributes attributes_of(const Node& node) {
  plugin::Attributes attributes;
  for (const auto& [name, value] : node.attributes)
    std::visit(
        [&]<class T>(const T& v) {
          if constexpr (std::is_same_v<T, std::shared_ptr<const graph::Subgraph>>)
            fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' is a graph, which plug-ins do not get",
                 node.describe(), name);
          else
            attributes[name] = v;
        },
        value);
  return attributes;
}

std::vector<openhb_tensor> inputs_of(const Node& node) {
  std::vector<openhb_tensor> inputs;
  for (const Value* v : node.inputs)
    inputs.push_back(v ? plugin::describe_tensor(v->dtype, v->shape,
                                                 v->is_constant() ? v->constant->bytes().data() : nullptr)
                       : openhb_tensor{});
  return inputs;
}

}  // namespace

void Custom::infer(InferContext& context) {
  const Node& node = context.node();
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i] && plugin::type_number(node.inputs[i]->dtype) == OPENHB_TYPE_NONE)
      context.require_support(false, fmt::format("its input {} is {}, which plug-ins do not get", i,
                                                 dtype_name(node.inputs[i]->dtype)));
  plugin::NodeView view(operator_of(node), node.name, attributes_of(node), inputs_of(node),
                        node.outputs.size(), ErrorCode::model_bad_attribute);
  const auto types = view.infer();
  for (size_t i = 0; i < types.size(); ++i) context.set(i, types[i].dtype, types[i].shape);
}

QuantRule Custom::quant(const Node& node) {
  return float_only(
      fmt::format("it is an operator of plug-in {}, which computes in float", operator_of(node).plugin));
}

void Custom::lower(compiler::Lowering& lowering, const Node& node) {
  CustomParams params;
  params.domain = node.domain;
  params.type = node.type();
  params.attributes = plugin::encode_attributes(attributes_of(node));
  std::vector<compiler::TensorId> inputs, outputs;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i])
      inputs.push_back(lowering.dense(plain_native(lowering, node, i)));
    else
      params.absent |= int64_t{1} << i;
  for (const Value* v : node.outputs) outputs.push_back(plain_output(lowering, v));
  lowering.emit(std::move(params), std::move(inputs), std::move(outputs));
}

const OpRow* custom_row(const Node& node) {
  static constexpr OpRow kRow = row_of<Custom>();
  return plugin::find_operator(node.domain, node.type()) ? &kRow : nullptr;
}

std::vector<std::string> load_plugins(const std::vector<std::string>& files) {
  std::vector<std::string> unused;
  for (const std::string& file : files)
    for (const std::string& name : plugin::load_file(file))
      if (find_op("", name))
        unused.push_back(
            fmt::format("operator {} of plug-in '{}' is never used: OpenHB's own is", name, file));
  return unused;
}

}  // namespace openhb::ops
