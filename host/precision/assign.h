// SPDX-License-Identifier: Apache-2.0
// Which node runs in which precision, with the reason, and which values get int8 parameters.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "host/calibration/histogram.h"
#include "host/config/config.h"
#include "host/graph/graph.h"
#include "host/march/march.h"

namespace openhb::precision {

using config::Int16Request;

struct Choice {
  std::vector<std::string> run_on_cpu, run_on_bpu;  // node names
  std::vector<Int16Request> int16 = {};
  std::optional<march::March> march = std::nullopt;  // whose limits hold; nobody's without it
};

// Sets Node::int8 and Node::reason of every node and Value::codes of every value. Unknown names are
// Error(config_bad_value) with a suggestion. A value becomes int16 when that is asked for and all integer
// nodes that write or read it (and those that share its scale) take int16. Returns a sentence for every
// request that this denies.
std::vector<std::string> assign_precision(graph::Graph& graph, const Choice& choice);

// The last part of it: Value::codes, int16 for the values in `wanted` and those that share their scale, where
// all integer nodes agree. Returns a sentence for every one that this denies.
std::vector<std::string> assign_int16(graph::Graph& graph,
                                      const std::unordered_set<const graph::Value*>& wanted);

// The values whose distribution decides their int8 parameters (nodes' precision being assigned).
std::vector<graph::Value*> values_to_calibrate(const graph::Graph& graph);

// Sets Value::quant: `range_of` gives the range of a value of the list above; values that share a scale get
// their source's; pictures keep scale 1. Clears earlier parameters first.
void apply_ranges(graph::Graph& graph, const std::vector<std::string>& pictures,
                  const std::function<calibration::ClipRange(const graph::Value&)>& range_of);

// int8 parameters for a range: asymmetric, unless it is (nearly) centred.
QuantParams quant_of_range(calibration::ClipRange range);
// The same for int16: symmetric.
QuantParams int16_of_range(calibration::ClipRange range);

// int8 nodes whose accumulators could overflow become float, with that reason. True when one did.
bool demote_overflowing(graph::Graph& graph);

}  // namespace openhb::precision
