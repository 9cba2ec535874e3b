// SPDX-License-Identifier: Apache-2.0
// Conv and Depthwise with int16 activations, and with int8 activations and int16 outputs.
#include <algorithm>

#include "device/kernels/conv/conv.h"
#include "device/kernels/conv/pack.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

size_t index(int64_t i) { return static_cast<size_t>(i); }

struct Spec {
  DType from, to;
  Shape x, y;            // N, H, W, C
  int64_t groups, taps;  // groups == channels: Depthwise, when asked for
  std::array<int32_t, 2> kernel, stride, dilation;
  std::array<int32_t, 4> pads;
  bool extreme;  // codes at the ends of the range
};

Spec random_spec(bool depthwise) {
  Spec s{};
  constexpr std::pair<DType, DType> kTypes[] = {
      {DType::i16, DType::i16}, {DType::i16, DType::i8}, {DType::i16, DType::f32}, {DType::i8, DType::i16}};
  std::tie(s.from, s.to) = kTypes[random_int(0, 3)];
  s.groups = chance(60) ? 1 : random_int(1, 4);
  int64_t inputs = s.groups * random_int(1, chance(20) ? 90 : 12);
  int64_t outputs = s.groups * random_int(1, chance(30) ? 40 : 12);
  if (depthwise) inputs = outputs = s.groups = chance(30) ? random_int(1, 120) : random_int(1, 40);
  s.x = {random_int(1, 2), 0, 0, inputs};
  s.y = {s.x[0], 0, 0, outputs};
  const bool pointwise = chance(25);
  for (size_t i = 0; i < 2; ++i) {
    s.kernel[i] = static_cast<int32_t>(pointwise ? 1 : random_int(1, depthwise && chance(20) ? 7 : 4));
    s.stride[i] = static_cast<int32_t>(random_int(1, pointwise ? 1 : 2));
    s.dilation[i] = static_cast<int32_t>(random_int(1, 2));
    if (chance(50)) s.pads[i] = static_cast<int32_t>(random_int(0, 2)), s.pads[i + 2] = s.pads[i];
    const int64_t span = int64_t{s.kernel[i] - 1} * s.dilation[i] + 1;
    s.x[i + 1] = std::max<int64_t>(1, span - 2 * s.pads[i]) + random_int(0, 8);
    if (depthwise && i == 1 && chance(20))
      s.x[2] += random_int(0, 150);  // longer than what is gathered at once
    s.y[i + 1] = (s.x[i + 1] + s.pads[i] + s.pads[i + 2] - span) / s.stride[i] + 1;
  }
  s.taps = int64_t{s.kernel[0]} * s.kernel[1];
  s.extreme = chance(30);
  return s;
}

// The sum for every output as exact integers; codes are those of x minus the zero point.
std::vector<int64_t> sums(const Spec& s, const std::vector<int64_t>& x, const std::vector<int8_t>& w,
                          const std::vector<int64_t>& bias) {
  std::vector<int64_t> result;
  const int64_t cg = s.x[3] / s.groups, og = s.y[3] / s.groups;
  for_each_index(s.y, [&](const Shape& at) {
    int64_t sum = bias[index(at[3])];
    for (int64_t i = 0; i < s.kernel[0]; ++i)
      for (int64_t j = 0; j < s.kernel[1]; ++j) {
        const int64_t h = at[1] * s.stride[0] - s.pads[0] + i * s.dilation[0];
        const int64_t v = at[2] * s.stride[1] - s.pads[1] + j * s.dilation[1];
        if (h < 0 || h >= s.x[1] || v < 0 || v >= s.x[2]) continue;
        for (int64_t c = 0; c < cg; ++c)
          sum += x[flat(s.x, {at[0], h, v, at[3] / og * cg + c})] *
                 w[index(((at[3] * cg + c) * s.kernel[0] + i) * s.kernel[1] + j)];
      }
    result.push_back(sum);
  });
  return result;
}

template <class P>
void check(const Spec& s, bool depthwise) {
  StepCase<P> c;
  c.limit_parts = true;
  const bool wide = s.from == DType::i16;
  const int64_t outputs = s.y[3], cg = s.x[3] / s.groups, each = cg * s.taps;
  const QuantParams qx = wide ? QuantParams{{0.01f}, {0}, -1} : random_quant();
  const QuantParams qy = s.to == DType::f32   ? QuantParams{}
                         : s.to == DType::i16 ? QuantParams{{0.02f}, {0}, -1}
                                              : random_quant();
  Tensor x = random_tensor(s.from, s.x);
  std::vector<int64_t> codes;
  for (size_t i = 0; i < x.size(); ++i) {
    if (wide && s.extreme) x.data<int16_t>()[i] = chance(80) ? int16_t{-32768} : int16_t{32767};
    codes.push_back(wide ? x.data<int16_t>()[i] : x.data<int8_t>()[i] - qx.zero_point());
  }
  std::vector<int8_t> w(index(outputs * each));
  for (int8_t& v : w) v = static_cast<int8_t>(s.extreme ? -128 : random_int(-128, 127));
  const int64_t most = wide ? int64_t{1} << random_int(1, 54) : 1000000;
  std::vector<int64_t> bias;
  for (int64_t o = 0; o < outputs; ++o) bias.push_back(chance(50) ? 0 : random_int(-most, most));
  const std::vector<int64_t> acc = sums(s, codes, w, bias);
  // Multipliers that bring the sums into the range of the output, and powers of two for ties.
  int64_t largest = 1;
  for (int64_t a : acc) largest = std::max(largest, std::abs(a));
  const double range = (s.to == DType::i8 ? 128.0 : 32768.0) * (chance(50) ? 1.0 : 3.0);
  const double typical = range / static_cast<double>(largest);
  std::vector<double> multiplier;
  for (int64_t o = 0; o < outputs; ++o)
    multiplier.push_back(chance(50) ? std::exp2(std::round(std::log2(typical)))
                                    : typical * static_cast<double>(random_float(0.3f, 1.0f)));
  if (chance(10)) multiplier[0] = chance(50) ? std::nan("") : INFINITY;

  P& p = c.params;
  p.kernel = s.kernel, p.stride = s.stride, p.dilation = s.dilation, p.pads = s.pads;
  const double low = s.to == DType::i8 ? -128 : -32768, high = s.to == DType::i8 ? 127 : 32767;
  const bool bounded = chance(50);
  p.lo = static_cast<float>(bounded ? std::round(low * 0.1) : low);
  p.hi = static_cast<float>(bounded ? std::round(high * 0.7) : high);
  const int64_t blocks = (outputs / s.groups + 15) / 16;
  const int64_t entries = depthwise ? (outputs + 15) / 16 * 16 : s.groups * blocks * 16;
  c.input(x, qx, random_int(0, 5));
  if (depthwise) {
    c.constant(
        Tensor::from<int8_t>({s.taps, entries}, pack_depthwise_i8(w, outputs, s.kernel[0], s.kernel[1])));
  } else {
    c.constant(Tensor::from<int8_t>({s.groups, blocks, s.taps, (cg + 3) / 4, 16, 4},
                                    pack_conv_i8(w, outputs, cg, s.kernel[0], s.kernel[1], s.groups)));
    if constexpr (std::is_same_v<P, ConvParams>) p.groups = static_cast<int32_t>(s.groups);
  }
  const auto channels = [&]<class T>(const std::vector<T>& v) {
    c.constant(Tensor::from<T>({entries}, pack_channels<T>(v, outputs, depthwise ? 1 : s.groups)));
  };
  std::vector<float> narrow(multiplier.begin(), multiplier.end());
  if (wide) {
    channels(bias), channels(multiplier);
  } else {
    std::vector<int32_t> folded, sum128;
    for (int64_t o = 0; o < outputs; ++o) {
      int32_t sum = 0;
      for (int64_t i = 0; i < each; ++i) sum += w[index(o * each + i)];
      folded.push_back(static_cast<int32_t>(bias[index(o)]) - qx.zero_point() * sum);
      sum128.push_back(128 * sum);
    }
    channels(folded), channels(sum128), channels(narrow);
  }
  c.output(s.to, s.y, qy, random_int(0, 5));

  Tensor expected(s.to, s.y);
  for (size_t i = 0; i < acc.size(); ++i) {
    const size_t o = i % index(outputs);
    double v = static_cast<double>(acc[i]) * multiplier[o];
    if (!wide) {
      const float product = static_cast<float>(static_cast<int32_t>(acc[i])) * narrow[o];
      v = static_cast<double>(product);
    }
    if (s.to == DType::f32) {
      const auto real = static_cast<float>(v);
      expected.data<float>()[i] = real < p.lo ? p.lo : real > p.hi ? p.hi : real;
      continue;
    }
    const double code = std::isnan(v)
                            ? double{p.lo}
                            : std::clamp(std::nearbyint(v) + qy.zero_point(), double{p.lo}, double{p.hi});
    if (s.to == DType::i16)
      expected.data<int16_t>()[i] = static_cast<int16_t>(code);
    else
      expected.data<int8_t>()[i] = static_cast<int8_t>(code);
  }
  const std::string what =
      fmt::format("{} to {}, x {} y {} groups {} kernel {} {}", dtype_name(s.from), dtype_name(s.to),
                  to_string(s.x), to_string(s.y), s.groups, s.kernel[0], s.kernel[1]);
  const Tensor actual = c.run_everywhere();
  if (s.to == DType::f32)
    expect_same<float>(expected, actual, what);
  else if (s.to == DType::i16)
    expect_same<int16_t>(expected, actual, what);
  else
    expect_same<int8_t>(expected, actual, what);
}

TEST(ConvInt16, EqualsTheFormula) {
  for (int round = 0; round < 250 && !HasFailure(); ++round) check<ConvParams>(random_spec(false), false);
}

TEST(ConvInt16, DepthwiseEqualsTheFormula) {
  for (int round = 0; round < 250 && !HasFailure(); ++round) check<DepthwiseParams>(random_spec(true), true);
}

// Sums beyond what int32 lanes hold: all products at the ends of the range.
TEST(ConvInt16, LongSumsAreExact) {
  for (const int64_t inputs : {255, 256, 257, 1000, 5000}) {
    Spec s{DType::i16, DType::f32, {1, 3, 3, inputs}, {1, 1, 2, 5}, 1, 6, {3, 2}, {1, 1}, {1, 1}, {}, true};
    check<ConvParams>(s, false);
  }
  Spec s{DType::i16, DType::f32, {1, 40, 40, 3}, {1, 2, 1, 3}, 3,   39 * 40,
         {39, 40},   {1, 1},     {1, 1},         {},           true};
  check<DepthwiseParams>(s, true);
}

TEST(ConvInt16, LargeImagesSplit) {
  Spec s{DType::i16, DType::i16, {1, 24, 24, 16}, {1, 24, 24, 24}, 1,    9,
         {3, 3},     {1, 1},     {1, 1},          {1, 1, 1, 1},    false};
  check<ConvParams>(s, false);
  s = {DType::i8, DType::i16, {1, 24, 24, 16}, {1, 24, 24, 70}, 1,    9,
       {3, 3},    {1, 1},     {1, 1},          {1, 1, 1, 1},    false};
  check<ConvParams>(s, false);
}

}  // namespace
}  // namespace openhb::test
