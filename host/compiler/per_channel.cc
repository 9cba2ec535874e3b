// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/per_channel.h"

#include <algorithm>
#include <cmath>

#include "host/precision/channel_ranges.h"

namespace openhb::compiler {
namespace {

constexpr size_t kSamples = 16;

// Largest magnitude of each channel (logical axis 1) into `ranges`, which has one entry per channel.
void widen(const TensorDesc& desc, const std::byte* data, std::vector<float>& ranges) {
  const std::vector<float> values = real_values(desc, data);
  const auto inner = static_cast<size_t>(dense_strides(desc.logical_shape())[1]);
  for (size_t i = 0; i < values.size(); ++i) {
    float& range = ranges[i / inner % ranges.size()];
    if (std::isfinite(values[i])) range = std::max(range, std::fabs(values[i]));
  }
}

}  // namespace

void apply_per_channel(Conversion& c, const SampleReader& samples) {
  using config::CalibrationType;
  if (c.config.calibration == CalibrationType::automatic || c.config.calibration == CalibrationType::mix) {
    c.reporter.warn("per_channel has no effect with calibration_type default and mix");
    return;
  }
  precision::ChannelRanges ranges;
  for (const graph::Value* v : precision::values_with_channels(c.graph))
    ranges[v->name].resize(static_cast<size_t>(v->shape[1]), 0.0f);
  if (!ranges.empty()) {
    GraphRunner runner(c.graph, {}, c.threads);
    for (size_t s = 0; s < std::min(samples.size(), kSamples); ++s)
      runner.run(samples.floats(s), [&](const TensorDesc& desc, const std::byte* data) {
        if (const auto it = ranges.find(desc.name); it != ranges.end()) widen(desc, data, it->second);
      });
  }
  const size_t changed = precision::widen_channels(c.graph, ranges);
  c.reporter.info(fmt::format(
      "Perchannel quantization is enabled: {} of {} tensors that allow it got channels of their own range.",
      changed, ranges.size()));
}

}  // namespace openhb::compiler
