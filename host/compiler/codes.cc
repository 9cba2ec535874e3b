// SPDX-License-Identifier: Apache-2.0
// int8 codes made at compile time, with the arithmetic of the Quantize and Lut steps (docs/numerics.md).
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
