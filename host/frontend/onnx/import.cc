// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <unordered_set>

#include "common/text/text.h"
#include "host/frontend/onnx/functions.h"
#include "host/frontend/onnx/inline.h"
#include "host/frontend/onnx/inputs.h"
#include "host/frontend/onnx/onnx.h"
#include "host/frontend/onnx/tensors.h"
#include "host/graph/narrow.h"

namespace openhb::onnx_frontend {
namespace {

using graph::Attribute;
using graph::Graph;
using graph::Node;
using graph::Value;
using onnx::AttributeProto;

constexpr int64_t kMinOpset = 7, kMaxOpset = 26;

std::string describe(const onnx::NodeProto& node, const std::string& name) {
  return fmt::format("node '{}' ({})", name, node.op_type());
}

int32_t narrow_type(int32_t onnx_type) { return graph::find_narrow_type(onnx_type) ? onnx_type : 0; }

// What the graphs of one model share.
struct Shared {
  const onnx::ModelProto& model;
  const ImportOptions& options;
  ExternalData external;
  int64_t opset = 0;
  std::set<std::string, std::less<>> converted;  // element types that became float32
};

class Importer {
 public:
  // `outer`: the graph around this one; nullptr for the model's. The proto's weights are released as they are
  // read.
  Importer(onnx::GraphProto& proto, Shared& shared, Importer* outer = nullptr)
      : proto_(proto), shared_(shared), outer_(outer) {}

  Graph run() {
    graph_.name = proto_.name().empty() ? "main_graph" : proto_.name();
    graph_.opset = shared_.opset;
    if (proto_.sparse_initializer_size() > 0)
      fail(ErrorCode::model_structure,
           "sparse tensor '{}' is not supported; export the model with dense weights",
           proto_.sparse_initializer(0).values().name());
    read_initializers();
    outer_ ? read_formal_inputs() : read_inputs();
    name_nodes();
    declare_node_outputs();
    for (int i = 0; i < proto_.node_size(); ++i) read_node(i);
    read_outputs();
    graph_.inputs.insert(graph_.inputs.end(), captured_.begin(), captured_.end());
    graph_.sort();
    return std::move(graph_);
  }
  size_t captures() const { return captured_.size(); }

 private:
  void read_initializers();
  void read_inputs();
  void read_formal_inputs();
  void name_nodes();
  void declare_node_outputs();
  void read_node(int index);
  void read_outputs();
  Value* declare(const std::string& name, std::string_view what);
  Value* find(const std::string& name);
  DType dtype(int32_t onnx_type, std::string_view what);
  Tensor tensor(const onnx::TensorProto& proto, const std::string& what);
  Tensor constant_value(const onnx::NodeProto& node, const std::string& what);
  Attribute read_attribute(const AttributeProto& attribute, const std::string& what);
  std::shared_ptr<const graph::Subgraph> read_subgraph(const AttributeProto& attribute, Node& node,
                                                       const std::string& what);

  onnx::GraphProto& proto_;
  Shared& shared_;
  Importer* outer_;
  Graph graph_;
  std::vector<std::string> node_names_;
  std::vector<Value*> captured_;
};

int64_t model_opset(const onnx::ModelProto& model) {
  int64_t opset = 0;
  for (const auto& import : model.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx") opset = std::max(opset, import.version());
  if (opset == 0)
    fail(ErrorCode::model_parse,
         "the model does not say its opset version (opset_import); the file may be cut off");
  if (opset < kMinOpset || opset > kMaxOpset)
    fail(ErrorCode::model_structure,
         "the model uses opset {}; opsets {} to {} are supported: export it again with opset_version=13",
         opset, kMinOpset, kMaxOpset);
  return opset;
}

DType Importer::dtype(int32_t onnx_type, std::string_view what) {
  const DType result = import_dtype(onnx_type, what);
  if (const auto name = converted_type(onnx_type); !name.empty()) shared_.converted.emplace(name);
  if (const auto* narrow = graph::find_narrow_type(onnx_type); narrow && narrow->is_float())
    shared_.converted.emplace(narrow->name);
  return result;
}

// Weights and attributes: no NaN.
Tensor Importer::tensor(const onnx::TensorProto& proto, const std::string& what) {
  dtype(proto.data_type(), what);
  Tensor result = import_tensor(proto, what, shared_.external);
  if (!shared_.options.allow_nan) check_no_nan(result, what);
  return result;
}

// A tensor that nodes of this graph may read: its own, or one of the graphs around it.
Value* Importer::find(const std::string& name) {
  if (Value* own = graph_.find_value(name)) return own;
  if (!outer_ || !outer_->find(name)) return nullptr;
  Value* value = graph_.add_value(name);
  captured_.push_back(value);
  return value;
}

// A new value; `what` introduces it in messages.
Value* Importer::declare(const std::string& name, std::string_view what) {
  if (name.empty()) fail(ErrorCode::model_structure, "{} has no name", what);
  if (graph_.find_value(name))
    fail(ErrorCode::model_structure, "{} '{}': another tensor of the model already has this name", what,
         name);
  return graph_.add_value(name);
}

void Importer::read_initializers() {
  for (auto& proto : *proto_.mutable_initializer()) {
    Value* value = declare(proto.name(), "initializer");
    Tensor weights = tensor(proto, fmt::format("initializer '{}'", proto.name()));
    value->dtype = weights.dtype();
    value->onnx_type = narrow_type(proto.data_type());
    value->shape = weights.shape();
    value->constant = std::make_shared<const Tensor>(std::move(weights));
    proto.Clear();
  }
}

void Importer::read_inputs() {
  std::vector<std::string> names;
  std::unordered_set<std::string> seen;
  for (const auto& input : proto_.input()) {
    if (!seen.insert(input.name()).second)
      fail(ErrorCode::model_structure, "the model has two inputs with the name '{}'", input.name());
    // Up to IR version 3 initializers are listed as inputs too; later such an input has a default. Both are
    // weights.
    if (const Value* value = graph_.find_value(input.name()); value && value->is_constant()) continue;
    const std::string what = fmt::format("input '{}'", input.name());
    if (!input.type().has_tensor_type())
      fail(ErrorCode::model_structure,
           "{} is not a tensor; sequences, maps and optional inputs are not supported", what);
    Value* value = declare(input.name(), "input");
    value->dtype = dtype(input.type().tensor_type().elem_type(), what);
    value->onnx_type = narrow_type(input.type().tensor_type().elem_type());
    names.push_back(input.name());
    graph_.inputs.push_back(value);
  }
  check_input_names(shared_.options, names);  // first, as a wrong name explains a missing shape
  for (const auto& input : proto_.input())
    if (Value* value = graph_.find_value(input.name()); !value->is_constant())
      value->shape = resolve_input_shape(input, shared_.options);
}

// Inputs of a loop body: their types follow when the body is expanded.
void Importer::read_formal_inputs() {
  for (const auto& input : proto_.input())
    graph_.inputs.push_back(declare(input.name(), "input of a nested graph"));
}

// Given names win over made ones, wherever they stand.
void Importer::name_nodes() {
  std::unordered_set<std::string> taken;
  for (const auto& node : proto_.node())
    if (!node.name().empty()) taken.insert(node.name());
  for (int i = 0; i < proto_.node_size(); ++i) {
    std::string name = proto_.node(i).name();
    if (name.empty()) {
      const std::string base = fmt::format("{}_{}", proto_.node(i).op_type(), i);
      name = base;
      for (int k = 1; !taken.insert(name).second; ++k) name = fmt::format("{}_{}", base, k);
    }
    node_names_.push_back(std::move(name));
  }
}

// Nodes may stand in any order, so all their outputs must exist before the inputs are looked up.
void Importer::declare_node_outputs() {
  for (int i = 0; i < proto_.node_size(); ++i) {
    const auto& node = proto_.node(i);
    const std::string what = describe(node, node_names_[static_cast<size_t>(i)]);
    bool any = false;
    for (const auto& output : node.output()) {
      if (output.empty()) continue;
      declare(output, what + ": its output");
      any = true;
    }
    if (!any) fail(ErrorCode::model_structure, "{} has no outputs", what);
  }
}

Attribute Importer::read_attribute(const AttributeProto& proto, const std::string& what) {
  const auto check_float = [&](float value) {
    if (std::isnan(value)) fail(ErrorCode::model_bad_value, "{}: attribute '{}' is NaN", what, proto.name());
  };
  if (!proto.ref_attr_name().empty())
    fail(ErrorCode::model_bad_attribute,
         "{}: attribute '{}' refers to an attribute of a function, outside of one", what, proto.name());
  switch (proto.type()) {
    case AttributeProto::INT:
      return proto.i();
    case AttributeProto::FLOAT:
      check_float(proto.f());
      return proto.f();
    case AttributeProto::STRING:
      return proto.s();
    case AttributeProto::INTS:
      return std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
    case AttributeProto::FLOATS:
      for (const float value : proto.floats()) check_float(value);
      return std::vector<float>(proto.floats().begin(), proto.floats().end());
    case AttributeProto::STRINGS:
      return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
    case AttributeProto::TENSOR:
      return tensor(proto.t(), fmt::format("{}: attribute '{}'", what, proto.name()));
    default:
      fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' has a type that is not supported ({})", what,
           proto.name(), AttributeProto::AttributeType_Name(proto.type()));
  }
}

// Captured values become further inputs of the node.
std::shared_ptr<const graph::Subgraph> Importer::read_subgraph(const AttributeProto& proto, Node& node,
                                                               const std::string& what) {
  onnx::GraphProto body = proto.g();
  Importer inner(body, shared_, this);
  auto subgraph = std::make_shared<graph::Subgraph>();
  try {
    subgraph->graph = inner.run();
  } catch (const Error& error) {
    throw Error(error.code(),
                fmt::format("{}: graph in attribute '{}': {}", what, proto.name(), error.what()));
  }
  subgraph->captures = inner.captures();
  const auto& inputs = subgraph->graph.inputs;
  for (size_t i = inputs.size() - subgraph->captures; i < inputs.size(); ++i)
    node.inputs.push_back(find(inputs[i]->name));
  return subgraph;
}

// Constant has one attribute, whose name says its form (onnx/docs/Operators.md, Constant-13).
Tensor Importer::constant_value(const onnx::NodeProto& node, const std::string& what) {
  if (node.attribute_size() != 1 || node.output_size() != 1 || node.input_size() != 0)
    fail(ErrorCode::model_bad_attribute, "{}: a Constant has one attribute, one output and no input", what);
  const AttributeProto& proto = node.attribute(0);
  const Attribute value = read_attribute(proto, what);
  if (proto.name() == "value")
    if (const auto* tensor = std::get_if<Tensor>(&value)) return *tensor;
  if (proto.name() == "value_float")
    if (const auto* v = std::get_if<float>(&value)) return Tensor::from<float>({}, std::span(v, 1));
  if (proto.name() == "value_int")
    if (const auto* v = std::get_if<int64_t>(&value)) return Tensor::from<int64_t>({}, std::span(v, 1));
  if (proto.name() == "value_floats")
    if (const auto* v = std::get_if<std::vector<float>>(&value))
      return Tensor::from<float>({static_cast<int64_t>(v->size())}, *v);
  if (proto.name() == "value_ints")
    if (const auto* v = std::get_if<std::vector<int64_t>>(&value))
      return Tensor::from<int64_t>({static_cast<int64_t>(v->size())}, *v);
  fail(ErrorCode::model_bad_attribute, "{}: a constant given as '{}' is not supported, only numbers are",
       what, proto.name());
}

// An operator of the standard set or of ours. Others keep their domain before their name, so that nobody
// takes them for the standard operator of the same name.
bool is_foreign(const onnx::NodeProto& node) {
  const std::string& domain = node.domain();
  return !domain.empty() && domain != "ai.onnx" && domain != kOwnDomain;
}

void Importer::read_node(int index) {
  const onnx::NodeProto& proto = proto_.node(index);
  const std::string& name = node_names_[static_cast<size_t>(index)];
  const std::string what = describe(proto, name);
  if (proto.op_type().empty()) fail(ErrorCode::model_structure, "{} has no operator type", what);
  if (proto.domain() == kOwnDomain && !is_own_function(proto.op_type()) && !is_own_operator(proto.op_type()))
    fail(ErrorCode::model_unsupported_op, "{}: the domain '{}' has no operator {}", what, kOwnDomain,
         proto.op_type());
  if (proto.op_type() == "Constant" && !is_foreign(proto)) {
    Tensor tensor = constant_value(proto, what);
    Value* value = graph_.find_value(proto.output(0));
    value->dtype = tensor.dtype();
    value->onnx_type = narrow_type(proto.attribute(0).t().data_type());
    value->shape = tensor.shape();
    value->constant = std::make_shared<const Tensor>(std::move(tensor));
    return;
  }
  std::vector<Value*> inputs, outputs;
  for (const auto& input : proto.input()) {
    Value* value = input.empty() ? nullptr : find(input);
    if (!value && !input.empty())
      fail(ErrorCode::model_structure, "{}: its input '{}' is not produced by any node, input or initializer",
           what, input);
    inputs.push_back(value);
  }
  // Outputs are never nullptr: an absent one in the middle gets a value that nobody reads.
  int count = proto.output_size();
  while (count > 0 && proto.output(count - 1).empty()) --count;
  for (int i = 0; i < count; ++i) {
    const std::string& output = proto.output(i);
    outputs.push_back(output.empty() ? graph_.add_value(fmt::format("{}_unused_{}", name, i))
                                     : graph_.find_value(output));
  }
  const bool foreign = is_foreign(proto);
  Node* node =
      graph_.add_node_to(foreign ? fmt::format("{}::{}", proto.domain(), proto.op_type()) : proto.op_type(),
                         name, std::move(inputs), std::move(outputs));
  if (foreign || proto.domain() == kOwnDomain) node->domain = proto.domain();
  std::map<std::string_view, const AttributeProto*> attributes;  // by name: the order of the captured inputs
  for (const auto& attribute : proto.attribute())
    if (!attributes.emplace(attribute.name(), &attribute).second)
      fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' is given twice", what, attribute.name());
  for (const auto& [key, attribute] : attributes)
    node->attributes[std::string(key)] = attribute->type() == AttributeProto::GRAPH
                                             ? Attribute(read_subgraph(*attribute, *node, what))
                                             : read_attribute(*attribute, what);
  // The graph computes in float32 where the model says float16, bfloat16 or double.
  if (const auto to = node->attributes.find("to"); node->op == "Cast" && to != node->attributes.end())
    if (auto* type = std::get_if<int64_t>(&to->second);
        type && !converted_type(static_cast<int32_t>(*type)).empty())
      *type = kOnnxFloat;
}

void Importer::read_outputs() {
  if (proto_.output_size() == 0) fail(ErrorCode::model_structure, "the model has no outputs");
  std::unordered_set<const Value*> seen;
  for (const auto& output : proto_.output()) {
    Value* value = find(output.name());
    if (!value) fail(ErrorCode::model_structure, "output '{}' is not produced by any node", output.name());
    if (!seen.insert(value).second && !outer_)
      fail(ErrorCode::model_structure, "the model has two outputs with the name '{}'", output.name());
    if (output.has_type() && !output.type().has_tensor_type())
      fail(ErrorCode::model_structure,
           "output '{}' is not a tensor; sequences, maps and optional outputs are not "
           "supported",
           output.name());
    // Its shape follows from the inputs; what the file says may not fit the shapes they were given.
    if (value->producer && output.type().tensor_type().elem_type() != 0)
      value->dtype =
          dtype(output.type().tensor_type().elem_type(), fmt::format("output '{}'", output.name()));
    graph_.outputs.push_back(value);
  }
}

Graph import_model(std::string_view bytes, const std::string& origin, const ImportOptions& options,
                   ExternalData external) {
  // Protobuf's own complaints would stand on stderr before ours.
  static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  static_cast<void>(silenced);
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
    fail(
        ErrorCode::model_parse,
        "{}: the file has {} bytes; ONNX files end at 2 GB: save the model with its weights as external data",
        origin, bytes.size());
  onnx::ModelProto model;
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  if (!model.ParseFromZeroCopyStream(&stream) || !model.has_graph())
    fail(ErrorCode::model_parse, "{} is not an ONNX model, or the file is damaged or cut off", origin);
  try {
    Shared shared{model, options, std::move(external), model_opset(model), {}};
    inline_functions(model);
    Graph graph = Importer(*model.mutable_graph(), shared).run();
    graph.ir_version = model.ir_version();
    for (const auto& import : model.opset_import())
      if (!import.domain().empty() && import.domain() != "ai.onnx" && import.domain() != kOwnDomain)
        graph.domains[import.domain()] = import.version();
    graph.producer = model.producer_name();
    if (options.metadata)
      for (const auto& entry : model.metadata_props()) (*options.metadata)[entry.key()] = entry.value();
    if (!shared.converted.empty())
      graph.notices.push_back(fmt::format("the model holds {} tensors; they are computed in float32",
                                          fmt::join(shared.converted, ", ")));
    return graph;
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", origin, error.what()));
  }
}

}  // namespace

Graph import_onnx(const std::string& path, const ImportOptions& options) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  return import_model({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, options,
                      ExternalData(std::filesystem::path(path).parent_path().string(), true));
}

Tensor import_tensor_file(const std::string& path) {
  const auto bytes = read_file(path);
  onnx::TensorProto proto;
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
      !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    fail(ErrorCode::model_parse, "{} is not an ONNX tensor, or the file is damaged", path);
  ExternalData external(std::filesystem::path(path).parent_path().string(), true);
  return import_tensor(proto, path, external);
}

Graph import_onnx_bytes(std::string_view bytes, const std::string& origin, const ImportOptions& options) {
  return import_model(bytes, origin, options, ExternalData("", false));
}

}  // namespace openhb::onnx_frontend
