// SPDX-License-Identifier: Apache-2.0
// Whatever a model asks of an operator, it is inferred or refused with an Error that names the node.
#include <gtest/gtest.h>

#include "tests/device/steps/harness.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb::test {
namespace {

constexpr DType kTypes[] = {DType::f32, DType::f32, DType::f32,    DType::i64,
                            DType::i32, DType::u8,  DType::boolean};

// Attribute names that operators know, with the kinds of values they may hold.
constexpr const char* kIntegers[] = {"axis",        "group",      "blocksize",  "keepdims",
                                     "ceil_mode",   "to",         "k",          "batch_dims",
                                     "hidden_size", "num_groups", "block_size", "num_outputs"};
constexpr const char* kLists[] = {"axes", "perm",      "kernel_shape", "strides",
                                  "pads", "dilations", "output_shape", "output_padding"};
constexpr const char* kStrings[] = {"mode", "auto_pad", "direction", "reduction", "equation", "nearest_mode"};

int64_t odd_number() {
  constexpr int64_t kOdd[] = {0, 1, -1, 2, 3, 5, -7, 100, 1ll << 31, 1ll << 40, INT64_MAX, INT64_MIN};
  return kOdd[static_cast<size_t>(random_int(0, std::size(kOdd) - 1))];
}

template <size_t N>
std::string one_of(const char* const (&names)[N]) {
  return names[static_cast<size_t>(random_int(0, N - 1))];
}

void add_random_attributes(Node& node) {
  for (int64_t n = random_int(0, 3); n > 0; --n) {
    if (chance(40)) {
      node.attributes[one_of(kIntegers)] = odd_number();
    } else if (chance(60)) {
      std::vector<int64_t> list;
      for (int64_t k = random_int(0, 5); k > 0; --k)
        list.push_back(chance(70) ? random_int(0, 3) : odd_number());
      node.attributes[one_of(kLists)] = list;
    } else {
      node.attributes[one_of(kStrings)] = std::string(chance(50) ? "nonsense" : "linear");
    }
  }
}

Value* random_value(SmallGraph& g) {
  const DType dtype = kTypes[static_cast<size_t>(random_int(0, std::size(kTypes) - 1))];
  Shape shape = random_shape(static_cast<size_t>(random_int(0, 5)), 4);
  if (chance(5) && !shape.empty()) shape[0] = 0;
  if (chance(5) && !shape.empty()) shape[0] = 1ll << 30;
  if (chance(50) && num_elements(shape) < 10000) {
    Tensor t(dtype, shape);
    if (dtype == DType::f32) t = random_tensor(DType::f32, shape);
    if (dtype == DType::i64)
      for (int64_t& v : t.data<int64_t>()) v = chance(80) ? random_int(-2, 5) : odd_number();
    return g.graph.add_constant("", t);
  }
  Value* v = g.graph.add_value("x" + std::to_string(g.graph.inputs.size()), dtype, shape);
  g.graph.inputs.push_back(v);
  return v;
}

// Returns whether the operator accepted.
bool attempt(const ops::OpRow& row) {
  SCOPED_TRACE(row.info.name);
  SmallGraph g(1, chance(50) ? ops::kGraphOpset : random_int(7, 26));
  g.graph.max_folded = 1 << 16;
  std::vector<Value*> inputs;
  const auto most = static_cast<int64_t>(std::min<size_t>(row.info.max_inputs, 8)) + 1;
  for (int64_t n = random_int(chance(90) ? static_cast<int64_t>(row.info.min_inputs) : 0, most); n > 0; --n)
    inputs.push_back(chance(5) ? nullptr : inputs.empty() || chance(80) ? random_value(g) : inputs.front());
  Node* node = g.node(std::string(row.info.name), inputs, {}, static_cast<size_t>(random_int(1, 3)));
  node->domain = row.info.domain;
  add_random_attributes(*node);
  const std::string name = node->name;
  for (Value* v : node->outputs) g.graph.outputs.push_back(v);
  try {
    ops::infer_shapes(g.graph);
    return true;
  } catch (const Error& e) {
    EXPECT_NE(e.code(), ErrorCode::internal) << e.text();
    EXPECT_NE(e.text().find(name), std::string::npos) << "does not name the node: " << e.text();
    return false;
  }
}

TEST(RefusalTest, RandomNodesAreInferredOrRefusedByName) {
  for (const ops::OpRow& row : ops::all_ops())
    for (int i = 0; i < 400; ++i) attempt(row);
}

TEST(RefusalTest, MissingAndSuperfluousInputs) {
  for (const ops::OpRow& row : ops::all_ops()) {
    for (const size_t count : {size_t{0}, row.info.max_inputs + 1}) {
      if (count >= row.info.min_inputs && count <= row.info.max_inputs) continue;
      SmallGraph g(1, ops::kGraphOpset);
      Node* node = g.node(std::string(row.info.name), std::vector<Value*>(count, g.input({1, 2, 3, 4})));
      node->domain = row.info.domain;
      g.graph.outputs = node->outputs;
      try {
        ops::infer_shapes(g.graph);
        ADD_FAILURE() << row.info.name << " takes " << count << " inputs";
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::model_structure) << e.text();
        EXPECT_NE(e.text().find(node->name), std::string::npos) << e.text();
      }
    }
  }
}

}  // namespace
}  // namespace openhb::test
