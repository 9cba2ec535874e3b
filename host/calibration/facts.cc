// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/facts.h"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace openhb::calibration {
namespace {

// `plane` values of one channel stand together (NCHW), or the channels of a pixel do.
void channel_means(std::span<const float> values, bool nhwc, std::array<double, 3>& means) {
  const size_t plane = values.size() / 3;
  for (size_t c = 0; c < 3; ++c) {
    double sum = 0;
    for (size_t p = 0; p < plane; ++p) sum += static_cast<double>(values[nhwc ? p * 3 + c : c * plane + p]);
    means[c] = sum / static_cast<double>(plane);
  }
}

}  // namespace

Facts facts_of(const Dataset& dataset, const config::InputConfig& input, size_t sample, size_t index) {
  Facts facts;
  try {
    Dataset::Raw raw = dataset.read(sample, index);
    dataset.keep(sample, index, raw);
    const auto bytes = raw.values.bytes();
    const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
    facts.hash = {hash.low64, hash.high64};
    facts.width = raw.width, facts.height = raw.height;
    const DType dtype = raw.values.dtype();
    facts.integers = dtype != DType::f32 && dtype != DType::f64 && dtype != DType::f16;
    const Tensor tensor = as_float32(std::move(raw.values), dataset.path(sample, index));
    const auto values = tensor.data<float>();
    if (values.empty()) return facts;
    const auto [low, high] = std::ranges::minmax_element(values);
    facts.min = static_cast<double>(*low), facts.max = static_cast<double>(*high);
    double sum = 0;
    for (const float v : values) sum += static_cast<double>(v);
    facts.mean = sum / static_cast<double>(values.size());
    const Shape& shape = tensor.shape();
    if (input.kind_train != InputKind::featuremap && shape.size() == 4 &&
        shape[input.nhwc_train ? 3 : 1] == 3)
      channel_means(values, input.nhwc_train, facts.channel_means);
  } catch (const Error& e) {
    facts.error = e;
  }
  return facts;
}

}  // namespace openhb::calibration
