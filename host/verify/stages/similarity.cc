// SPDX-License-Identifier: Apache-2.0
#include "host/verify/stages/similarity.h"

#include <algorithm>
#include <cmath>

namespace openhb::verify {
namespace {

template <class T>
void dequantize(const DumpedTensor& t, std::vector<float>& out) {
  const auto codes = t.values.data<T>();
  const QuantParams& q = t.quant;
  const auto axis = static_cast<size_t>(std::max(q.axis, 0));
  const bool many = q.scales.size() > 1;
  const size_t inner = many ? static_cast<size_t>(dense_strides(t.values.shape())[axis]) : 1;
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t c = many ? i / inner % q.scales.size() : 0;
    out[i] = static_cast<float>((static_cast<double>(codes[i]) - q.zero_points[c]) *
                                static_cast<double>(q.scales[c]));
  }
}

}  // namespace

double Similarity::relative_l2() const { return std::sqrt(noise); }

Similarity similarity(std::span<const float> a, std::span<const float> reference) {
  double ab = 0, aa = 0, bb = 0, dd = 0;
  bool broken = a.size() != reference.size();
  for (size_t i = 0; i < std::min(a.size(), reference.size()); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(reference[i]);
    if (!std::isfinite(x) || !std::isfinite(y)) {
      broken = broken || std::isfinite(x) != std::isfinite(y);
      continue;
    }
    ab += x * y, aa += x * x, bb += y * y, dd += (x - y) * (x - y);
  }
  if (broken) return {0, kMostNoise, bb};
  Similarity s;
  s.energy = bb;
  if (aa == 0 || bb == 0)
    s.cosine = aa == bb ? 1 : 0;
  else if (dd > 0)
    s.cosine = std::clamp(ab / std::sqrt(aa) / std::sqrt(bb), -1.0, 1.0);
  if (dd > 0) s.noise = bb > 0 ? std::min(dd / bb, kMostNoise) : kMostNoise;
  return s;
}

std::optional<std::vector<float>> real_values(const DumpedTensor& t) {
  std::vector<float> out(t.values.size());
  const DType dtype = t.values.dtype();
  if (dtype == DType::f32) {
    const auto values = t.values.data<float>();
    out.assign(values.begin(), values.end());
    return out;
  }
  if (t.quant.empty() || t.quant.zero_points.size() != t.quant.scales.size()) return std::nullopt;
  switch (dtype) {
    case DType::i8:
      dequantize<int8_t>(t, out);
      return out;
    case DType::u8:
      dequantize<uint8_t>(t, out);
      return out;
    case DType::i16:
      dequantize<int16_t>(t, out);
      return out;
    case DType::i32:
      dequantize<int32_t>(t, out);
      return out;
    default:
      return std::nullopt;
  }
}

}  // namespace openhb::verify
