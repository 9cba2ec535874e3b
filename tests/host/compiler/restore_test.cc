// SPDX-License-Identifier: Apache-2.0
// Annotated graphs through the calibrated and the quantized ONNX file and back: the same program, byte for
// byte.
#include "host/quantize/restore.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "common/program/file.h"
#include "host/compiler/convert.h"
#include "host/frontend/onnx/onnx.h"
#include "host/precision/assign.h"
#include "host/quantize/qdq.h"
#include "tests/host/checker/random_graph.h"

namespace openhb {
namespace {

using graph::Graph;

// Ranges from one float run; `int16`: wherever it is possible.
void annotate(Graph& graph, bool int16) {
  precision::Choice choice;
  if (int16) choice.int16.push_back({});
  precision::assign_precision(graph, choice);
  std::map<std::string, calibration::ClipRange> ranges;
  compiler::LowerOptions all;
  all.keep_all_values = true;
  compiler::GraphRunner floats(graph, all, 1);
  std::mt19937 random(5);
  std::vector<Tensor> inputs;
  for (const graph::Value* v : graph.inputs) {
    Tensor t(DType::f32, v->shape);
    for (float& x : t.data<float>()) x = std::uniform_real_distribution<float>(-1, 1)(random);
    ranges[v->name] = {-1, 1};
    inputs.push_back(std::move(t));
  }
  floats.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
    if (desc.dtype != DType::f32) return;
    const auto values = compiler::real_values(desc, data);
    if (values.empty()) return;
    ranges[desc.name] = {std::min(0.0f, *std::ranges::min_element(values)),
                         std::max(0.0f, *std::ranges::max_element(values))};
  });
  const auto range_of = [&](const graph::Value& v) { return ranges.at(v.name); };
  precision::apply_ranges(graph, {}, range_of);
  while (precision::demote_overflowing(graph)) precision::apply_ranges(graph, {}, range_of);
}

std::vector<std::byte> program_of(const Graph& graph) {
  compiler::LowerOptions integer;
  integer.int8 = true;
  return serialize_program(compiler::Lowering(graph, integer).run());
}

void no_warning(const std::string& sentence) { ADD_FAILURE() << sentence; }

Graph read(const std::string& bytes) { return onnx_frontend::import_onnx_bytes(bytes, "test"); }

void expect_same(const Graph& a, const Graph& b, uint32_t seed) {
  ASSERT_EQ(a.nodes().size(), b.nodes().size()) << "seed " << seed;
  for (size_t i = 0; i < a.nodes().size(); ++i) {
    const auto &x = *a.nodes()[i], &y = *b.nodes()[i];
    EXPECT_EQ(x.name, y.name) << "seed " << seed;
    EXPECT_EQ(x.op, y.op) << "seed " << seed;
    EXPECT_EQ(x.int8, y.int8) << "seed " << seed << ": " << x.name;
    EXPECT_EQ(x.reason, y.reason) << "seed " << seed << ": " << x.name;
    for (size_t o = 0; o < x.outputs.size(); ++o) {
      EXPECT_EQ(x.outputs[o]->name, y.outputs[o]->name) << "seed " << seed;
      EXPECT_EQ(x.outputs[o]->quant, y.outputs[o]->quant) << "seed " << seed << ": " << x.outputs[o]->name;
      EXPECT_EQ(x.outputs[o]->range_hi, y.outputs[o]->range_hi)
          << "seed " << seed << ": " << x.outputs[o]->name;
    }
  }
  EXPECT_TRUE(program_of(a) == program_of(b)) << "seed " << seed;
}

TEST(Restore, TheProgramIsTheSameBehindEveryFile) {
  size_t integer = 0, wide = 0;
  for (uint32_t seed = 0; seed < 80; ++seed) {
    Graph graph = test::random_graph(seed);
    compiler::optimize(graph);
    annotate(graph, seed % 3 == 2);
    for (const auto& node : graph.nodes()) integer += node->int8, wide += node->int16();
    const quantize::Notes notes =
        quantize::notes_from_json(quantize::notes_to_json(quantize::notes_of(graph)), "test");

    Graph calibrated = read(onnx_frontend::serialize_onnx(quantize::calibrated_graph(graph)));
    quantize::restore_calibrated(calibrated, notes, {}, no_warning);
    expect_same(graph, calibrated, seed);

    const std::string bytes = onnx_frontend::serialize_onnx(quantize::quantized_graph(calibrated, {}));
    EXPECT_TRUE(bytes == onnx_frontend::serialize_onnx(quantize::quantized_graph(graph, {})))
        << "seed " << seed;
    const Graph quantized = quantize::restore_quantized(read(bytes), notes, {}, no_warning);
    expect_same(graph, quantized, seed);
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(integer, 200u);  // there was something to lose
  EXPECT_GT(wide, 20u);
}

// One convolution between two activations, calibrated; `edit` changes the file's graph.
Graph edited(const std::function<void(Graph&)>& edit, std::vector<std::string>* warnings = nullptr) {
  test::SmallGraph g(3, ops::kGraphOpset);
  test::Value* v = g.value("Conv", {g.input({1, 3, 8, 8}), g.weights({4, 3, 3, 3}), g.weights({4})});
  g.output(g.value("Conv", {g.value("Sigmoid", {v}), g.weights({4, 4, 1, 1}), g.weights({4})}));
  annotate(g.graph, false);
  const quantize::Notes notes = quantize::notes_of(g.graph);
  Graph calibrated = read(onnx_frontend::serialize_onnx(quantize::calibrated_graph(g.graph)));
  edit(calibrated);
  quantize::restore_calibrated(calibrated, notes, {}, [&](const std::string& sentence) {
    if (warnings)
      warnings->push_back(sentence);
    else
      no_warning(sentence);
  });
  return calibrated;
}

graph::Node& mark_of(Graph& graph, const std::string& value) {
  graph::Node* node = graph.find_node(value + "_HzCalibration");
  EXPECT_TRUE(node) << value;
  return *node;
}

TEST(Restore, AnEditedThresholdMovesTheRange) {
  const Graph graph =
      edited([](Graph& g) { mark_of(g, "x0").attributes["thresholds"] = std::vector<float>{0.5f}; });
  const graph::Value& x = *graph.find_value("x0");
  EXPECT_EQ(x.range_hi, 0.5f);
  EXPECT_EQ(x.quant->scale(), 0.5f / 127.0f);
}

TEST(Restore, AnEditedScaleCountsAndGivesTheRange) {
  const Graph graph = edited([](Graph& g) {
    graph::Value* scale = mark_of(g, "x0").inputs[1];
    scale->constant = std::make_shared<const Tensor>(Tensor::from<float>({}, std::vector<float>{0.25f}));
  });
  const graph::Value& x = *graph.find_value("x0");
  EXPECT_EQ(x.quant->scale(), 0.25f);
  EXPECT_EQ(x.range_hi, 0.25f * 127);
}

TEST(Restore, Int16IsTakenFromTheSameRange) {
  const Graph graph = edited([](Graph& g) { mark_of(g, "x0").attributes["qtype"] = std::string("int16"); });
  const graph::Value& x = *graph.find_value("x0");
  EXPECT_EQ(x.codes, DType::i16);
  EXPECT_EQ(x.quant->scale(), 1.0f / 32767.0f);
}

TEST(Restore, WithoutItsMarkANodeIsFloat) {
  std::vector<std::string> warnings;
  const Graph graph = edited(
      [](Graph& g) {
        graph::Node& mark = mark_of(g, "x0");
        graph::Value *x = mark.inputs[0], *y = mark.outputs[0];
        g.remove_node(&mark);
        g.replace_uses(y, x);
      },
      &warnings);
  const graph::Node& conv = *graph.nodes()[0];
  EXPECT_FALSE(conv.int8);
  EXPECT_EQ(conv.reason, "no HzCalibration stands before its input 'x0'");
  EXPECT_EQ(warnings.size(), 1u) << fmt::format("{}", fmt::join(warnings, "; "));
}

TEST(Restore, WeightsTakeEditedThresholds) {
  const Graph graph = edited([](Graph& g) {
    for (const auto& node : g.nodes())
      if (node->op == "HzCalibration" && node->input(0)->is_constant()) {
        auto thresholds = node->attr_floats("thresholds", {});
        thresholds[1] = 12.7f;
        node->attributes["thresholds"] = thresholds;
        return;
      }
  });
  EXPECT_EQ(graph.nodes()[0]->input(1)->quant->scales[1], 12.7f / 127.0f);
}

TEST(Restore, NonsenseIsRefused) {
  const auto refused = [](const std::function<void(graph::Node&, Graph&)>& edit) {
    EXPECT_THROW(edited([&](Graph& g) { edit(mark_of(g, "x0"), g); }), Error);
  };
  refused([](graph::Node& n, Graph&) { n.attributes["qtype"] = std::string("int4"); });
  refused([](graph::Node& n, Graph&) { n.attributes["thresholds"] = std::vector<float>{-1.0f}; });
  refused([](graph::Node& n, Graph&) { n.attributes["thresholds"] = std::vector<float>{1.0f, 2.0f}; });
  refused([](graph::Node& n, Graph&) {
    n.inputs[1]->constant = std::make_shared<const Tensor>(Tensor::from<float>({}, std::vector<float>{0.0f}));
  });
  refused([](graph::Node& n, Graph& g) { n.inputs[1] = g.inputs[0]; });
  EXPECT_THROW(quantize::notes_from_json("{\"nodes\": 3}", "test"), Error);
  EXPECT_THROW(quantize::notes_from_json("[", "test"), Error);
  EXPECT_THROW(quantize::params_from_json("{\"x\": {}}", "test"), Error);
}

TEST(Restore, NamesOfAnyBytesSurviveTheNotes) {
  quantize::Notes notes;
  notes.nodes.push_back({.name = "a\xff\x80\"b", .reason = "\xc3\xa4", .outputs = {"\x01"}});
  notes.ranges["\xfe"] = {-1.5f, 2.25f, 0.1f, -3};
  const quantize::Notes back = quantize::notes_from_json(quantize::notes_to_json(notes), "test");
  EXPECT_EQ(back.nodes[0].name, notes.nodes[0].name);
  EXPECT_EQ(back.nodes[0].reason, notes.nodes[0].reason);
  EXPECT_EQ(back.nodes[0].outputs, notes.nodes[0].outputs);
  EXPECT_EQ(back.ranges.at("\xfe").scale, 0.1f);
}

}  // namespace
}  // namespace openhb
