// SPDX-License-Identifier: Apache-2.0
// What the conformance table leaves out, by what the model contains.
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "tests/conformance/case.h"

namespace openhb::conformance {
namespace {

using onnx::TensorProto;

// Everything that a reason may depend on, of the main graph, nested graphs and functions.
struct Contents {
  std::set<std::string, std::less<>> operators;
  std::set<int> types;
  bool nested = false, not_tensors = false, sparse = false, training_mode = false, preview = false;

  void add_type(const onnx::TypeProto& type) {
    if (type.has_tensor_type()) types.insert(type.tensor_type().elem_type());
    sparse = sparse || type.has_sparse_tensor_type();
    not_tensors = not_tensors || type.has_sequence_type() || type.has_optional_type() || type.has_map_type();
  }
  template <class Nodes>
  void add_nodes(const Nodes& nodes) {
    for (const onnx::NodeProto& node : nodes) {
      operators.insert(node.op_type());
      training_mode = training_mode || (node.op_type() == "Dropout" && node.input_size() > 2);
      preview = preview || node.domain().find("training") != std::string::npos;
      for (const auto& a : node.attribute()) {
        if (a.name() == "to" || a.name() == "dtype") types.insert(static_cast<int>(a.i()));
        if (a.name() == "training_mode" && a.i() != 0) training_mode = true;
        if (a.has_t()) types.insert(a.t().data_type());
        if (a.strings_size() > 0 && a.name() != "activations") types.insert(TensorProto::STRING);
        sparse = sparse || a.has_sparse_tensor();
        if (a.has_g()) nested = true, add_graph(a.g());
        for (const auto& g : a.graphs()) nested = true, add_graph(g);
      }
    }
  }
  void add_graph(const onnx::GraphProto& graph) {
    add_nodes(graph.node());
    sparse = sparse || graph.sparse_initializer_size() > 0;
    for (const auto& t : graph.initializer()) types.insert(t.data_type());
    for (const auto* list : {&graph.input(), &graph.output(), &graph.value_info()})
      for (const auto& v : *list) add_type(v.type());
  }
};

template <size_t N>
std::string any_of(const Contents& c, const std::string_view (&names)[N]) {
  for (std::string_view name : names)
    if (c.operators.contains(name)) return std::string(name);
  return "";
}

constexpr std::string_view kTraining[] = {
    "Adagrad", "Adam", "Momentum", "Gradient", "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"};
constexpr std::string_view kRandom[] = {"RandomNormal",      "RandomNormalLike", "RandomUniform",
                                        "RandomUniformLike", "Multinomial",      "Bernoulli"};
constexpr std::string_view kSequences[] = {"SequenceConstruct",  "SequenceEmpty",      "SequenceAt",
                                           "SequenceInsert",     "SequenceErase",      "SequenceLength",
                                           "SequenceMap",        "SplitToSequence",    "ConcatFromSequence",
                                           "OptionalHasElement", "OptionalGetElement", "Optional"};
constexpr std::string_view kStrings[] = {"StringNormalizer", "StringConcat", "StringSplit",
                                         "RegexFullMatch",   "ImageDecoder", "LabelEncoder"};
constexpr std::string_view kControl[] = {"If", "Loop", "Scan"};
constexpr std::string_view kDataDependent[] = {"Unique", "NonZero", "Compress", "NonMaxSuppression"};

}  // namespace

std::string exclusion(const onnx::ModelProto& model) {
  Contents c;
  c.add_graph(model.graph());
  for (const auto& function : model.functions()) c.add_nodes(function.node());
  if (const auto op = any_of(c, kTraining); c.preview || c.training_mode || !op.empty())
    return op.empty() ? "training mode" : "training operator " + op;
  if (const auto op = any_of(c, kStrings); !op.empty() || c.types.contains(TensorProto::STRING))
    return "strings";
  if (const auto op = any_of(c, kSequences); !op.empty() || c.not_tensors)
    return "sequences, optionals or maps as values";
  if (c.sparse) return "sparse tensors";
  if (const auto op = any_of(c, kRandom); !op.empty()) return "random operator " + op;
  if (const auto op = any_of(c, kControl); !op.empty()) return "control flow that does not fold (" + op + ")";
  if (const auto op = any_of(c, kDataDependent); !op.empty())
    return "data-dependent output shape (" + op + ")";
  if (c.types.contains(TensorProto::BFLOAT16)) return "bfloat16 arithmetic (computed in float32)";
  if (c.types.contains(TensorProto::FLOAT16)) return "float16 arithmetic (computed in float32)";
  if (c.types.contains(TensorProto::DOUBLE)) return "double arithmetic (computed in float32)";
  return "";
}

}  // namespace openhb::conformance
