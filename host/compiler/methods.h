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

// Sets the integer parameters of all values, each by the candidate that `choice` names for it. Nodes whose
// accumulators could overflow then become float.
void apply(graph::Graph& graph, const std::vector<std::string>& pictures, const Histograms& histograms,
           const std::function<const Candidate&(const graph::Value&)>& choice);

}  // namespace openhb::compiler
