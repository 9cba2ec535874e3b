// SPDX-License-Identifier: Apache-2.0
// What codes do to the values of a tensor, and what rounding does to weights: measured, no guesses.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/graph/graph.h"

namespace openhb::verify {

struct CodeFacts {
  float lo = 0, hi = 0;                    // what the codes cover
  float least = 0, most = 0;               // of the values
  float core_lo = 0, core_hi = 0;          // of all but the outermost 0.1 % of them
  double clipped = 0;                      // share of the values outside of [lo, hi]
  double clip_noise = 0, round_noise = 0;  // energies of both errors, by that of the values
  double deviation = 0;                    // standard deviation, in steps of the codes
  size_t codes = 0;                        // of 256 (int8) or 65536
  // Codes that the middle one of the channels reaches, of those that the widest does; 1 without channels.
  double channels = 1;
  size_t channel_count = 0;
};
CodeFacts code_facts(std::span<const float> values, const graph::Value& value);

struct WeightFacts {
  double noise = 0;          // rounding error by the weights' energy
  size_t worst_channel = 0;  // where that is largest
  double worst_noise = 0;
};
// Of the constant input 1 of an integer sum of products.
WeightFacts weight_facts(const graph::Node& node, int axis);

// Share of the energy of `a - b` that is a shift of whole channels (axis 1).
double shift_share(std::span<const float> a, std::span<const float> b, const Shape& shape);

}  // namespace openhb::verify
