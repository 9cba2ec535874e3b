// SPDX-License-Identifier: Apache-2.0
// What the files of a conversion say of the network: nodes, scales, placement and configuration.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/graph/graph.h"
#include "host/verify/stages.h"
#include "host/verify/stages/similarity.h"

namespace openhb::verify {

struct Network {
  graph::Graph graph;                           // of the calibrated model: float weights, scales, placement
  std::map<std::string, std::string> settings;  // key and value of the configuration
  std::string method;                           // how ranges were chosen
  // Scales that the quantized model has otherwise, a sentence each, by the name of the value.
  std::map<std::string, std::string> edited;
  bool belongs = true;  // the quantized model was made from this calibrated one

  // What readers let through of values that only an activation reads; the others are free to be clipped.
  std::map<std::string, std::pair<float, float>> bounds;

  // Values as their readers see them.
  void bound(const graph::Value& value, std::vector<float>& values) const;
  // "" for keys that were not given.
  std::string setting(const std::string& key) const;
};

// Throws what importing throws, and Error(model_structure) for files that lost their metadata.
Network read_network(const std::string& calibrated_file, const std::string& quantized_file);

// A stage's tensors of one sample.
class StageSample {
 public:
  explicit StageSample(const std::string& folder);
  StageSample(const StageDumps& stage, size_t sample);
  // What the stage knows as the value `name` of the network: where it has codes, these; nullptr without any.
  const DumpedTensor* find(const std::string& name) const;
  const DumpedTensor* input(const std::string& name) const;

 private:
  bool marked_ = false;  // codes are values of their own, behind HzCalibration nodes (host/quantize/qdq.h)
  std::vector<DumpedTensor> tensors_;
  std::map<std::string, size_t> by_name_, outputs_, inputs_;
};

}  // namespace openhb::verify
