// SPDX-License-Identifier: Apache-2.0
#include "host/ops/narrow.h"

#include <cmath>
#include <limits>

#include "host/ops/expand.h"

namespace openhb::ops {
namespace {

using graph::NarrowType;

constexpr int64_t kOnnxFloat = 1, kOnnxInt32 = 6;
constexpr int kMantissa = 23;  // of float32

Value* whole(Rewriter& r, int32_t v) { return r.constant(Tensor::from<int32_t>({}, std::span(&v, 1))); }
Value* bits_of(Rewriter& r, Value* x) { return r.node("BitCast", {x}, {{"to", kOnnxInt32}}); }
Value* float_of(Rewriter& r, Value* bits) { return r.node("BitCast", {bits}, {{"to", kOnnxFloat}}); }

// The significand of normal numbers rounded to `mantissa` bits, ties to even: a carry runs into the exponent.
Value* round_significand(Rewriter& r, Value* x, int mantissa) {
  const int32_t unit = int32_t{1} << (kMantissa - mantissa);
  Value* bits = bits_of(r, x);
  Value* odd = expand::div(r, r.node("BitwiseAnd", {bits, whole(r, unit)}), whole(r, unit));
  Value* moved = expand::add(r, expand::add(r, bits, whole(r, unit / 2 - 1)), odd);
  return float_of(r, r.node("BitwiseAnd", {moved, whole(r, -unit)}));
}

Value* round_float(Rewriter& r, Value* x, const NarrowType& t, bool saturate) {
  const float least_normal = std::ldexp(1.0f, 1 - t.bias), step = std::ldexp(least_normal, -t.mantissa);
  Value* small = expand::mul(r, r.node("Round", {expand::div(r, x, r.scalar(step))}), r.scalar(step));
  Value* is_small = r.node("Less", {r.node("Abs", {x}), r.scalar(least_normal)});
  Value* y = r.node("Where", {is_small, small, round_significand(r, x, t.mantissa)});
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(),
                  kInfinity = std::numeric_limits<float>::infinity();
  if (saturate || !t.nan) {
    y = r.node("Clip", {y, r.scalar(t.lo), r.scalar(t.hi)});
  } else {
    const float over = t.infinity ? kInfinity : kNan;
    y = r.node("Where", {r.node("Greater", {y, r.scalar(t.hi)}), r.scalar(over), y});
    y = r.node("Where", {r.node("Less", {y, r.scalar(t.lo)}), r.scalar(-over), y});
  }
  if (t.unsigned_zero) y = expand::add(r, y, r.scalar(0));
  return r.node("Where", {r.node("IsNaN", {x}), r.scalar(t.nan ? kNan : t.hi), y});
}

// float8e8m0: the exponent of positive numbers.
Value* round_power(Rewriter& r, Value* x, const NarrowType& t, bool saturate, std::string_view mode) {
  const Node& node = r.node();
  int32_t added = 0;
  if (mode == "up")
    added = 0x7fffff;
  else if (mode == "nearest")
    added = 0x400000;
  else
    expand::require_attribute(
        node, mode == "down",
        fmt::format("attribute 'round_mode' is '{}', expected up, down or nearest", mode));
  Value* bits = expand::add(r, bits_of(r, x), whole(r, added));
  Value* y = float_of(r, r.node("BitwiseAnd", {bits, whole(r, 0x7f800000)}));
  const float kNan = std::numeric_limits<float>::quiet_NaN();
  Value* beyond = r.node("Greater", {y, r.scalar(t.hi)});
  y = r.node("Where", {beyond, r.scalar(saturate ? t.hi : kNan), y});
  y = r.node("Max", {y, r.scalar(t.lo)});
  Value* wrong = r.node("Not", {r.node("GreaterOrEqual", {x, r.scalar(0)})});  // negative or NaN
  return r.node("Where", {wrong, r.scalar(kNan), y});
}

}  // namespace

Value* cast_to_narrow(Rewriter& r, Value* x, const NarrowType& t, bool saturate,
                      std::string_view round_mode) {
  if (t.is_float()) {
    x = expand::cast(r, x, DType::f32);
    return t.onnx == graph::kFloat8E8M0 ? round_power(r, x, t, saturate, round_mode)
                                        : round_float(r, x, t, saturate);
  }
  if (x->dtype == DType::f32)
    return expand::cast(r, r.node("Clip", {x, r.scalar(t.lo), r.scalar(t.hi)}), t.held_as);
  Value* low = r.node("BitwiseAnd", {expand::cast(r, x, DType::i32), whole(r, (1 << t.bits) - 1)});
  if (t.lo < 0) {
    Value* sign = whole(r, 1 << (t.bits - 1));
    low = expand::sub(r, r.node("BitwiseXor", {low, sign}), sign);
  }
  return expand::cast(r, low, t.held_as);
}

}  // namespace openhb::ops
