// SPDX-License-Identifier: Apache-2.0
// What one sample of one input looks like, in a few numbers.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "host/calibration/dataset.h"

namespace openhb::calibration {

struct Facts {
  std::optional<Error> error;  // it cannot be used; nothing else is known then
  double min = 0, max = 0, mean = 0;
  std::array<double, 3> channel_means{};  // of pictures with three channels
  bool integers = false;                  // of its element type
  int width = 0, height = 0;              // of a picture before it was resized
  std::array<uint64_t, 2> hash{};         // of the values
};

// Reads the sample, and keeps it if it is a picture.
Facts facts_of(const Dataset& dataset, const config::InputConfig& input, size_t sample, size_t index);

}  // namespace openhb::calibration
