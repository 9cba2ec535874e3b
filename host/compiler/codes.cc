// SPDX-License-Identifier: Apache-2.0
// Codes and tables made at compile time, with the arithmetic of the Quantize and Lut steps
// (docs/numerics.md).
#include <algorithm>
#include <cmath>

#include "host/compiler/lowering.h"

namespace openhb::compiler {

QuantParams constant_quant(const Tensor& tensor) {
  float lo = 0, hi = 0;
  for (float v : tensor.data<float>()) lo = std::min(lo, v), hi = std::max(hi, v);
  if (lo == hi) return {{1.0f}, {0}, -1};
  const float scale = std::max((hi - lo) / 255.0f, 1e-30f);
  const auto zero = static_cast<int32_t>(std::clamp(std::nearbyint(-128.0f - lo / scale), -128.0f, 127.0f));
  return {{scale}, {zero}, -1};
}

std::vector<int8_t> quantize_codes(std::span<const float> values, const QuantParams& quant) {
  std::vector<int8_t> codes;
  codes.reserve(values.size());
  for (float v : values) {
    const float scaled = std::nearbyint(v / quant.scale());
    const float code = std::isnan(scaled) ? -128.0f : scaled + static_cast<float>(quant.zero_point());
    codes.push_back(static_cast<int8_t>(std::clamp(code, -128.0f, 127.0f)));
  }
  return codes;
}

QuantParams constant_quant_int16(const Tensor& tensor) {
  float most = 0;
  for (float v : tensor.data<float>()) most = std::max(most, std::fabs(v));
  return {{most > 0 ? std::max(most / 32767.0f, 1e-30f) : 1.0f}, {0}, -1};
}

std::vector<int16_t> quantize_codes_int16(std::span<const float> values, const QuantParams& quant) {
  std::vector<int16_t> codes;
  codes.reserve(values.size());
  for (float v : values) {
    const float code = std::nearbyint(v / quant.scale());
    codes.push_back(
        static_cast<int16_t>(std::isnan(code) ? -32768.0f : std::clamp(code, -32768.0f, 32767.0f)));
  }
  return codes;
}

std::pair<float, float> code_range(DType codes) {
  if (codes == DType::i16) return {-32768.0f, 32767.0f};
  return {-128.0f, 127.0f};
}

std::vector<int32_t> interpolation_table(const std::function<double(double)>& g, float from,
                                         const QuantParams& to, DType codes) {
  // The codes that g asks for, not yet rounded; one position behind the last code is a knot, too.
  std::vector<double> exact;
  for (int q = -32768; q <= 32768; ++q) {
    const float x = static_cast<float>(q) * from;
    exact.push_back(g(static_cast<double>(x)) / static_cast<double>(to.scale()) + to.zero_point());
  }
  const auto [low, high] = code_range(codes);
  const auto least = static_cast<double>(low), most = static_cast<double>(high);
  std::vector<int32_t> table;
  for (int bits = kLutLeastBits;; ++bits) {
    const int shift = 16 - bits, step = 1 << shift;
    table.clear();
    for (size_t i = 0; i < exact.size(); i += static_cast<size_t>(step)) {
      const double v = std::nearbyint(exact[i] * kLutOne);
      table.push_back(std::isnan(v) ? -kLutLargest
                                    : static_cast<int32_t>(std::clamp<double>(v, -kLutLargest, kLutLargest)));
    }
    if (bits == 16) return table;
    const auto off = [&](size_t q) {
      const double wanted = std::isnan(exact[q]) ? least : std::clamp(std::nearbyint(exact[q]), least, most);
      const auto r = static_cast<int32_t>(q) & (step - 1);
      const size_t k = q >> shift;
      const int32_t code =
          (table[k] * (step - r) + table[k + 1] * r + (kLutOne / 2 << shift)) >> (kLutFraction + shift);
      return std::fabs(std::clamp<double>(code, least, most) - wanted) > 1;
    };
    bool close = true;
    for (size_t q = 0; close && q < 65536; ++q) close = !off(q);
    if (close) return table;
  }
}

Table requantize_table(const QuantParams& from, const QuantParams& to) {
  std::array<float, 256> real{};
  for (int q = -128; q < 128; ++q)
    real[static_cast<size_t>(q + 128)] = static_cast<float>(q - from.zero_point()) * from.scale();
  const auto codes = quantize_codes(real, to);
  Table table{};
  std::copy(codes.begin(), codes.end(), table.begin());
  return table;
}

}  // namespace openhb::compiler
