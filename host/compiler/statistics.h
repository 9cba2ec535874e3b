// SPDX-License-Identifier: Apache-2.0
// What calibration samples leave behind: a histogram per tensor, and channel means over the first samples.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "host/calibration/histogram.h"
#include "host/precision/bias_correction.h"

namespace openhb::compiler {

using Histograms = std::map<std::string, calibration::Histogram>;
using ChannelSums = std::map<std::string, std::vector<double>>;  // by tensor; one sum per channel

// The order in which samples come does not matter: counts are integers, and sums of channels are added up
// sample by sample in the samples' order.
struct Statistics {
  std::vector<bool> done;  // per sample
  Histograms histograms;
  ChannelSums sums;                        // of the first `summed` samples
  std::map<std::string, uint64_t> values;  // behind each of the sums, per channel and sample
  size_t summed = 0;
  std::map<size_t, ChannelSums> pending;  // of samples whose predecessors are still under way

  size_t count() const;
  // Takes a sample's sums in, now or when its turn comes.
  void add(size_t sample, ChannelSums channel_sums);
  precision::ChannelMeans means() const;
};

// Bytes and back. Error(data_bad_value) when they are not statistics of the same samples and tensors as
// `expected`.
std::vector<std::byte> encode(const Statistics& statistics);
Statistics decode(std::span<const std::byte> bytes, const Statistics& expected);

}  // namespace openhb::compiler
