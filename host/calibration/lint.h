// SPDX-License-Identifier: Apache-2.0
// Reads calibration samples before they are used and tells what is odd about them: wrong calibration data
// costs accuracy silently.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/error.h"
#include "host/calibration/dataset.h"

namespace openhb::calibration {

struct Finding {
  std::string severity;                        // "error", "warning", "note"
  std::string check;                           // "size", "range", "channels", ...: what was looked at
  std::string input;                           // "" when it concerns all
  size_t samples = 0;                          // how many show it; 0 when it is not about single samples
  std::string text;                            // what was found, with an example, and what to do
  ErrorCode code = ErrorCode::data_bad_value;  // of an error
};

struct Lint {
  size_t samples = 0, examined = 0;
  std::vector<Finding> findings;  // errors first
  uint64_t largest_picture = 0;   // pixels, before resizing

  bool failed() const { return !findings.empty() && findings.front().severity == "error"; }
};

// The samples that are read: all when they are few, else an even choice of some hundred (fewer when they are
// large) with the first ones among them. Of all others only the size is looked at.
std::vector<size_t> samples_to_examine(size_t count, uint64_t elements);

// Same data, same findings: the number of `workers` does not matter. Pictures are kept for Dataset::load().
// Throws Interrupted after Ctrl-C.
Lint lint(const Dataset& dataset, const config::Config& config, int workers,
          const std::function<void(size_t done, size_t total)>& progress);

std::string findings_table(const std::vector<Finding>& findings);

}  // namespace openhb::calibration
