// SPDX-License-Identifier: Apache-2.0
#include <onnx/onnx_pb.h>
// after the ONNX headers
#include "common/error.h"
#include "host/frontend/onnx/functions.h"
#include "host/frontend/onnx/inline.h"

#include <google/protobuf/unknown_field_set.h>

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace openhb::onnx_frontend {
namespace {

using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::GraphProto;
using onnx::NodeProto;

constexpr int kMaxDepth = 64;
constexpr int kMaxNodes = 1 << 20;
// FunctionProto.attribute_proto (attributes with defaults), newer than Debian's onnx.proto.
constexpr int kAttributeProtoField = 11;

std::string describe(const NodeProto& node) {
  return fmt::format("node '{}' ({})",
                     node.name().empty() ? node.output_size() ? node.output(0) : "" : node.name(),
                     node.op_type());
}

using Names = std::unordered_map<std::string, std::string>;       // inside the function -> outside
using Attributes = std::map<std::string, const AttributeProto*>;  // of the call, defaults included

std::vector<AttributeProto> default_attributes(const FunctionProto& function) {
  std::vector<AttributeProto> list;
  const auto& unknown = function.GetReflection()->GetUnknownFields(function);
  for (int i = 0; i < unknown.field_count(); ++i) {
    const auto& field = unknown.field(i);
    if (field.number() != kAttributeProtoField ||
        field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
      continue;
    if (!list.emplace_back().ParseFromString(field.length_delimited()))
      fail(ErrorCode::model_parse, "function '{}': its attribute defaults are damaged", function.name());
  }
  return list;
}

class Inliner {
 public:
  explicit Inliner(const onnx::ModelProto& model) {
    int64_t opset = 0;
    for (const auto& import : model.opset_import())
      if (import.domain().empty() || import.domain() == "ai.onnx") opset = import.version();
    for (const auto& f : model.functions()) {
      if (f.domain() == kOwnDomain && is_own_function(f.name())) continue;
      for (const auto& import : f.opset_import())
        if ((import.domain().empty() || import.domain() == "ai.onnx") && opset != 0 &&
            import.version() != opset)
          fail(ErrorCode::model_unsupported_op,
               "function '{}' (domain '{}') is written for opset {}, the model for opset {}; export both "
               "with the "
               "same opset",
               f.name(), f.domain(), import.version(), opset);
      functions_[{f.domain(), f.name()}] = &f;
    }
  }
  bool empty() const { return functions_.empty(); }

  void expand(GraphProto& graph, int depth) {
    google::protobuf::RepeatedPtrField<NodeProto> nodes;
    nodes.Swap(graph.mutable_node());
    for (NodeProto& node : nodes) expand_node(node, *graph.mutable_node(), depth);
  }

 private:
  void expand_node(NodeProto& node, google::protobuf::RepeatedPtrField<NodeProto>& to, int depth) {
    const auto found = functions_.find({node.domain(), node.op_type()});
    if (found == functions_.end()) {
      if (++count_ > kMaxNodes)
        fail(ErrorCode::model_structure, "the model has more than {} nodes after inlining its functions",
             kMaxNodes);
      for (auto& attribute : *node.mutable_attribute()) {
        if (attribute.has_g()) expand(*attribute.mutable_g(), depth);
        for (auto& g : *attribute.mutable_graphs()) expand(g, depth);
      }
      to.Add()->Swap(&node);
      return;
    }
    if (depth >= kMaxDepth)
      fail(ErrorCode::model_structure,
           "{}: functions call each other more than {} levels deep, or in a circle", describe(node),
           kMaxDepth);
    const FunctionProto& f = *found->second;
    if (node.input_size() > f.input_size() || node.output_size() > f.output_size())
      fail(ErrorCode::model_structure,
           "{}: it has {} inputs and {} outputs, its function takes {} and gives {}", describe(node),
           node.input_size(), node.output_size(), f.input_size(), f.output_size());
    const std::string prefix = unique_prefix(node);
    Names names;
    for (int i = 0; i < f.input_size(); ++i) names[f.input(i)] = i < node.input_size() ? node.input(i) : "";
    for (int i = 0; i < f.output_size(); ++i)
      if (i < node.output_size() && !node.output(i).empty()) names[f.output(i)] = node.output(i);
    const auto defaults = default_attributes(f);
    Attributes attributes;
    for (const auto& a : defaults) attributes[a.name()] = &a;
    for (const auto& a : node.attribute()) attributes[a.name()] = &a;
    for (const NodeProto& body : f.node()) {
      NodeProto copy = body;
      // The node that makes the call's first output keeps the call's name.
      const bool last = copy.output_size() > 0 && node.output_size() > 0 && names.contains(copy.output(0)) &&
                        names[copy.output(0)] == node.output(0);
      rename(copy, prefix, names, attributes, node);
      if (last && !node.name().empty()) copy.set_name(node.name());
      expand_node(copy, to, depth + 1);
    }
  }

  std::string unique_prefix(const NodeProto& node) {
    const std::string base = node.name().empty() ? node.op_type() : node.name();
    std::string prefix = base;
    for (int k = 1; !prefixes_.insert(prefix).second; ++k) prefix = fmt::format("{}_{}", base, k);
    return prefix + "/";
  }

  static void rename(NodeProto& node, const std::string& prefix, Names& names, const Attributes& attributes,
                     const NodeProto& call) {
    auto mapped = [&](const std::string& name) {
      if (name.empty()) return name;
      const auto it = names.find(name);
      return it != names.end() ? it->second : (names[name] = prefix + name);
    };
    if (!node.name().empty()) node.set_name(prefix + node.name());
    for (auto& input : *node.mutable_input()) input = mapped(input);
    for (auto& output : *node.mutable_output()) output = mapped(output);
    for (int i = node.attribute_size(); i-- > 0;) {
      AttributeProto& a = *node.mutable_attribute(i);
      if (!a.ref_attr_name().empty()) {
        const auto it = attributes.find(a.ref_attr_name());
        if (it == attributes.end()) {  // absent in the call: the operator's own default
          node.mutable_attribute()->DeleteSubrange(i, 1);
          continue;
        }
        const std::string name = a.name();
        if (a.type() != AttributeProto::UNDEFINED && a.type() != it->second->type())
          fail(ErrorCode::model_bad_attribute,
               "{}: attribute '{}' has another type than its function expects", describe(call),
               a.ref_attr_name());
        a = *it->second;
        a.set_name(name);
      }
      if (a.has_g()) rename(*a.mutable_g(), prefix, names, attributes, call);
      for (auto& g : *a.mutable_graphs()) rename(g, prefix, names, attributes, call);
    }
  }

  // A graph inside of a function: its own tensors are renamed like the function's.
  static void rename(GraphProto& graph, const std::string& prefix, Names names, const Attributes& attributes,
                     const NodeProto& call) {
    for (auto& t : *graph.mutable_initializer()) t.set_name(names[t.name()] = prefix + t.name());
    for (auto& v : *graph.mutable_input()) v.set_name(names[v.name()] = prefix + v.name());
    for (auto& node : *graph.mutable_node()) rename(node, prefix, names, attributes, call);
    for (auto& v : *graph.mutable_output())
      if (const auto it = names.find(v.name()); it != names.end()) v.set_name(it->second);
  }

  std::map<std::pair<std::string, std::string>, const FunctionProto*> functions_;
  std::unordered_set<std::string> prefixes_;
  int count_ = 0;
};

}  // namespace

void inline_functions(onnx::ModelProto& model) {
  Inliner inliner(model);
  if (!inliner.empty()) inliner.expand(*model.mutable_graph(), 0);
}

}  // namespace openhb::onnx_frontend
