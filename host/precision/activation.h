// SPDX-License-Identifier: Apache-2.0
// Ranges for tensors that only an activation function reads: what counts is the error behind the function.
#pragma once

#include <functional>
#include <optional>

#include "host/calibration/histogram.h"
#include "host/graph/graph.h"

namespace openhb::precision {

// The function g with which `value` is used, when its only readers are one unary operator U, or U and a Mul
// of both (x * U(x): SiLU and its kin); nullopt otherwise.
std::optional<std::function<double(double)>> activation_of(const graph::Value& value,
                                                           const graph::Consumers& consumers,
                                                           const graph::Graph& graph);

// The range, at most `widest`, whose codes q minimise the mean of (g(x) - g(q(x)))^2 over the histogram.
// Found on a grid of fractions of both ends. SiLU, for one, flattens everything below -6: spending codes
// there is waste.
calibration::ClipRange range_behind(const std::function<double(double)>& g,
                                    const calibration::Histogram& histogram, calibration::ClipRange widest);

}  // namespace openhb::precision
