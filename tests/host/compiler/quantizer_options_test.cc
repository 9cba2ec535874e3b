// SPDX-License-Identifier: Apache-2.0
// calibration_type mix and the words of `optimization`: what they do to a graph and to its program.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "host/compiler/collect.h"
#include "host/compiler/methods.h"
#include "host/compiler/mix.h"
#include "host/compiler/stages.h"
#include "host/precision/bias_correction.h"
#include "host/precision/outputs.h"
#include "tests/host/compiler/annotated.h"

namespace openhb::compiler {
namespace {

using test::SmallGraph;

// --- bias_correction ---

// W' of one output channel, as docs/numerics.md quantizes weights.
double rounded(double w, double largest) {
  const float scale = static_cast<float>(largest) / 127.0f;
  return static_cast<double>(std::nearbyint(static_cast<float>(w) / scale)) * static_cast<double>(scale);
}

TEST(BiasCorrection, ChangesBiasesAsTheFormulaSays) {
  SmallGraph g(1);
  graph::Value* x = g.input({1, 4, 6, 6});
  // Two groups: output channels 0 to 2 read channels 0 and 1, the others 2 and 3.
  graph::Node* conv = g.node("Conv", {x, g.weights({6, 2, 3, 3}), g.weights({6})}, {{"group", int64_t{2}}});
  g.output(g.value("Conv", {g.value("Relu", {conv->outputs[0]}), g.weights({2, 6, 1, 1})}));
  test::annotate(g.graph);
  const std::vector<double> means = {0.7, -0.3, 1.9, -2.2};
  const Tensor weights = *conv->input(1)->constant, before = *conv->input(2)->constant;
  const auto needed = precision::values_for_bias_correction(g.graph);
  ASSERT_EQ(needed.size(), 1u) << "the second convolution has no bias";
  EXPECT_EQ(needed[0], x);
  precision::correct_biases(g.graph, {{x->name, means}});
  const Tensor& after = *conv->input(2)->constant;
  for (size_t o = 0; o < 6; ++o) {
    const auto w = weights.data<float>().subspan(o * 18, 18);
    double largest = 0, shift = 0;
    for (const float v : w) largest = std::max(largest, std::fabs(static_cast<double>(v)));
    for (size_t i = 0; i < 18; ++i)
      shift += (static_cast<double>(w[i]) - rounded(static_cast<double>(w[i]), largest)) *
               means[o / 3 * 2 + i / 9];
    EXPECT_NE(shift, 0.0);
    EXPECT_NEAR(after.data<float>()[o], static_cast<double>(before.data<float>()[o]) + shift, 1e-6) << o;
  }
}

// Rounded weights alone, with an input whose channels have these very means: the output's mean is right
// again.
TEST(BiasCorrection, TakesTheShiftOfTheMeanBack) {
  SmallGraph g(2);
  graph::Value* x = g.input({1, 3, 5, 5});
  graph::Node* conv = g.node("Conv", {x, g.weights({4, 3, 1, 1}), g.weights({4})});
  g.output(g.value("Conv", {g.value("Relu", {conv->outputs[0]}), g.weights({2, 4, 1, 1}), g.weights({2})}));
  test::annotate(g.graph);
  const Tensor weights = *conv->input(1)->constant, before = *conv->input(2)->constant;
  const std::vector<double> means = {3.0, -1.0, 2.0};
  precision::correct_biases(g.graph, {{x->name, means}});
  for (size_t o = 0; o < 4; ++o) {
    const auto w = weights.data<float>().subspan(o * 3, 3);
    const double largest =
        std::max({std::fabs(static_cast<double>(w[0])), std::fabs(static_cast<double>(w[1])),
                  std::fabs(static_cast<double>(w[2]))});
    double real = static_cast<double>(before.data<float>()[o]);
    double integer = static_cast<double>(conv->input(2)->constant->data<float>()[o]);
    for (size_t i = 0; i < 3; ++i) {
      real += static_cast<double>(w[i]) * means[i];
      integer += rounded(static_cast<double>(w[i]), largest) * means[i];
    }
    EXPECT_NEAR(integer, real, 2e-6) << o;
  }
}

TEST(BiasCorrection, ASharedBiasIsCorrectedForEachOfItsNodes) {
  SmallGraph g(3);
  graph::Value *x = g.input({1, 3, 4, 4}), *bias = g.weights({4});
  graph::Node* a = g.node("Conv", {x, g.weights({4, 3, 1, 1}), bias});
  graph::Node* b = g.node("Conv", {x, g.weights({4, 3, 1, 1}), bias});
  g.output(g.value("Conv", {g.value("Add", {a->outputs[0], b->outputs[0]}), g.weights({2, 4, 1, 1})}));
  test::annotate(g.graph);
  precision::correct_biases(g.graph, {{x->name, {1, 2, 3}}});
  ASSERT_NE(a->input(2), b->input(2));
  EXPECT_NE(a->input(2)->name, b->input(2)->name);
  const auto x_a = a->input(2)->constant->data<float>(), x_b = b->input(2)->constant->data<float>();
  EXPECT_FALSE(std::ranges::equal(x_a, x_b));
}

// --- whole calibrations ---

struct Calibrated {
  explicit Calibrated(graph::Graph graph, config::Config config)
      : artefacts((folder / "results").string(), "x"),
        reporter{.info = [this](const std::string& line) { lines += line + "\n"; },
                 .warn = [this](const std::string& line) { warnings += line + "\n"; }},
        c{std::move(config), 1, reporter, artefacts, std::move(graph)} {
    for (const graph::Value* v : c.graph.inputs) c.config.inputs.emplace_back().name = v->name;
    open_dataset(c);
    calibrate(c);
  }
  ~Calibrated() { std::filesystem::remove_all(folder); }

  static std::filesystem::path new_folder() {
    static int count = 0;
    return std::filesystem::temp_directory_path() / fmt::format("openhb_options_{}_{}", ::getpid(), ++count);
  }

  std::filesystem::path folder = new_folder();
  Artefacts artefacts;
  std::string lines, warnings;
  Reporter reporter;
  Conversion c;
};

config::Config with(std::vector<std::string> words) {
  config::Config config;
  config.calibration = config::CalibrationType::skip;  // random data
  config.optimization = std::move(words);
  return config;
}

// --- mix ---

// A tensor of which one rare large value per picture is what counts: kl cuts it off, max keeps it.
void spiky_network(SmallGraph& g) {
  graph::Value* x = g.input({1, 1, 32, 32});
  const auto one = [&](float w) {
    return g.graph.add_constant("", Tensor::from<float>({1, 1, 1, 1}, std::vector<float>{w}));
  };
  // exp(2 x) of normal values: the largest of 1024 is some hundred times the middle one.
  graph::Value* spiky = g.value("Exp", {g.value("Conv", {x, one(2)})});
  graph::Value* flat = g.value("Tanh", {g.value("Conv", {x, one(1)})});
  // Both before shapes are resolved: that removes what no output needs.
  g.graph.outputs.push_back(g.value("Conv", {spiky, one(1)}));
  g.output(g.value("Conv", {flat, one(1)}));
}

TEST(Mix, ASensitiveTensorGetsTheMethodThatServesIt) {
  SmallGraph g(5);
  spiky_network(g);
  config::Config config = with({});
  for (const graph::Value* v : g.graph.inputs) config.inputs.emplace_back().name = v->name;
  precision::assign_precision(g.graph, {});
  const auto dataset = calibration::Dataset::random(config, {{1, 1, 32, 32}}, 4);
  const SampleReader samples(config, g.graph, dataset);
  const Reporter reporter;
  Checkpoint checkpoint("", [] { return ""; }, reporter);
  Plan plan;
  plan.real = engine::Model::create(Lowering(g.graph, {}).run());
  const Statistics statistics = collect_statistics(g.graph, samples, plan, checkpoint, reporter);

  config.calibration = config::CalibrationType::mix;
  const auto list = candidates(config);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].method, calibration::Method::kl);
  graph::Graph base = g.graph.clone();
  apply(base, {}, statistics.histograms, [&](const graph::Value&) -> const Candidate& { return list[0]; });
  LowerOptions lower = test::integers();
  const auto chosen = choose_per_tensor(base, {}, statistics.histograms, list, lower, samples, 1, reporter);
  graph::Graph mixed = g.graph.clone();
  apply(mixed, {}, statistics.histograms, [&](const graph::Value& v) -> const Candidate& {
    const auto it = chosen.find(v.name);
    return list[it == chosen.end() ? 0 : it->second];
  });
  GraphRunner real(base, {}, 1);
  lower.fold_steps = false;
  GraphRunner by_kl(base, lower, 1), by_mix(mixed, lower, 1);
  const auto before = tensor_similarity(real, by_kl, samples, 0),
             after = tensor_similarity(real, by_mix, samples, 0);
  const graph::Value* spiky = nullptr;
  for (const auto& node : g.graph.nodes())
    if (node->op == "Exp") spiky = node->outputs[0];
  ASSERT_TRUE(chosen.contains(spiky->name)) << before.at(spiky->name);
  EXPECT_LT(before.at(spiky->name), kSensitive);
  EXPECT_NE(chosen.at(spiky->name), 0u);
  EXPECT_GT(after.at(spiky->name), before.at(spiky->name) + 0.01);
  for (const auto& [name, c] : chosen) {
    EXPECT_LT(before.at(name), kSensitive) << name;
    EXPECT_GE(after.at(name), before.at(name) - 1e-4) << name << " by " << list[c].name;
  }
  // What is not sensitive keeps the range of kl.
  for (const auto& v : mixed.values())
    if (v->quant && before.contains(v->name) && !chosen.contains(v->name)) {
      EXPECT_EQ(v->quant->scale(), base.find_value(v->name)->quant->scale()) << v->name;
    }
}

TEST(Mix, TheLogTellsTheTensorsAndTheirMethods) {
  SmallGraph g(5);
  spiky_network(g);
  config::Config config = with({});
  config.calibration = config::CalibrationType::mix;
  // The samples are random all the same: there is no folder.
  Calibrated skipped(g.graph.clone(), with({}));
  std::string lines;
  const Reporter reporter{.info = [&](const std::string& line) { lines += line + "\n"; }};
  config.inputs = skipped.c.config.inputs;
  precision::assign_precision(g.graph, {});
  const SampleReader samples(config, g.graph, *skipped.c.dataset);
  Checkpoint checkpoint("", [] { return ""; }, reporter);
  Plan plan;
  plan.real = engine::Model::create(Lowering(g.graph, {}).run());
  const Calibration found = calibrate(g.graph, config, test::integers(), samples, plan, checkpoint, reporter);
  EXPECT_EQ(found.method, "mix") << lines;
  EXPECT_NE(lines.find("Run calibration model with mix method."), std::string::npos) << lines;
  EXPECT_NE(lines.find("tensors are sensitive (cosine below 0.999)\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find(": max"), std::string::npos) << lines;
  // kl, the mixture, the corrected biases: the best of them is used.
  ASSERT_EQ(found.search.size(), 3u);
  EXPECT_GT(found.search[1].cosine, found.search[0].cosine);
}

// --- asymmetric ---

TEST(Asymmetric, TheSymmetricTwinOfEveryMethodIsTried) {
  config::Config config = with({"asymmetric"});
  config.calibration = config::CalibrationType::kl;
  const auto list = candidates(config);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_FALSE(list[0].symmetric);
  EXPECT_TRUE(list[1].symmetric);
  EXPECT_EQ(list[1].name, "kl, symmetric");
  EXPECT_EQ(candidates(with({})).size(), 1u);
}

TEST(Asymmetric, ZeroPointsServeTensorsThatAreNotCentred) {
  const auto network = [](SmallGraph& g) {
    graph::Value* x = g.input({1, 2, 16, 16});
    // SiLU-like: hardly anything below 0, and shifted.
    graph::Value* a =
        g.value("Add", {g.value("Conv", {x, g.weights({4, 2, 1, 1})}), g.weights({1, 4, 1, 1}, 2, 2.5)});
    g.output(g.value("Conv", {a, g.weights({3, 4, 1, 1}), g.weights({3})}));
  };
  SmallGraph g(7);
  network(g);
  Calibrated with_word(g.graph.clone(), with({"asymmetric"}));
  EXPECT_NE(with_word.lines.find("Asymmetric quantization is enabled."), std::string::npos)
      << with_word.lines;
  EXPECT_NE(with_word.lines.find("max, symmetric: output cosine"), std::string::npos) << with_word.lines;
  EXPECT_TRUE(std::ranges::any_of(with_word.c.graph.values(),
                                  [](const auto& v) { return v->quant && v->quant->zero_point() != 0; }));
  // Without the word the same ranges, and nothing is tried.
  Calibrated without(g.graph.clone(), with({}));
  EXPECT_EQ(without.lines.find("symmetric"), std::string::npos);
  for (const auto& v : without.c.graph.values())
    if (v->quant) {
      EXPECT_EQ(v->quant->zero_point(), with_word.c.graph.find_value(v->name)->quant->zero_point())
          << v->name;
    }
}

// --- set_Softmax_input_int8, set_Softmax_output_int8 ---

void softmax_network(SmallGraph& g) {
  graph::Value* x = g.input({1, 3, 8, 8});
  graph::Value* a = g.value("Softmax", {g.value("Conv", {x, g.weights({4, 3, 1, 1}), g.weights({4})})},
                            {{"axis", int64_t{1}}});
  g.output(g.value("Conv", {a, g.weights({2, 4, 1, 1})}));
}

const graph::Node& softmax_of(const graph::Graph& graph) {
  for (const auto& node : graph.nodes())
    if (node->op == "Softmax") return *node;
  throw std::logic_error("no Softmax");
}

TEST(SoftmaxInt8, EitherWordMovesEverySoftmaxToIntegers) {
  SmallGraph g(9);
  softmax_network(g);
  EXPECT_FALSE(softmax_of(Calibrated(g.graph.clone(), with({})).c.graph).int8);
  for (const char* word : {"set_Softmax_input_int8", "set_Softmax_output_int8"}) {
    Calibrated calibrated(g.graph.clone(), with({word}));
    const graph::Node& node = softmax_of(calibrated.c.graph);
    EXPECT_TRUE(node.int8) << word << ": " << node.reason;
    EXPECT_EQ(calibrated.warnings, "");
  }
}

TEST(SoftmaxInt8, RunOnCpuNamesASingleOne) {
  SmallGraph g(9);
  softmax_network(g);
  config::Config config = with({"set_Softmax_input_int8"});
  config.run_on_cpu = {softmax_of(g.graph).name};
  EXPECT_FALSE(softmax_of(Calibrated(g.graph.clone(), config).c.graph).int8);
}

TEST(SoftmaxInt8, ANetworkWithoutOneIsTold) {
  SmallGraph g(9);
  g.output(g.value("Conv", {g.input({1, 3, 8, 8}), g.weights({4, 3, 1, 1})}));
  EXPECT_NE(Calibrated(std::move(g.graph), with({"set_Softmax_output_int8"}))
                .warnings.find("no node of type 'Softmax'"),
            std::string::npos);
}

// --- set_model_output_int8, set_model_output_int16 ---

// Outputs of a convolution, of a float operator behind one, and of whole numbers.
void several_outputs(SmallGraph& g) {
  graph::Value* x = g.input({1, 3, 8, 8});
  graph::Value* a = g.value("Relu", {g.value("Conv", {x, g.weights({4, 3, 3, 3}), g.weights({4})})});
  graph::Value* b = g.value("Conv", {a, g.weights({5, 4, 1, 1}), g.weights({5}, 3, 4)});
  graph::Value* c = g.value("Softmax", {b}, {{"axis", int64_t{1}}});
  g.graph.outputs = {a, b, c};
  g.output(g.value("ArgMax", {b}, {{"axis", int64_t{1}}}));
}

// The code of a value: nearest, ties to even, clamped.
int64_t code_of(float value, const QuantParams& q, int64_t lowest, int64_t highest) {
  return std::clamp(static_cast<int64_t>(std::nearbyint(value / q.scale())) + q.zero_point(), lowest,
                    highest);
}

void expect_quantized_outputs(DType dtype) {
  const bool int16 = dtype == DType::i16;
  SmallGraph g(11);
  several_outputs(g);
  Calibrated real(g.graph.clone(), with({})),
      codes(g.graph.clone(), with({int16 ? "set_model_output_int16" : "set_model_output_int8"}));
  ASSERT_EQ(codes.c.graph.outputs.size(), 4u);
  for (size_t o = 0; o < 4; ++o)
    EXPECT_EQ(codes.c.graph.outputs[o]->name, g.graph.outputs[o]->name) << "outputs keep their names";
  EXPECT_EQ(codes.c.graph.outputs[3]->dtype, DType::i64) << "an index stays one";
  compile(real.c);
  compile(codes.c);
  const SampleReader samples(codes.c.config, codes.c.graph, *codes.c.dataset);
  GraphRunner floats(engine::Model::create(real.c.program), 1),
      integers(engine::Model::create(codes.c.program), 1);
  floats.run(samples.program_inputs(0));
  integers.run(samples.program_inputs(0));
  for (size_t o = 0; o < 3; ++o) {
    const TensorDesc& desc = codes.c.program.tensors[codes.c.program.outputs[o].tensor];
    ASSERT_EQ(desc.dtype, dtype) << o;
    ASSERT_EQ(desc.quant.scales.size(), 1u) << "the program tells what the codes of output " << o << " mean";
    EXPECT_GT(desc.quant.scale(), 0);
    if (int16) EXPECT_EQ(desc.quant.zero_point(), 0);
    const Tensor expected = floats.output(o), found = integers.output(o);
    ASSERT_EQ(found.shape(), expected.shape());
    std::set<int64_t> seen;
    size_t wrong = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      const int64_t code = int16 ? int64_t{found.data<int16_t>()[i]} : int64_t{found.data<int8_t>()[i]};
      wrong +=
          code != code_of(expected.data<float>()[i], desc.quant, int16 ? -32768 : -128, int16 ? 32767 : 127);
      seen.insert(code);
    }
    EXPECT_EQ(wrong, 0u) << "output " << o << ": codes of the float outputs";
    EXPECT_GT(seen.size(), 40u) << "the range fits the values of output " << o;
  }
  EXPECT_TRUE(std::ranges::equal(floats.output(3).bytes(), integers.output(3).bytes()));
}

TEST(ModelOutput, Int8) { expect_quantized_outputs(DType::i8); }
TEST(ModelOutput, Int16) { expect_quantized_outputs(DType::i16); }

TEST(ModelOutput, WhatIsCodesAlreadyKeepsItsScale) {
  SmallGraph g(12);
  graph::Value* x = g.input({1, 3, 8, 8});
  graph::Value* a = g.value("Relu", {g.value("Conv", {x, g.weights({4, 3, 1, 1}), g.weights({4})})});
  graph::Value* pooled = g.value("MaxPool", {a}, {{"kernel_shape", std::vector<int64_t>{2, 2}}});
  const std::string name = pooled->name;
  g.output(pooled);
  g.output(g.value("Conv", {pooled, g.weights({2, 4, 1, 1}), g.weights({2})}));
  Calibrated codes(std::move(g.graph), with({"set_model_output_int8"}));
  compile(codes.c);
  const TensorDesc& desc = codes.c.program.tensors[codes.c.program.outputs[0].tensor];
  const graph::Value* source = codes.c.graph.find_value(name + "_float");
  ASSERT_TRUE(source && source->quant);
  EXPECT_EQ(desc.quant.scale(), source->quant->scale());
  EXPECT_EQ(desc.quant.zero_point(), source->quant->zero_point());
}

// --- lstm_batch_last ---

TEST(LstmBatchLast, SaysThatItHasNoEffect) {
  SmallGraph g(9);
  g.output(g.value("Conv", {g.input({1, 3, 8, 8}), g.weights({4, 3, 1, 1})}));
  EXPECT_NE(Calibrated(std::move(g.graph), with({"lstm_batch_last"}))
                .warnings.find("lstm_batch_last has no effect"),
            std::string::npos);
}

}  // namespace
}  // namespace openhb::compiler
