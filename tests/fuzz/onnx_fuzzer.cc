// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: whatever bytes are read as an ONNX model, importer, shape inference and constant folding
// must refuse them with an Error or give a graph. Mutations keep most models parseable.
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <random>

#include "common/error.h"
#include "host/frontend/onnx/onnx.h"
#include "host/ops/operator.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using namespace openhb;
using Random = std::mt19937;

constexpr int64_t kMaxFolded = 1 << 14;
constexpr int64_t kInteresting[] = {0,      1,          -1,      2,         3,         4,
                                    7,      -2,         255,     1 << 16,   1ll << 31, 1ll << 40,
                                    1 << 8, 0x7fffffff, 1 << 24, INT64_MAX, INT64_MIN, -(1ll << 31)};

size_t pick(Random& random, size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); }
int64_t number(Random& random) { return kInteresting[pick(random, std::size(kInteresting))]; }

void mutate_attribute(onnx::AttributeProto& a, Random& random) {
  if (a.ints_size() > 0 && random() % 4 != 0) {
    a.set_ints(static_cast<int>(pick(random, static_cast<size_t>(a.ints_size()))), number(random));
  } else if (a.ints_size() > 0) {
    random() % 2 ? a.mutable_ints()->RemoveLast() : a.add_ints(number(random));
  } else if (a.has_i()) {
    a.set_i(number(random));
  } else if (a.has_f()) {
    a.set_f(static_cast<float>(number(random)) / (random() % 3 ? 1.0f : 3.0f));
  } else if (a.has_s()) {
    a.set_s(random() % 2 ? "" : a.s() + "_");
  } else if (a.has_t() && a.t().dims_size() > 0) {
    a.mutable_t()->set_dims(0, number(random));
  }
}

void mutate_node(onnx::GraphProto& graph, onnx::NodeProto& node, Random& random) {
  const auto ops_list = ops::all_ops();
  switch (random() % 7) {
    case 0:
      node.set_op_type(std::string(ops_list[pick(random, ops_list.size())].info.name));
      break;
    case 1:
      if (node.input_size() > 0) node.mutable_input()->RemoveLast();
      break;
    case 2:  // another tensor of the graph
      if (const auto& other =
              graph.node(static_cast<int>(pick(random, static_cast<size_t>(graph.node_size()))));
          other.output_size() > 0)
        node.add_input(other.output(0));
      break;
    case 3:
      if (node.input_size() > 1) node.mutable_input()->SwapElements(0, node.input_size() - 1);
      break;
    case 4:
      if (node.output_size() > 0)
        random() % 2 ? node.mutable_output()->RemoveLast() : node.add_output("extra");
      break;
    default:
      if (node.attribute_size() > 0)
        mutate_attribute(*node.mutable_attribute(
                             static_cast<int>(pick(random, static_cast<size_t>(node.attribute_size())))),
                         random);
  }
}

// An input becomes an initializer of its shape, so that its readers fold.
void make_constant(onnx::GraphProto& graph, Random& random) {
  if (graph.input_size() == 0) return;
  const auto& input = graph.input(static_cast<int>(pick(random, static_cast<size_t>(graph.input_size()))));
  const auto& type = input.type().tensor_type();
  auto* tensor = graph.add_initializer();
  tensor->set_name(input.name());
  tensor->set_data_type(type.elem_type());
  int64_t count = 1;
  for (const auto& d : type.shape().dim()) {
    tensor->add_dims(d.dim_value());
    count = count > 4096 || d.dim_value() > 4096 || d.dim_value() < 0 ? 8192 : count * d.dim_value();
  }
  for (int64_t i = 0; i < std::min<int64_t>(count, 4096); ++i) {
    if (type.elem_type() == onnx::TensorProto::FLOAT)
      tensor->add_float_data(static_cast<float>(random() % 16) - 4);
    else if (type.elem_type() == onnx::TensorProto::INT64)
      tensor->add_int64_data(random() % 8 ? static_cast<int64_t>(random() % 6) : number(random));
    else
      tensor->add_int32_data(static_cast<int32_t>(random() % 2));
  }
}

void mutate(onnx::ModelProto& model, Random& random) {
  auto& graph = *model.mutable_graph();
  switch (random() % 8) {
    case 0:
      if (model.opset_import_size() > 0)
        model.mutable_opset_import(0)->set_version(6 + static_cast<int64_t>(random() % 22));
      break;
    case 1:
      make_constant(graph, random);
      break;
    case 2:
      if (graph.input_size() > 0) {
        auto* type =
            graph.mutable_input(static_cast<int>(pick(random, static_cast<size_t>(graph.input_size()))))
                ->mutable_type()
                ->mutable_tensor_type();
        if (random() % 3 == 0) type->set_elem_type(static_cast<int32_t>(random() % 17));
        if (type->shape().dim_size() > 0)
          type->mutable_shape()
              ->mutable_dim(static_cast<int>(pick(random, static_cast<size_t>(type->shape().dim_size()))))
              ->set_dim_value(number(random));
        if (random() % 4 == 0) type->mutable_shape()->add_dim()->set_dim_value(number(random));
      }
      break;
    case 3:
      if (graph.initializer_size() > 0) {
        auto* t = graph.mutable_initializer(
            static_cast<int>(pick(random, static_cast<size_t>(graph.initializer_size()))));
        if (t->dims_size() > 0) t->set_dims(0, number(random));
        if (t->int64_data_size() > 0) t->set_int64_data(0, number(random));
      }
      break;
    default:
      if (graph.node_size() > 0)
        mutate_node(
            graph,
            *graph.mutable_node(static_cast<int>(pick(random, static_cast<size_t>(graph.node_size())))),
            random);
  }
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  Random random(seed);
  onnx::ModelProto model;
  if (random() % 8 == 0 || !model.ParseFromArray(data, static_cast<int>(size)))
    return LLVMFuzzerMutate(data, size, max_size);
  for (auto n = 1 + random() % 3; n > 0; --n) mutate(model, random);
  const std::string bytes = model.SerializeAsString();
  if (bytes.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    graph::Graph graph =
        onnx_frontend::import_onnx_bytes({reinterpret_cast<const char*>(data), size}, "fuzz");
    graph.max_folded = kMaxFolded;
    ops::infer_shapes(graph);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) __builtin_trap();  // a bug of ours, not of the file
  }
  return 0;
}
