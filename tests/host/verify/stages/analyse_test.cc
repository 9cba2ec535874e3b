// SPDX-License-Identifier: Apache-2.0
// Known losses are found where they are, with their reason and with advice that helps; without one nothing is
// said to be lost.
#include <csignal>
#include <map>

#include "common/error.h"
#include "common/io/interrupt.h"
#include "host/precision/channel_ranges.h"
#include "host/verify/stages/network.h"
#include "host/verify/stages/survey.h"
#include "tests/host/verify/stages/stage_folder.h"

namespace openhb::verify {
namespace {

using calibration::ClipRange;
using test::SmallGraph;
using test::StageFolder;

bool has(const std::vector<std::string>& advice, std::string_view text) {
  return std::ranges::any_of(advice, [&](const std::string& line) { return line.find(text) != line.npos; });
}
std::string all(const Stages& stages) { return stages_text(stages); }

TEST_F(StageFolder, NothingLost) {
  SmallGraph g = chain(3);
  convert(g, 2);
  const Stages stages = analyse(dump());
  EXPECT_TRUE(stages.losses.empty()) << all(stages);
  EXPECT_EQ(stages.verdict.substr(0, 26), "No stage loses accuracy: t") << stages.verdict;
  ASSERT_EQ(stages.stages.size(), 4u);
  for (const StageResult& s : stages.stages) {
    EXPECT_FALSE(s.loses);
    EXPECT_EQ(s.outputs.size(), 1u);
    EXPECT_GT(s.tensors.size(), 3u);
  }
  EXPECT_EQ(stage(stages, "optimized").outputs[0].cosine, 1);
  EXPECT_LT(stage(stages, "calibrated").outputs[0].cosine, 1);
  EXPECT_EQ(stage(stages, "simulator").outputs[0].step_cosine, 1);
  EXPECT_NE(stages_text(stages).find("simulator"), std::string::npos);
}

TEST_F(StageFolder, ClippedTensorIsFound) {
  SmallGraph g = chain(5);
  const std::string bad = g.graph.nodes()[5]->outputs[0]->name;  // the third Relu
  convert(
      g, 3,
      [&](const std::string& name, ClipRange r) { return name == bad ? ClipRange{0, r.hi * 0.15f} : r; },
      R"({"calibration_type": "kl", "max_percentile": "1"})");
  const Stages stages = analyse(dump());
  EXPECT_TRUE(stage(stages, "calibrated").loses);
  EXPECT_FALSE(stage(stages, "quantized").loses) << all(stages);
  EXPECT_FALSE(stage(stages, "simulator").loses);
  ASSERT_FALSE(stages.losses.empty());
  const Loss& loss = stages.losses[0];
  EXPECT_EQ(loss.tensor, bad) << all(stages);
  EXPECT_EQ(loss.node, annotated_.find_value(bad)->producer->name);
  EXPECT_EQ(loss.op, "Relu");
  EXPECT_EQ(loss.stage, "calibrated");
  EXPECT_LT(loss.after, loss.before - 0.05);
  EXPECT_EQ(loss.reason.substr(0, 9), "clipping:");
  // What was tried helped, and comes first.
  ASSERT_FALSE(loss.advice.empty());
  EXPECT_NE(loss.advice[0].find("tried: the cosine of '"), std::string::npos) << loss.advice[0];
  EXPECT_TRUE(has(loss.advice, fmt::format("'{}_HzCalibration'", bad))) << all(stages);
  EXPECT_TRUE(has(loss.advice, fmt::format("set_node_data_type: {}:int16", loss.node))) << all(stages);
  EXPECT_TRUE(has(loss.advice, "calibration_type: max")) << all(stages);
  EXPECT_NE(stages.verdict.find(loss.node), std::string::npos);
  EXPECT_NE(stages.verdict.find("without the loss at this node it would be 0.99"), std::string::npos)
      << stages.verdict;
}

TEST_F(StageFolder, ProgressGoesOnToItsEndAndCtrlCEndsIt) {
  SmallGraph g = chain(5);
  const std::string bad = g.graph.nodes()[5]->outputs[0]->name;
  convert(
      g, 2,
      [&](const std::string& name, ClipRange r) { return name == bad ? ClipRange{0, r.hi * 0.15f} : r; },
      R"({"calibration_type": "kl"})");
  const auto dumps = dump();
  struct Part {
    size_t calls = 0, done = 0, total = 0;
  };
  std::map<std::string, Part> parts;
  progress_ = [&](const std::string& name, size_t done, size_t total) {
    Part& part = parts[name];
    if (part.calls++ > 0) {
      EXPECT_GE(done, part.done) << name;
      EXPECT_LE(done, total) << name;
      EXPECT_EQ(total, part.total) << name;
    }
    part.done = done, part.total = total;
  };
  ASSERT_FALSE(analyse(dumps).losses.empty());
  ASSERT_EQ(parts.size(), 2u);
  for (const auto& [name, part] : parts) {
    EXPECT_GT(part.calls, 10u) << name;
    EXPECT_EQ(part.done, part.total) << name;
  }

  size_t trials = 0;
  progress_ = [&](const std::string& name, size_t done, size_t) {
    if (name != "Trying repairs" || done == 0) return;
    ++trials;
    mark_interrupted(SIGINT);
  };
  EXPECT_THROW(analyse(dumps), Interrupted);
  mark_interrupted(0);
  EXPECT_EQ(trials, 1u);
}

TEST_F(StageFolder, AdviceIsWhatTheConfigurationHasNot) {
  SmallGraph g = chain(3);
  const std::string bad = g.graph.nodes()[3]->outputs[0]->name;
  convert(
      g, 1, [&](const std::string& name, ClipRange r) { return name == bad ? ClipRange{0, r.hi * 0.1f} : r; },
      R"({"calibration_type": "percentile", "max_percentile": "0.9"})");
  const Stages stages = analyse(dump());
  ASSERT_FALSE(stages.losses.empty());
  EXPECT_EQ(stages.losses[0].tensor, bad);
  EXPECT_TRUE(has(stages.losses[0].advice, "max_percentile nearer to 1 (now 0.9)")) << all(stages);
  EXPECT_FALSE(has(stages.losses[0].advice, "calibration_type: max")) << all(stages);
}

TEST_F(StageFolder, CoarseCodesAreFound) {
  SmallGraph g = chain(4);
  const std::string bad = g.graph.nodes()[3]->outputs[0]->name;
  convert(
      g, 2, [&](const std::string& name, ClipRange r) { return name == bad ? ClipRange{0, r.hi * 80} : r; },
      R"({"calibration_type": "max", "max_percentile": "1"})");
  const Stages stages = analyse(dump());
  ASSERT_FALSE(stages.losses.empty());
  EXPECT_EQ(stages.losses[0].tensor, bad) << all(stages);
  EXPECT_EQ(stages.losses[0].reason.substr(0, 11), "resolution:");
  EXPECT_NE(stages.losses[0].reason.find("of 256 codes are left"), std::string::npos)
      << stages.losses[0].reason;
  EXPECT_TRUE(has(stages.losses[0].advice, "a lower max_percentile (now 1)")) << all(stages);
  EXPECT_TRUE(has(stages.losses[0].advice, "HzCalibration")) << all(stages);
}

TEST_F(StageFolder, WeightsAreFound) {
  SmallGraph g = chain(3);
  // One weight so large that int8 leaves nothing for the others of each channel; its input is nearly nothing.
  graph::Node* conv = g.graph.nodes()[2].get();
  Tensor weights = *conv->inputs[1]->constant;
  const auto w = weights.data<float>();
  for (size_t out = 0; out < 8; ++out) w[out * 72 + 8 * 0 + 4] = 60.0f;
  conv->inputs[1]->constant = std::make_shared<const Tensor>(std::move(weights));
  graph::Node* first = g.graph.nodes()[0].get();
  Tensor quiet = *first->inputs[1]->constant, bias = *first->inputs[2]->constant;
  std::ranges::fill(quiet.data<float>().first(72), 0.0f);
  bias.data<float>()[0] = 0.0f;
  first->inputs[1]->constant = std::make_shared<const Tensor>(std::move(quiet));
  first->inputs[2]->constant = std::make_shared<const Tensor>(std::move(bias));
  convert(g, 2, {}, R"({"calibration_type": "max", "max_percentile": "1"})");
  const Stages stages = analyse(dump());
  ASSERT_FALSE(stages.losses.empty());
  EXPECT_EQ(stages.losses[0].reason.substr(0, 8), "weights:") << all(stages);
  EXPECT_NE(stages.losses[0].reason.find(conv->name), std::string::npos) << all(stages);
  EXPECT_TRUE(has(stages.losses[0].advice, "run_on_cpu: " + conv->name)) << all(stages);
}

TEST_F(StageFolder, SmallErrorsAddUp) {
  // Each sum rounds what the one before rounded, and nothing makes up for it.
  SmallGraph g(3);
  test::Value* x = g.input({1, 8, 6, 6});
  for (int i = 0; i < 24; ++i)
    x = g.value(
        "Add",
        {x, g.value("Conv", {x, g.weights({8, 8, 1, 1}, -0.02f, 0.02f), g.weights({8}, -0.02f, 0.02f)})});
  g.output(g.value("Conv", {x, g.weights({4, 8, 1, 1}), g.weights({4})}));
  convert(
      g, 4, [&](const std::string&, ClipRange r) { return ClipRange{r.lo * 4, r.hi * 4}; },
      R"({"calibration_type": "max", "max_percentile": "1"})");
  const Stages stages = analyse(dump());
  EXPECT_TRUE(stage(stages, "calibrated").loses);
  ASSERT_FALSE(stages.losses.empty());
  const Loss& last = stages.losses.back();
  EXPECT_TRUE(last.node.empty()) << all(stages);
  EXPECT_NE(last.reason.find("many small errors add up"), std::string::npos) << all(stages);
  EXPECT_TRUE(has(last.advice, "optimization: set_all_nodes_int16 (tried")) << all(stages);
  EXPECT_TRUE(has(last.advice, "calibration_type: default or mix")) << all(stages);
}

// Channels of powers of two are no loss: float means the same by them.
TEST_F(StageFolder, ChannelsWithRangesOfTheirOwn) {
  for (const bool told : {true, false}) {
    samples_.clear();
    SmallGraph g = chain(3, 5);
    graph::Node* conv = g.graph.nodes()[2].get();
    Tensor weights = *conv->inputs[1]->constant, bias = *conv->inputs[2]->constant;
    for (float& w : weights.data<float>().first(5 * 72)) w *= 0.02f;
    for (float& b : bias.data<float>().first(5)) b *= 0.02f;
    conv->inputs[1]->constant = std::make_shared<const Tensor>(std::move(weights));
    conv->inputs[2]->constant = std::make_shared<const Tensor>(std::move(bias));
    const graph::Graph before = g.graph.clone();
    precision::assign_precision(g.graph, {});
    precision::ChannelRanges ranges;
    const std::string scaled = g.graph.nodes()[3]->outputs[0]->name;
    ranges[scaled] = {0.05f, 0.05f, 0.05f, 0.05f, 0.05f, 2, 2, 2};
    ASSERT_EQ(precision::widen_channels(g.graph, ranges), 1u);
    convert(g, 1, {}, told ? R"({"calibration_type": "max", "per_channel": "True"})" : "{}");
    original_ = before.clone();
    const Stages stages = analyse(dump());
    const auto& tensors = stage(stages, "calibrated").tensors;
    const auto found = std::ranges::find(tensors, scaled, &StageTensor::tensor);
    ASSERT_NE(found, tensors.end());
    // Who is not told sees other values.
    EXPECT_EQ(found->cosine > 0.999, told) << found->cosine;
    EXPECT_EQ(found->relative_l2 < 0.03, told) << found->relative_l2;
    EXPECT_FALSE(stage(stages, "calibrated").loses) << all(stages);
  }
}

TEST_F(StageFolder, OtherBitsAreNoLossButADefect) {
  SmallGraph g = chain(3);
  convert(g, 2);
  auto dumps = dump();
  // One code of one tensor of the second sample.
  const std::string tensor = g.graph.nodes()[3]->outputs[0]->name,
                    file = dumps[4].folders[1] + "/" + tensor + ".bin";
  std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(f);
  const int code = f.get();
  f.seekp(0);
  f.put(static_cast<char>(code ^ 1));
  f.close();
  const Stages stages = analyse(dumps);
  ASSERT_EQ(stages.losses.size(), 1u) << all(stages);
  EXPECT_EQ(stages.losses[0].stage, "simulator");
  EXPECT_EQ(stages.losses[0].tensor, tensor);
  EXPECT_EQ(stages.losses[0].sample, 1u);
  EXPECT_NE(stages.losses[0].reason.find("1 of 1152 values differ"), std::string::npos)
      << stages.losses[0].reason;
  EXPECT_NE(stages.verdict.find("differs from quantized in bits"), std::string::npos) << stages.verdict;
}

TEST_F(StageFolder, OptimizerThatChangesResults) {
  SmallGraph g = chain(3);
  convert(g, 1);
  auto dumps = dump();
  graph::Graph wrong = original_.clone();
  Tensor bias = *wrong.nodes()[2]->inputs[2]->constant;
  bias.data<float>()[0] += 0.5f;
  wrong.nodes()[2]->inputs[2]->constant = std::make_shared<const Tensor>(std::move(bias));
  test::write_dump(wrong, false, samples_[0], dumps[1].folders[0]);
  const Stages stages = analyse(dumps);
  EXPECT_TRUE(stage(stages, "optimized").loses);
  ASSERT_FALSE(stages.losses.empty());
  EXPECT_EQ(stages.losses[0].stage, "optimized");
  EXPECT_TRUE(stages.losses[0].node == wrong.nodes()[2]->name ||
              stages.losses[0].node == wrong.nodes()[3]->name)
      << all(stages);
}

TEST_F(StageFolder, EditedQuantizedModel) {
  SmallGraph g = chain(3);
  convert(g, 1);
  const std::string calibrated = read_text_file(path("net_calibrated_model.onnx"), EmptyFile::refuse);
  const std::string bad = g.graph.nodes()[3]->outputs[0]->name;
  graph::Value* v = annotated_.find_value(bad);
  v->quant->scales[0] *= 0.1f;
  write_files("{}");
  write_file_atomically(path("net_calibrated_model.onnx"), calibrated);
  auto dumps = dump();
  v->quant->scales[0] *= 10.0f;
  graph::Graph right = quantize::calibrated_graph(annotated_);
  ops::infer_shapes(right);
  test::write_dump(right, false, samples_[0], dumps[2].folders[0]);
  const Stages stages = analyse(dumps);
  EXPECT_FALSE(stage(stages, "calibrated").loses);
  EXPECT_TRUE(stage(stages, "quantized").loses);
  ASSERT_FALSE(stages.losses.empty());
  EXPECT_EQ(stages.losses[0].tensor, bad);
  EXPECT_NE(stages.losses[0].reason.find("the quantized model has scale"), std::string::npos) << all(stages);
  EXPECT_NE(stages.verdict.find("is not the calibrated model"), std::string::npos) << stages.verdict;
}

TEST_F(StageFolder, StagesMayBeMissing) {
  SmallGraph g = chain(2);
  convert(g, 1);
  auto dumps = dump();
  const std::vector<StageDumps> without_float(dumps.begin() + 1, dumps.end());
  EXPECT_EQ(analyse(without_float).verdict,
            "The float model did not run, so nothing can be compared with it.");
  const std::vector<StageDumps> few{dumps[0], dumps[3]};
  EXPECT_EQ(analyse(few).stages.size(), 1u);
  EXPECT_EQ(analyse({dumps[0]}).stages.size(), 0u);
}

TEST_F(StageFolder, FilesOfAConversion) {
  for (const char* word : {"original_float", "optimized_float", "calibrated", "quantized"})
    write_file_atomically(path(fmt::format("a_{}_model.onnx", word)), std::string_view("x"));
  const auto files = stage_files(path("a_quantized_model.onnx"));
  ASSERT_EQ(files.size(), 4u);
  EXPECT_EQ(files[2].first, "calibrated");
  EXPECT_EQ(files[2].second, path("a_calibrated_model.onnx"));
  std::filesystem::remove(files[0].second);
  const auto code = [](const std::string& file) {
    try {
      stage_files(file);
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(code(path("a_quantized_model.onnx")), ErrorCode::file_missing);
  EXPECT_EQ(code(path("a.onnx")), ErrorCode::usage);
}

TEST_F(StageFolder, FilesWithoutMetadataAreRefused) {
  SmallGraph g = chain(1);
  convert(g, 1);
  const auto dumps = dump();
  write_file_atomically(path("net_calibrated_model.onnx"),
                        onnx_frontend::serialize_onnx(quantize::calibrated_graph(annotated_)));
  EXPECT_THROW(analyse(dumps), Error);
}

}  // namespace
}  // namespace openhb::verify
