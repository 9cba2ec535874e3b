// SPDX-License-Identifier: Apache-2.0
// The ONNX side and the simulator on a conversion of the project's example: the same bits from two ways; and
// how samples are named.
#include "host/verify/side.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "common/error.h"
#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "common/program/file.h"
#include "host/compiler/convert.h"
#include "host/config/config.h"
#include "host/frontend/onnx/onnx.h"
#include "host/verify/pairs.h"
#include "host/verify/samples.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb::verify {
namespace {

namespace fs = std::filesystem;
using graph::Value;

class Sides : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / fmt::format("verify_sides_{}", getpid());
    fs::create_directories(root_);
    config::Config config = config::load_config(OPENHB_EXAMPLE "/config.yaml");
    config.working_dir = (root_ / "out").string();
    convert(config);
    stem_ = config.working_dir + "/" + config.prefix;
  }
  static void TearDownTestSuite() { fs::remove_all(root_); }

  static void convert(const config::Config& config) {
    compiler::Artefacts artefacts(config.working_dir, config.prefix);
    compiler::convert(config, 2, {}, artefacts, {});
    artefacts.commit();
  }
  // Converts a network of float inputs; returns the folder, where it is net.bin, net_quantized_model.onnx...
  static std::string converted(const test::SmallGraph& small, const std::string& name) {
    const std::string folder = (root_ / name).string();
    fs::create_directories(folder);
    onnx_frontend::export_onnx(small.graph, folder + "/net.onnx");
    write_file_atomically(folder + "/net.yaml",
                          fmt::format("model_parameters:\n  onnx_model: '{0}/net.onnx'\n  march: 'bayes'\n"
                                      "  working_dir: '{0}'\n  output_model_file_prefix: 'net'\n"
                                      "input_parameters:\n  input_type_train: 'featuremap'\n"
                                      "  input_layout_train: 'NCHW'\n  input_type_rt: 'featuremap'\n"
                                      "  norm_type: 'no_preprocess'\n"
                                      "calibration_parameters:\n  calibration_type: 'skip'\n"
                                      "compiler_parameters:\n  optimize_level: 'O2'\n",
                                      folder));
    convert(config::load_config(folder + "/net.yaml"));
    return folder;
  }

  static std::string onnx(const std::string& stage) { return fmt::format("{}_{}_model.onnx", stem_, stage); }
  static std::string bin() { return stem_ + ".bin"; }
  static std::string picture() { return OPENHB_EXAMPLE "/test/000_stop.png"; }

  static inline fs::path root_;
  static inline std::string stem_;
};

TEST_F(Sides, QuantizedModelAndSimulatorHaveTheSameBits) {
  const auto quantized = onnx_side("Quanti.onnx", onnx("quantized"), bin(), "", 2);
  const auto simulator = simulator_side(bin(), "");
  const model_exec::Package package(bin());
  const model_exec::ModelHandle model = package.select("");
  for (const std::string& input : {picture(), std::string()}) {
    const Samples samples(model, {.input = input, .seed = 3});
    const auto inputs = samples.load(0);
    quantized->run(inputs, true, (root_ / "q").string());
    simulator->run(inputs, true, (root_ / "s").string());
    const auto result = compare_dumps("Q", (root_ / "q").string(), "S", (root_ / "s").string(),
                                      {.bit_exact = true, .tensors = true});
    EXPECT_TRUE(result.passed);
    EXPECT_GT(result.tensors.size(), 25u);
    EXPECT_FALSE(result.first);
  }
  EXPECT_EQ(quantized->info().facts[1].second.substr(0, 11), "in integers");
}

TEST_F(Sides, FloatStagesTakeTheSameInput) {
  const model_exec::Package package(bin());
  const model_exec::ModelHandle model = package.select("");
  const auto inputs = Samples(model, {.input = picture()}).load(0);
  std::vector<std::string> folders;
  for (const char* stage : {"original_float", "optimized_float", "calibrated", "quantized"}) {
    folders.push_back((root_ / stage).string());
    onnx_side(stage, onnx(stage), bin(), "", 1)->run(inputs, false, folders.back());
  }
  for (size_t i = 1; i < folders.size(); ++i) {
    const auto result = compare_dumps("a", folders[0], "b", folders[i], {.digits = i == 1 ? 4 : 1});
    EXPECT_TRUE(result.passed) << i << ' ' << result.tensors[0].difference.max_abs;
    EXPECT_GT(result.tensors[0].difference.cosine, 0.99);
  }
}

// What taking the Dequantize at the end out of a .bin makes: the output has another name and holds codes.
TEST_F(Sides, RemovedDequantizeIsMadeUpFor) {
  test::SmallGraph small(5, 11);
  Value* y = small.value("Conv", {small.input({1, 4, 8, 8}), small.weights({8, 4, 3, 3})});
  small.output(small.value("Conv", {y, small.weights({6, 8, 1, 1})}));
  const std::string folder = converted(small, "two");
  Program program = read_program(folder + "/net.bin");
  uint32_t codes = program.outputs[0].tensor;
  while (program.tensors[codes].dtype != DType::i32) {  // its float, perhaps in another order
    const auto last = std::ranges::find_if(program.steps, [&](const Step& step) {
      return std::ranges::find(step.outputs, codes) != step.outputs.end();
    });
    ASSERT_NE(last, program.steps.end());
    codes = last->inputs[0];
    program.steps.erase(last);
  }
  ASSERT_EQ(program.tensors[codes].quant.scales.size(), 6u);
  program.outputs[0] = {"net_quantized", codes};
  write_program(folder + "/without.bin", program);

  const auto quantized = onnx_side("Q", folder + "/net_quantized_model.onnx", folder + "/without.bin", "", 1);
  const auto simulator = simulator_side(folder + "/without.bin", "");
  const model_exec::Package package(folder + "/without.bin");
  const model_exec::ModelHandle model = package.select("");
  const auto inputs = Samples(model, {.seed = 1}).load(0);
  quantized->run(inputs, false, folder + "/q");
  simulator->run(inputs, false, folder + "/s");
  const auto result = compare_dumps("Q", folder + "/q", "S", folder + "/s", {.digits = 6});
  ASSERT_EQ(result.tensors.size(), 1u);
  EXPECT_EQ(result.tensors[0].dtype_right, "int32");
  EXPECT_TRUE(result.passed) << result.tensors[0].difference.max_abs;
}

TEST_F(Sides, ModelsOfOtherConversionsAreRefused) {
  std::ofstream(root_ / "broken.onnx") << "nonsense";
  EXPECT_THROW(onnx_side("Q", (root_ / "broken.onnx").string(), bin(), "", 1), Error);
  EXPECT_THROW(onnx_side("Q", onnx("quantized"), bin(), "other", 1), Error);
  EXPECT_THROW(simulator_side(onnx("quantized"), ""), Error);
}

// Two networks whose inputs have one name: told before anything runs.
TEST_F(Sides, InputsOfAnotherSizeAreRefused) {
  const auto convert = [&](const std::string& name, int64_t side) {
    test::SmallGraph small(6, 11);
    Value* in = small.input({1, 4, side, side});
    small.output(small.value("Conv", {in, small.weights({4, 4, 3, 3})}));
    return converted(small, name);
  };
  const std::string large = convert("large", 12), small = convert("small", 8);
  try {
    onnx_side("Q", large + "/net_quantized_model.onnx", small + "/net.bin", "", 1);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::usage);
    EXPECT_NE(e.text().find("1x4x12x12"), std::string::npos) << e.text();
    EXPECT_NE(e.text().find("1x4x8x8"), std::string::npos) << e.text();
    EXPECT_NE(e.text().find("not of one conversion"), std::string::npos) << e.text();
  }
}

TEST_F(Sides, CtrlCEndsARunBetweenItsSteps) {
  const auto side = onnx_side("Q", onnx("quantized"), bin(), "", 1);
  const model_exec::Package package(bin());
  const model_exec::ModelHandle model = package.select("");
  const auto inputs = Samples(model, {.seed = 1}).load(0);
  for (const bool all : {false, true}) {
    const std::string folder = (root_ / (all ? "ended_all" : "ended")).string();
    mark_interrupted(SIGINT);
    EXPECT_THROW(side->run(inputs, all, folder), Interrupted);
    mark_interrupted(0);
    EXPECT_FALSE(fs::exists(folder + "/dump_index.json"));
    side->run(inputs, all, folder);  // the next one is whole
    EXPECT_TRUE(fs::exists(folder + "/dump_index.json"));
  }
}

TEST_F(Sides, WrongInputsAreRefused) {
  const auto simulator = simulator_side(bin(), "");
  const std::vector<Tensor> wrong = {Tensor(DType::u8, {1, 32, 32, 3})};
  EXPECT_THROW(simulator->run(wrong, false, (root_ / "w").string()), Error);
  EXPECT_THROW(simulator->run({}, false, (root_ / "w").string()), Error);
}

TEST_F(Sides, SamplesByNameByPlaceAndByFolder) {
  const model_exec::Package package(bin());
  const model_exec::ModelHandle model = package.select("");
  EXPECT_EQ(Samples(model, {.input = "image:" + picture()}).all()[0].files[0].second, picture());
  const Samples all(model, {.input = OPENHB_EXAMPLE "/test"});
  EXPECT_EQ(all.all().size(), 64u);
  EXPECT_EQ(all.all()[0].name, "000_stop.png");
  EXPECT_EQ(Samples(model, {.input = OPENHB_EXAMPLE "/test", .count = 3}).all().size(), 3u);
  const auto code = [&](const SampleOptions& options) {
    try {
      Samples samples(model, options);
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(code({.input = "imaeg:" + picture()}), ErrorCode::usage);
  EXPECT_EQ(code({.input = picture() + "," + picture()}), ErrorCode::usage);
  EXPECT_EQ(code({.input = "image:" + picture() + ",image:" + picture()}), ErrorCode::usage);
  EXPECT_EQ(code({.input = "missing.png"}), ErrorCode::file_missing);
  EXPECT_EQ(code({.input = OPENHB_EXAMPLE "/test", .count = 100}), ErrorCode::data_missing);
  fs::create_directories(root_ / "empty");
  EXPECT_EQ(code({.input = (root_ / "empty").string()}), ErrorCode::data_missing);
}

TEST_F(Sides, RandomSamplesFollowFromTheSeedAlone) {
  const model_exec::Package package(bin());
  const model_exec::ModelHandle model = package.select("");
  const Samples two(model, {.count = 2, .seed = 7}), one(model, {.count = 1, .seed = 7}),
      other(model, {.count = 1, .seed = 8});
  const auto bytes = [](const std::vector<Tensor>& t) {
    const auto b = t[0].bytes();
    return std::vector<std::byte>(b.begin(), b.end());
  };
  EXPECT_EQ(bytes(two.load(0)), bytes(one.load(0)));
  EXPECT_NE(bytes(two.load(0)), bytes(two.load(1)));
  EXPECT_NE(bytes(one.load(0)), bytes(other.load(0)));
}

}  // namespace
}  // namespace openhb::verify
