// SPDX-License-Identifier: Apache-2.0
#include "host/verify/stages/facts.h"

#include <algorithm>
#include <cmath>

#include "host/compiler/lowering.h"
#include "host/quantize/file_params.h"
#include "host/quantize/weights.h"

namespace openhb::verify {
namespace {

struct Channels {
  size_t count = 1, inner = 1;
  explicit Channels(const Shape& shape) {
    if (shape.size() < 2) return;
    count = static_cast<size_t>(std::max<int64_t>(shape[1], 1));
    inner = static_cast<size_t>(dense_strides(shape)[1]);
  }
  size_t of(size_t i) const { return i / inner % count; }
};

}  // namespace

CodeFacts code_facts(std::span<const float> values, const graph::Value& value) {
  CodeFacts f;
  const auto scale = static_cast<double>(value.quant->scale());
  const int zero = value.quant->zero_point();
  const auto [least, most] = compiler::code_range(value.codes);
  f.codes = value.codes == DType::i16 ? 65536 : 256;
  f.lo = static_cast<float>((static_cast<double>(least) - zero) * scale);
  f.hi = static_cast<float>((static_cast<double>(most) - zero) * scale);
  std::vector<float> finite;
  finite.reserve(values.size());
  const Channels channels(value.shape);
  std::vector<float> widest(channels.count);
  double energy = 0, sum = 0, clip = 0, round = 0;
  size_t outside = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto x = static_cast<double>(values[i]);
    if (!std::isfinite(x)) continue;
    finite.push_back(values[i]);
    energy += x * x, sum += x;
    // Half a step beyond the last code rounds to it.
    const double code = std::nearbyint(x / scale) + zero;
    const bool is_outside = code < static_cast<double>(least) || code > static_cast<double>(most);
    const double y = (std::clamp(code, static_cast<double>(least), static_cast<double>(most)) - zero) * scale;
    (is_outside ? clip : round) += (x - y) * (x - y);
    outside += is_outside;
    widest[channels.of(i)] = std::max(widest[channels.of(i)], std::fabs(values[i]));
  }
  if (finite.empty()) return f;
  const auto n = static_cast<double>(finite.size());
  f.clipped = static_cast<double>(outside) / n;
  if (energy > 0) f.clip_noise = clip / energy, f.round_noise = round / energy;
  f.deviation = std::sqrt(std::max(energy / n - sum / n * sum / n, 0.0)) / scale;
  const auto [a, b] = std::ranges::minmax_element(finite);
  f.least = *a, f.most = *b;
  const auto cut = static_cast<std::ptrdiff_t>(n * 0.0005);
  std::ranges::nth_element(finite, finite.begin() + cut);
  f.core_lo = finite[static_cast<size_t>(cut)];
  std::ranges::nth_element(finite, finite.end() - 1 - cut);
  f.core_hi = *(finite.end() - 1 - cut);
  f.channel_count = channels.count;
  if (channels.count > 1) {
    const float all = *std::ranges::max_element(widest);
    std::ranges::nth_element(widest, widest.begin() + std::ssize(widest) / 2);
    if (all > 0) f.channels = static_cast<double>(widest[widest.size() / 2] / all);
  }
  return f;
}

WeightFacts weight_facts(const graph::Node& node, int axis) {
  const graph::Value& w = *node.input(1);
  const Tensor* bias = node.input(2) ? node.input(2)->constant.get() : nullptr;
  const auto integer = quantize::quantize_weights(*w.constant, axis, bias,
                                                  node.input(0)->quant ? node.input(0)->quant->scale() : 1.0f,
                                                  node.input(0)->codes, w.quant ? &*w.quant : nullptr);
  const auto values = w.constant->data<float>();
  std::vector<double> energy(integer.scales.size()), error(integer.scales.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = quantize::channel_of(w.shape, static_cast<size_t>(axis), i);
    const auto x = static_cast<double>(values[i]);
    const double d = x - static_cast<double>(integer.codes[i]) * static_cast<double>(integer.scales[c]);
    energy[c] += x * x, error[c] += d * d;
  }
  WeightFacts f;
  double all = 0, lost = 0;
  for (size_t c = 0; c < energy.size(); ++c) {
    all += energy[c], lost += error[c];
    if (energy[c] > 0 && error[c] / energy[c] > f.worst_noise)
      f.worst_noise = error[c] / energy[c], f.worst_channel = c;
  }
  if (all > 0) f.noise = lost / all;
  return f;
}

double shift_share(std::span<const float> a, std::span<const float> b, const Shape& shape) {
  const Channels channels(shape);
  std::vector<double> shift(channels.count);
  std::vector<size_t> n(channels.count);
  double energy = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    if (!std::isfinite(d)) continue;
    const size_t c = channels.of(i);
    shift[c] += d, ++n[c], energy += d * d;
  }
  if (energy == 0) return 0;
  double shifted = 0;
  for (size_t c = 0; c < shift.size(); ++c)
    if (n[c] > 1) shifted += shift[c] * shift[c] / static_cast<double>(n[c]);
  return shifted / energy;
}

}  // namespace openhb::verify
