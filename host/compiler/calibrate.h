// SPDX-License-Identifier: Apache-2.0
// Calibration of an optimized graph: statistics through the engine, then a choice of ranges.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "host/calibration/dataset.h"
#include "host/compiler/checkpoint.h"
#include "host/compiler/convert.h"
#include "host/compiler/evaluate.h"
#include "host/compiler/plan.h"
#include "host/precision/assign.h"

namespace openhb::compiler {

// Samples in the form that the graph's inputs take.
class SampleReader {
 public:
  SampleReader(const config::Config& config, const graph::Graph& graph, const calibration::Dataset& dataset);
  size_t size() const { return dataset_.size(); }
  // Float graph inputs (graph_input of sample.h).
  std::vector<Tensor> floats(size_t sample) const;
  // Program inputs (program_input of sample.h).
  std::vector<Tensor> program_inputs(size_t sample) const;

 private:
  const config::Config& config_;
  const graph::Graph& graph_;
  const calibration::Dataset& dataset_;
};

// How many methods calibrate() tries.
size_t candidate_count(const config::Config& config);

struct Calibration {
  std::string method;  // its name for the log
  std::vector<report::MethodScore> search;
  std::vector<report::TensorHistogram> histograms;
};

// Sets the graph's int8 annotations by the configured method; `default` tries several and keeps the one whose
// outputs are nearest to float on the first samples.
Calibration calibrate(graph::Graph& graph, const config::Config& config, const LowerOptions& int8_options,
                      const SampleReader& samples, const Plan& plan, Checkpoint& checkpoint,
                      const Reporter& reporter);

// By name of the tensor: cosine between the two programs' values on one sample, where both have it. Calls
// `each_tensor` for every tensor of either program.
std::unordered_map<std::string, double> tensor_similarity(GraphRunner& real, GraphRunner& integer,
                                                          const SampleReader& samples, size_t sample,
                                                          const std::function<void()>& each_tensor = {});

// The thresholds of the nodes in the report, which are those of `graph`.
void fill_thresholds(const graph::Graph& graph, ConversionReport& report);

// Node and output similarity on the first sample between the float `graph` and its integer program
// `unfolded`, which has the steps of every node (LowerOptions::fold_steps); the report lists the nodes
// already.
void compare_programs(const graph::Graph& graph, std::shared_ptr<const engine::Model> unfolded,
                      const SampleReader& samples, int threads, const Reporter& reporter,
                      ConversionReport& report);

}  // namespace openhb::compiler
