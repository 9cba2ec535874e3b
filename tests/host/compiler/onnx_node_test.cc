// SPDX-License-Identifier: Apache-2.0
// Every operator of the table against the official ONNX node tests, run as float programs.
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "host/compiler/evaluate.h"
#include "host/frontend/onnx/onnx.h"
#include "host/ops/operator.h"
#include "tests/host/compiler/onnx_node_known.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

namespace fs = std::filesystem;

std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

float half_to_float(uint16_t h) {
  const int exponent = (h >> 10) & 31, mantissa = h & 1023;
  float magnitude = 0;
  if (exponent == 31)
    magnitude = mantissa ? std::nanf("") : std::numeric_limits<float>::infinity();
  else
    magnitude =
        std::ldexp(static_cast<float>(exponent ? mantissa + 1024 : mantissa), std::max(exponent, 1) - 25);
  return h & 0x8000 ? -magnitude : magnitude;
}

template <class From, class Convert>
Tensor widened(const Shape& shape, const std::string& raw, Convert convert) {
  Tensor t(DType::f32, shape);
  for (size_t i = 0; i < t.size(); ++i) {
    From v;
    std::memcpy(&v, raw.data() + i * sizeof v, sizeof v);
    t.data<float>()[i] = convert(v);
  }
  return t;
}

// A tensor in the element type that graphs compute with: float16 and double as float32, like the importer
// does.
Tensor read_tensor(const fs::path& path) {
  onnx::TensorProto proto;
  if (!proto.ParseFromString(read_bytes(path))) throw std::runtime_error("cannot parse " + path.string());
  const Shape shape(proto.dims().begin(), proto.dims().end());
  const std::string& raw = proto.raw_data();
  using P = onnx::TensorProto;
  if (proto.data_type() == P::FLOAT16) return widened<uint16_t>(shape, raw, half_to_float);
  if (proto.data_type() == P::DOUBLE)
    return widened<double>(shape, raw, [](double v) { return static_cast<float>(v); });
  static const std::map<int, DType> kTypes{
      {P::FLOAT, DType::f32},  {P::UINT8, DType::u8},    {P::INT8, DType::i8},   {P::UINT16, DType::u16},
      {P::INT16, DType::i16},  {P::INT32, DType::i32},   {P::INT64, DType::i64}, {P::UINT32, DType::u32},
      {P::UINT64, DType::u64}, {P::BOOL, DType::boolean}};
  const auto type = kTypes.find(proto.data_type());
  if (type == kTypes.end()) throw std::runtime_error("element type " + std::to_string(proto.data_type()));
  Tensor t(type->second, shape);
  if (raw.size() != t.bytes().size()) throw std::runtime_error("not raw data: " + path.string());
  if (!raw.empty()) std::memcpy(t.bytes().data(), raw.data(), raw.size());
  return t;
}

std::vector<Tensor> read_tensors(const fs::path& folder, const std::string& prefix) {
  std::vector<Tensor> list;
  for (size_t i = 0;; ++i) {
    const fs::path path = folder / (prefix + "_" + std::to_string(i) + ".pb");
    if (!fs::exists(path)) return list;
    list.push_back(read_tensor(path));
  }
}

// "" when equal within the tolerance of the official runner (rtol 1e-3), integers exactly.
std::string difference(const Tensor& got, const Tensor& expected) {
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape())
    return fmt::format("result is {} {}, expected {} {}", dtype_name(got.dtype()), to_string(got.shape()),
                       dtype_name(expected.dtype()), to_string(expected.shape()));
  if (got.dtype() != DType::f32)
    return std::ranges::equal(got.bytes(), expected.bytes()) ? "" : "integers differ";
  for (size_t i = 0; i < got.size(); ++i) {
    const float a = got.data<float>()[i], b = expected.data<float>()[i];
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (!(std::fabs(a - b) <= 1e-6f + 1e-3f * std::fabs(b)))
      return fmt::format("element {} is {}, expected {}", i, a, b);
  }
  return "";
}

// Runs one data set; the graph inputs for which `constant` says so become constants first.
template <class Constant>
std::string run_case(const std::string& model, const fs::path& data, Constant constant) {
  const std::vector<Tensor> inputs = read_tensors(data, "input"), expected = read_tensors(data, "output");
  graph::Graph graph = onnx_frontend::import_onnx_bytes(model, data.string());
  std::vector<Tensor> fed;
  std::vector<graph::Value*> open;
  if (inputs.size() != graph.inputs.size())
    return fmt::format("{} inputs for {}", inputs.size(), graph.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    graph::Value* v = graph.inputs[i];
    v->shape = inputs[i].shape();  // extents of 0 would be read as "any"
    if (constant(i, inputs[i])) {
      v->constant = std::make_shared<const Tensor>(inputs[i]);
      v->dtype = inputs[i].dtype();
    } else {
      fed.push_back(inputs[i]);
      open.push_back(v);
    }
  }
  graph.inputs = open;
  ops::infer_shapes(graph);
  compiler::GraphRunner runner(graph, {}, 1);
  runner.run(fed);
  if (runner.program().outputs.size() != expected.size()) return "the number of outputs differs";
  for (size_t i = 0; i < expected.size(); ++i)
    if (auto text = difference(runner.output(i), expected[i]); !text.empty())
      return fmt::format("output {}: {}", i, text);
  return "";
}

// What is decided at run time in the official models may have to be constant here: shapes first, then
// weights.
std::string run_data_set(const std::string& model, const fs::path& data) {
  auto none = [](size_t, const Tensor&) { return false; };
  auto integers = [](size_t, const Tensor& t) { return t.dtype() == DType::i64 || t.dtype() == DType::i32; };
  auto but_first = [](size_t i, const Tensor&) { return i > 0; };
  auto attempt = [&](auto constant, bool& again) -> std::string {
    try {
      return run_case(model, data, constant);
    } catch (const Error& e) {
      again = e.code() == ErrorCode::model_dynamic_shape || e.code() == ErrorCode::model_unsupported_op ||
              e.code() == ErrorCode::model_bad_value;
      return e.text();
    }
  };
  bool again = false;
  std::string text = attempt(none, again);
  if (again) text = attempt(integers, again = false);
  if (again) text = attempt(but_first, again = false);
  return text;
}

bool supported(const onnx::ModelProto& model) {
  return std::ranges::all_of(model.graph().node(), [](const onnx::NodeProto& node) {
    return (node.domain().empty() && node.op_type() == "Constant") ||
           ops::find_op(node.domain(), node.op_type());
  });
}

TEST(OnnxNodeTest, SupportedOperatorsGiveTheOfficialResults) {
  std::map<std::string, std::string_view, std::less<>> known;
  for (const auto& group : test::known_failures())
    for (std::string_view name : group.cases)
      EXPECT_TRUE(known.emplace(name, group.reason).second) << name << " is listed twice";
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(OPENHB_ONNX_NODE_TESTS)) folders.insert(entry.path());
  size_t passed = 0, refused = 0, skipped = 0;
  for (const fs::path& folder : folders) {
    const std::string name = folder.filename().string();
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(read_bytes(folder / "model.onnx"))) << name;
    // A case carries the opset that last changed its operator; those of opset 1 and 6 mean the same in 7.
    for (auto& opset : *model.mutable_opset_import())
      if (opset.domain().empty()) opset.set_version(std::max<int64_t>(opset.version(), 7));
    const std::string bytes = model.SerializeAsString();
    if (!supported(model)) {
      ++skipped;
      continue;
    }
    std::string text;
    try {
      for (int set = 0; text.empty() && fs::exists(folder / ("test_data_set_" + std::to_string(set))); ++set)
        text = run_data_set(bytes, folder / ("test_data_set_" + std::to_string(set)));
    } catch (const std::exception& e) {
      text = e.what();
    }
    const auto listed = known.find(name);
    if (listed == known.end())
      EXPECT_EQ(text, "") << name;
    else
      EXPECT_NE(text, "") << name << " passes: take it off the list (" << listed->second << ")";
    (text.empty() ? passed : refused) += 1;
    if (listed != known.end()) known.erase(listed);
  }
  for (const auto& [name, reason] : known) ADD_FAILURE() << name << " is listed, but no such case ran";
  std::cout << passed << " official cases passed, " << refused << " did not (each listed), " << skipped
            << " use operators that are not supported\n";
  EXPECT_GT(passed, 0u);
}

// Forms newer than the official cases at hand.
TEST(OnnxNodeTest, ResizeOfSomeAxesAndRefusals) {
  test::SmallGraph g(1, 18);
  test::Value* x = g.input({1, 2, 3, 4});
  test::Value* sizes = g.ints({8, 6});
  test::Node* resize =
      g.node("Resize", {x, nullptr, nullptr, sizes}, {{"axes", std::vector<int64_t>{-1, 2}}});
  g.output(resize->outputs[0]);
  EXPECT_EQ(g.graph.outputs[0]->shape, (Shape{1, 2, 6, 8}));
  resize->attributes["antialias"] = int64_t{1};
  EXPECT_THROW(ops::infer_shapes(g.graph), Error);
  resize->attributes["antialias"] = int64_t{0};
  resize->attributes["keep_aspect_ratio_policy"] = std::string("not_larger");
  EXPECT_THROW(ops::infer_shapes(g.graph), Error);
}

TEST(OnnxNodeTest, WrongElementTypesAreNamed) {
  for (const char* op : {"Relu", "Softmax", "ReduceSum", "GlobalAveragePool", "Pow"}) {
    test::SmallGraph g(1);
    test::Value* x = g.input({1, 2, 3, 4});
    x->dtype = DType::i32;
    std::vector<test::Value*> inputs(std::string_view(op) == "Pow" ? 2 : 1, x);
    try {
      g.output(g.value(op, inputs));
      ADD_FAILURE() << op << " accepts int32";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::model_unsupported_op) << e.text();
      EXPECT_NE(e.text().find("int32"), std::string::npos) << e.text();
    }
  }
}

}  // namespace
}  // namespace openhb
