// SPDX-License-Identifier: Apache-2.0
// Ways to choose ranges from histograms, as calibration_type and optimization name them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/calibration/histogram.h"
#include "host/compiler/statistics.h"
#include "host/config/config.h"
#include "host/graph/graph.h"

namespace openhb::compiler {

struct Candidate {
  std::string name;  // for the log
  calibration::Method method;
  double percentile;
  bool symmetric = false;  // zero point 0
};

// What the configuration wants tried; the first one is the base of `mix`.
std::vector<Candidate> candidates(const config::Config& config);

// The values that calibration saw of a tensor. Throws Error(quantize_failed) when none of them is finite.
const calibration::Histogram& histogram_of(const Histograms& histograms, const graph::Value& value);

// The range that the candidate chooses for a tensor of such codes. int16 has codes enough for the whole
// range: nothing but a percentile cuts it.
calibration::ClipRange range_of(const calibration::Histogram& histogram, const Candidate& candidate,
                                DType codes);

// Sets the integer parameters of all values, each by the candidate that `choice` names for it. Nodes whose
// accumulators could overflow then become float.
void apply(graph::Graph& graph, const std::vector<std::string>& pictures, const Histograms& histograms,
           const std::function<const Candidate&(const graph::Value&)>& choice);

}  // namespace openhb::compiler
