// SPDX-License-Identifier: Apache-2.0
// What the configuration offers against a loss, tried out where that is possible.
#pragma once

#include <string>
#include <vector>

#include "host/verify/stages/facts.h"
#include "host/verify/stages/trial.h"

namespace openhb::verify {

enum class Cause { clipping, outliers, channels, resolution, weights, shift };

struct Patient {
  const Network& network;
  const graph::Value& value;
  CodeFacts codes;  // of its float values
  Cause cause;
  const Trial* trial;  // nullptr: nothing can be tried
  Similarity now;      // of the end, as it is
  std::string end;     // its name
  std::vector<float> floats;
};

// Best first; what was tried carries the cosine that it brought.
std::vector<std::string> advice_for(const Patient& patient);
// For neighbours that together matter, by the names of their values.
std::vector<std::string> advice_for_part(const Network& network, const std::vector<std::string>& values,
                                         const Trial* trial, const Similarity& now, const std::string& end);
// For errors that no single node makes.
std::vector<std::string> advice_for_all(const Network& network, const Trial* trial, const Similarity& now,
                                        const std::string& end);

}  // namespace openhb::verify
