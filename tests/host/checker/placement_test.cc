// SPDX-License-Identifier: Apache-2.0
// What the checker says is what the compiler then does: over all networks of ../shared/models and over random
// graphs, for every march.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <set>

#include "common/program/file.h"
#include "host/checker/check.h"
#include "host/frontend/model.h"
#include "host/frontend/onnx/onnx.h"
#include "tests/host/checker/random_graph.h"

namespace openhb {
namespace {

namespace fs = std::filesystem;

fs::path scratch_folder() {
  const fs::path folder = fs::temp_directory_path() / fmt::format("openhb_checker_{}", ::getpid());
  fs::create_directories(folder);
  return folder;
}

using Shapes = std::map<std::string, Shape>;

// Compares the checker's rows for a model file with the conversion's report and with the steps of its
// program. Returns what both refuse with, or "".
std::string compare(const frontend::ModelSource& source, march::March march) {
  const std::string where = fmt::format("{}{} ({})", source.onnx, source.caffemodel, march::name_of(march));
  graph::Graph graph = frontend::import_model(source);
  config::Config config;
  config.onnx_model = source.onnx;
  config.prototxt = source.prototxt;
  config.caffe_model = source.caffemodel;
  config.march = march::name_of(march);
  config.working_dir = scratch_folder().string();
  config.optimize_level = "O2";
  config.calibration = config::CalibrationType::skip;
  for (const graph::Value* v : graph.inputs) {
    config::InputConfig input;
    input.name = v->name;
    input.shape = v->shape;
    config.inputs.push_back(input);
  }
  const auto problems = checker::problems_of(graph);
  compiler::ConversionReport converted;
  try {
    compiler::Artefacts artefacts(config.working_dir, config.prefix);
    converted = compiler::convert(config, 2, {}, artefacts);
    artefacts.commit();
  } catch (const Error& error) {
    // Random data may leave nothing to calibrate with; everything else the checker must have seen.
    if (error.code() != ErrorCode::quantize_failed && problems.empty()) {
      ADD_FAILURE() << where << ": the checker finds no problem, but the conversion ends with "
                    << error.text();
    }
    return error.what();
  }
  EXPECT_TRUE(problems.empty()) << where << ": " << checker::error_of(problems).what();
  ops::infer_shapes(graph);
  compiler::optimize(graph);
  const checker::Report checked = checker::check(graph, march);

  EXPECT_EQ(checked.nodes.size(), converted.nodes.size()) << where;
  if (checked.nodes.size() != converted.nodes.size()) return "";
  std::map<std::string, const checker::Placement*> by_name;
  for (size_t i = 0; i < checked.nodes.size(); ++i) {
    const auto& a = checked.nodes[i];
    const auto& b = converted.nodes[i];
    EXPECT_EQ(a.node, b.node) << where;
    EXPECT_EQ(a.on, b.on) << where << ": " << a.node << ": " << a.reason << " / " << b.reason;
    EXPECT_EQ(a.subgraph, b.subgraph) << where << ": " << a.node;
    EXPECT_EQ(a.type, b.type) << where << ": " << a.node;
    EXPECT_EQ(a.reason, b.reason) << where << ": " << a.node;
    EXPECT_EQ(a.reason.empty(), a.on == "BPU") << where << ": " << a.node;
    by_name[a.node] = &a;
  }
  const auto program = read_program(converted.bin_path);
  for (const Step& step : program.steps) {
    if (std::holds_alternative<QuantizeParams>(step.params) ||
        std::holds_alternative<DequantizeParams>(step.params))
      continue;
    const auto it = by_name.find(step.node);
    if (it == by_name.end()) continue;  // inputs and outputs of the program
    EXPECT_EQ(step.backend == Backend::bpu, it->second->on == "BPU")
        << where << ": a step " << step_name(step.params) << " of " << step.node;
    if (step.backend == Backend::bpu) {
      EXPECT_EQ(fmt::format("id({})", step.subgraph), it->second->subgraph) << where << ": " << step.node;
    }
  }
  return "";
}

TEST(Placement, IsWhatTheCompilerDoesOnRealNetworks) {
  const std::map<std::string, Shapes> dynamic{
      {"ppocr_v3_det", {{"x", {1, 3, 96, 96}}}},
      {"ppocr_en_rec", {{"x", {1, 3, 32, 96}}}},
      {"xfeat_interpolator", {{"x", {1, 64, 32, 32}}, {"pos", {1, 16, 2}}}},
  };
  const fs::path models = fs::path(OPENHB_SOURCE_DIR) / "../shared/models";
  if (!fs::is_directory(models)) GTEST_SKIP() << "no models beside the project (../shared/models)";
  std::set<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(models))
    if (entry.path().extension() == ".onnx" || entry.path().extension() == ".caffemodel")
      files.insert(entry.path());
  size_t compared = 0;
  for (const fs::path& file : files) {
    frontend::ModelSource source;
    if (file.extension() == ".onnx") {
      source.onnx = file.string();
    } else {
      source.caffemodel = file.string();
      source.prototxt = fs::path(file).replace_extension(".prototxt").string();
    }
    if (const auto it = dynamic.find(file.parent_path().filename().string()); it != dynamic.end())
      source.input_shapes = it->second;
    for (const auto& row : march::kMarches) {
      const std::string refused = compare(source, row.march);
      if (!refused.empty())
        std::printf("not converted: %s (%s): %s\n", file.c_str(), row.name.data(), refused.c_str());
      compared += refused.empty();
    }
  }
  // Random data may be no data for some.
  EXPECT_GE(compared, files.size() * march::kMarches.size() * 3 / 4);
  fs::remove_all(scratch_folder());
}

TEST(Placement, IsWhatTheCompilerDoesOnRandomGraphs) {
  size_t cpu = 0, bpu = 0;
  std::set<std::string> reasons;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    graph::Graph graph = test::random_graph(seed);
    frontend::ModelSource source;
    source.onnx = (scratch_folder() / "random.onnx").string();
    onnx_frontend::export_onnx(graph, source.onnx);
    for (const auto& row : march::kMarches) {
      EXPECT_EQ(compare(source, row.march), "") << "seed " << seed;
      if (testing::Test::HasFailure()) FAIL() << "seed " << seed;
      graph::Graph own = graph.clone();
      for (const auto& n : checker::check(own, row.march).nodes) {
        (n.on == "CPU" ? cpu : bpu) += 1;
        if (!n.violations.empty()) reasons.insert(n.violations[0].quantity);
      }
    }
  }
  // The graphs are worth the comparison.
  EXPECT_GE(cpu, 100u);
  EXPECT_GE(bpu, 100u);
  EXPECT_GE(reasons.size(), 8u);
  fs::remove_all(scratch_folder());
}

}  // namespace
}  // namespace openhb
