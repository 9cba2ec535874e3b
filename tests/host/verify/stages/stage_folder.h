// SPDX-License-Identifier: Apache-2.0
// A small conversion and the dump folders of its stages, as the sides of a verification would leave them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "common/io/file.h"
#include "common/io/file_name.h"
#include "common/io/hash.h"
#include "device/dnn/dump.h"
#include "device/engine/model.h"
#include "host/compiler/evaluate.h"
#include "host/frontend/onnx/onnx.h"
#include "host/precision/assign.h"
#include "host/quantize/notes.h"
#include "host/quantize/qdq.h"
#include "host/verify/stages.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb::test {

using verify::StageDumps;

// Tensors of a run, with the input, as read_dump() takes them.
inline void write_dump(const graph::Graph& graph, bool int8, const std::vector<Tensor>& inputs,
                       const std::string& folder) {
  std::filesystem::create_directories(folder);
  dnn::DumpIndex index;
  std::set<std::string> used;
  const auto add = [&](const std::string& kind, const std::string& name, const Tensor& values,
                       const QuantParams& quant) {
    const std::string file = file_stem(name, used) + ".bin";
    std::ofstream out(folder + "/" + file, std::ios::binary);  // not synced to the disk: there are many
    out.write(reinterpret_cast<const char*>(values.bytes().data()), std::ssize(values.bytes()));
    index.add({.files = {file},
               .kind = kind,
               .name = name,
               .dtype = values.dtype(),
               .shape = values.shape(),
               .quant = quant,
               .step = "step of " + name});
  };
  for (size_t i = 0; i < inputs.size(); ++i) add("input", graph.inputs[i]->name, inputs[i], {});
  compiler::LowerOptions options;
  options.int8 = int8, options.keep_all_values = !int8, options.fold_steps = false;
  compiler::GraphRunner runner(graph, options, 1);
  runner.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
    Tensor values(desc.dtype, desc.logical_shape());
    engine::load_tensor(desc, data, values.bytes());
    QuantParams quant = desc.quant;
    if (quant.axis >= 0) quant.axis = desc.order[static_cast<size_t>(quant.axis)];
    add("tensor", desc.name, values, quant);
  });
  for (size_t o = 0; o < graph.outputs.size(); ++o)
    add("output", graph.outputs[o]->name, runner.output(o), {});
  index.write(folder, "test");
}

class StageFolder : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() /
            fmt::format("verify_stages_{}_{}", getpid(),
                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string path(const std::string& name) const { return (root_ / name).string(); }

  // `depth` convolutions with Relu, one behind the other, channels of about the same size.
  static SmallGraph chain(size_t depth, uint32_t seed = 1) {
    SmallGraph g(seed);
    Value* x = g.input({1, 8, 12, 12});
    for (size_t i = 0; i < depth; ++i)
      x = g.value("Relu",
                  {g.value("Conv", {x, g.weights({8, 8, 3, 3}, -0.25f, 0.3f), g.weights({8}, -0.1f, 0.1f)},
                           {{"pads", std::vector<int64_t>{1, 1, 1, 1}}})});
    g.output(g.value("Conv", {x, g.weights({4, 8, 1, 1}), g.weights({4})}));
    return g;
  }

  std::vector<Tensor> sample(SmallGraph& g) const {
    std::vector<Tensor> inputs;
    for (const Value* v : g.graph.inputs) inputs.push_back(g.data(v->shape));
    return inputs;
  }

  // Ranges of float on the samples; `spoil` gives a tensor another one.
  using Spoil = std::function<calibration::ClipRange(const std::string& name, calibration::ClipRange range)>;
  void convert(SmallGraph& g, size_t samples, const Spoil& spoil = {}, const std::string& settings = "{}") {
    original_ = g.graph.clone();
    for (size_t s = 0; s < samples; ++s) samples_.push_back(sample(g));
    std::map<std::string, calibration::ClipRange> ranges;
    compiler::LowerOptions all;
    all.keep_all_values = true;
    compiler::GraphRunner floats(g.graph, all, 1);
    for (const auto& inputs : samples_) {
      for (size_t i = 0; i < inputs.size(); ++i) ranges[g.graph.inputs[i]->name] = {-1, 1};
      floats.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
        const auto values = compiler::real_values(desc, data);
        calibration::ClipRange& r = ranges[desc.name];
        r.lo = std::min(r.lo, *std::ranges::min_element(values)),
        r.hi = std::max(r.hi, *std::ranges::max_element(values));
      });
    }
    precision::assign_precision(g.graph, {});
    precision::apply_ranges(g.graph, {}, [&](const Value& v) {
      return spoil ? spoil(v.name, ranges.at(v.name)) : ranges.at(v.name);
    });
    annotated_ = g.graph.clone();
    write_files(settings);
  }

  void write_files(const std::string& settings) {
    onnx_frontend::Metadata metadata{
        {"openhb.stage", "calibrate"},
        {"openhb.format", "1"},
        {"openhb.configuration", settings},
        {"openhb.notes", quantize::notes_to_json(quantize::notes_of(annotated_))},
        {"openhb.method", "max"}};
    const std::string calibrated =
        onnx_frontend::serialize_onnx(quantize::calibrated_graph(annotated_), metadata);
    write_file_atomically(path("net_calibrated_model.onnx"), calibrated);
    metadata["openhb.stage"] = "quantize";
    metadata["openhb.calibrated"] = hash_text(std::as_bytes(std::span(calibrated)));
    write_file_atomically(path("net_quantized_model.onnx"),
                          onnx_frontend::serialize_onnx(quantize::quantized_graph(annotated_, {}), metadata));
  }

  // Float, optimized, calibrated, quantized and simulator.
  std::vector<StageDumps> dump() {
    graph::Graph calibrated = quantize::calibrated_graph(annotated_);
    ops::infer_shapes(calibrated);
    const std::vector<std::tuple<std::string, const graph::Graph*, bool>> stages{
        {"float", &original_, false},
        {"optimized", &original_, false},
        {"calibrated", &calibrated, false},
        {"quantized", &annotated_, true},
        {"simulator", &annotated_, true}};
    std::vector<StageDumps> dumps;
    for (const auto& [name, graph, int8] : stages) {
      StageDumps d{name, name, {}};
      for (size_t s = 0; s < samples_.size(); ++s) {
        d.folders.push_back(path(fmt::format("{}_{}", name, s)));
        write_dump(*graph, int8, samples_[s], d.folders.back());
      }
      dumps.push_back(std::move(d));
    }
    return dumps;
  }

  verify::Stages analyse(const std::vector<StageDumps>& dumps) {
    return verify::analyse_stages(dumps, path("net_calibrated_model.onnx"), path("net_quantized_model.onnx"),
                                  progress_);
  }

  static const verify::StageResult& stage(const verify::Stages& stages, const std::string& name) {
    return *std::ranges::find(stages.stages, name, &verify::StageResult::name);
  }

  std::filesystem::path root_;
  graph::Graph original_, annotated_;
  std::vector<std::vector<Tensor>> samples_;
  verify::StagesProgress progress_;
};

}  // namespace openhb::test
