// SPDX-License-Identifier: Apache-2.0
#include "host/graph/narrow.h"

#include <cmath>
#include <limits>

namespace openhb::graph {

float decode(const NarrowType& t, uint8_t code) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  if (t.onnx == kFloat8E8M0) return code == 255 ? kNan : std::ldexp(1.0f, code - t.bias);
  const int sign_bit = t.bits - 1, exponent_bits = sign_bit - t.mantissa;
  const bool negative = (code >> sign_bit & 1) != 0;
  const int exponent = code >> t.mantissa & ((1 << exponent_bits) - 1),
            fraction = code & ((1 << t.mantissa) - 1);
  const bool top = exponent == (1 << exponent_bits) - 1;
  if (t.unsigned_zero && negative && exponent == 0 && fraction == 0) return kNan;
  if (t.infinity && top) {
    if (fraction != 0) return kNan;
    return negative ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
  }
  if (t.nan && !t.unsigned_zero && !t.infinity && top && fraction == (1 << t.mantissa) - 1) return kNan;
  const int units = exponent == 0 ? fraction : fraction + (1 << t.mantissa);
  const float magnitude =
      std::ldexp(static_cast<float>(units), (exponent == 0 ? 1 : exponent) - t.bias - t.mantissa);
  return negative ? -magnitude : magnitude;
}

}  // namespace openhb::graph
