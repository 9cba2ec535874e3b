// SPDX-License-Identifier: Apache-2.0
#include "host/quantize/weights.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace openhb::quantize {
namespace {

// Calls f(channel, first element, number of elements) for every run of elements of one channel.
template <class F>
void for_each_run(const Shape& shape, int axis, F f) {
  const auto a = static_cast<size_t>(axis);
  const auto channels = static_cast<size_t>(shape[a]);
  const auto inner = static_cast<size_t>(num_elements(Shape(shape.begin() + axis + 1, shape.end())));
  const auto total = static_cast<size_t>(num_elements(shape));
  for (size_t first = 0; first < total;)
    for (size_t c = 0; c < channels; ++c, first += inner) f(c, first, inner);
}

// Rounds to the nearest whole number, ties to even, as nearbyint does; for |x| < 2^22, and without a call.
float round_small(float x) {
  constexpr float kShift = 0x1.8p23f;
  return (x + kShift) - kShift;
}

}  // namespace

IntegerWeights quantize_weights(const Tensor& weights, int axis, const Tensor* bias, float input_scale,
                                DType codes, const QuantParams* given) {
  const auto channels = static_cast<size_t>(weights.shape()[static_cast<size_t>(axis)]);
  const auto w = weights.data<float>();
  std::vector<float> largest(channels, 0.0f);
  for_each_run(weights.shape(), axis, [&](size_t c, size_t first, size_t n) {
    float most = largest[c];
    for (size_t i = first; i < first + n; ++i) most = std::max(most, std::fabs(w[i]));
    largest[c] = most;
  });

  // A channel of zeros takes the layer's median scale, so that its bias stays representable.
  std::vector<float> sorted;
  for (float m : largest)
    if (m > 0) sorted.push_back(m);
  std::sort(sorted.begin(), sorted.end());
  const float typical = sorted.empty() ? 1.0f : sorted[sorted.size() / 2];

  IntegerWeights result;
  result.codes.resize(w.size());
  result.scales.resize(channels);
  result.bias.resize(channels, 0);
  const bool wide = codes == DType::i16;
  if (wide) result.wide_bias.resize(channels, 0);
  const float bias_limit = wide ? 0x1p51f : 0x1p30f;
  for (size_t c = 0; c < channels; ++c) {
    float scale = (largest[c] > 0 ? largest[c] : typical) / 127.0f;
    scale = std::max(scale, 1e-30f);
    const bool known =
        given && std::ranges::all_of(given->zero_points, [](int32_t z) { return z == 0; }) &&
        (given->scales.size() == 1 || (given->axis == axis && given->scales.size() == channels));
    if (known) {
      scale = given->scales[given->scales.size() == 1 ? 0 : c];
    } else if (bias) {
      const float b = std::fabs(bias->data<float>()[c]);
      if (b > scale * input_scale * bias_limit) scale = b / (input_scale * bias_limit) * 1.0001f;
    }
    result.scales[c] = scale;
    if (bias && wide)
      result.wide_bias[c] = static_cast<int64_t>(
          std::nearbyint(static_cast<double>(bias->data<float>()[c]) /
                         (static_cast<double>(input_scale) * static_cast<double>(scale))));
    else if (bias)
      result.bias[c] = static_cast<int32_t>(  // given scales: the accumulator's check refuses such a bias
          std::clamp(std::nearbyint(bias->data<float>()[c] / (input_scale * scale)), -0x1.fffffep30f,
                     0x1.fffffep30f));
  }
  for_each_run(weights.shape(), axis, [&](size_t c, size_t first, size_t n) {
    const float scale = result.scales[c];
    for (size_t i = first; i < first + n; ++i)
      result.codes[i] = static_cast<int8_t>(round_small(std::clamp(w[i] / scale, -127.0f, 127.0f)));
  });
  return result;
}

bool accumulator_fits(const IntegerWeights& weights, const Shape& shape, int axis, int32_t input_zero_point,
                      DType codes) {
  std::vector<int64_t> sum(weights.scales.size(), 0), absolute(weights.scales.size(), 0);
  for_each_run(shape, axis, [&](size_t c, size_t first, size_t n) {
    for (size_t i = first; i < first + n; ++i) {
      sum[c] += weights.codes[i];
      absolute[c] += std::abs(weights.codes[i]);
    }
  });
  if (codes == DType::i16) {
    for (size_t c = 0; c < sum.size(); ++c)
      if (absolute[c] >= (int64_t{1} << 37) ||
          absolute[c] * 32768 + std::llabs(weights.wide_bias[c]) >= (int64_t{1} << 53))
        return false;
    return true;
  }
  for (size_t c = 0; c < sum.size(); ++c) {
    const int64_t folded = weights.bias[c] - input_zero_point * sum[c];
    if (absolute[c] * 255 + std::llabs(folded) >= (int64_t{1} << 31)) return false;
  }
  return true;
}

}  // namespace openhb::quantize
