// SPDX-License-Identifier: Apache-2.0
#include "host/verify/compare/difference.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace openhb::verify {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

using Floats = std::vector<float>;

Difference of(const Floats& a, const Floats& b, int digits = 5) { return difference(a, b, digits); }

template <class T>
Tensor tensor(const std::vector<T>& values) {
  return Tensor::from<T>({static_cast<int64_t>(values.size())}, std::span<const T>(values));
}

TEST(Difference, IsNothingForEqualVectors) {
  const Floats a{1.5f, -2.25f, 0, 1e30f, 1e-42f};
  const Difference d = of(a, a);
  EXPECT_EQ(d.total, 5u);
  EXPECT_EQ(d.mismatches(), 0u);
  EXPECT_EQ(d.cosine, 1);
  EXPECT_EQ(d.relative_l2, 0);
  EXPECT_EQ(d.mse, 0);
  EXPECT_EQ(d.max_abs, 0);
  EXPECT_EQ(d.max_relative, 0);
  EXPECT_TRUE(d.same_bits());
  EXPECT_EQ(d.first, -1);
  EXPECT_EQ(d.worst, -1);
  EXPECT_EQ(d.ulp[0], 5u);
}

TEST(Difference, OfThreeNumbersByHand) {
  // d = (0, 3, -4); |a|^2 = 9 + 25 = 34, |b|^2 = 9 + 4 + 16 = 29, a . b = 9 + 10 = 19
  const Difference d = of({3, 5, 0}, {3, 2, 4});
  EXPECT_DOUBLE_EQ(d.cosine, 19 / std::sqrt(34.0 * 29.0));
  EXPECT_DOUBLE_EQ(d.relative_l2, 5 / std::sqrt(29.0));
  EXPECT_DOUBLE_EQ(d.mse, 25.0 / 3);
  EXPECT_EQ(d.max_abs, 4);
  EXPECT_EQ(d.max_relative, 1);  // 4 against 0
  EXPECT_EQ(d.line_diff, 2u);
  EXPECT_DOUBLE_EQ(d.mismatch_rate(), 2.0 / 3);
  EXPECT_EQ(d.bits_differ, 2u);
  EXPECT_EQ(d.first, 1);
  EXPECT_EQ(d.first_a, 5);
  EXPECT_EQ(d.first_b, 2);
  EXPECT_EQ(d.worst, 2);
}

TEST(Difference, OppositeAndOrthogonalVectors) {
  EXPECT_EQ(of({1, -2}, {-1, 2}).cosine, -1);
  EXPECT_EQ(of({1, -2}, {-1, 2}).max_relative, 2);
  EXPECT_EQ(of({1, 0}, {0, 1}).cosine, 0);
}

TEST(Difference, OfZeroVectors) {
  EXPECT_EQ(of({0, 0}, {0, 0}).cosine, 1);
  EXPECT_EQ(of({0, 0}, {0, 0}).relative_l2, 0);
  EXPECT_EQ(of({0, 0}, {0, 2}).cosine, 0);
  EXPECT_EQ(of({0, 0}, {0, 2}).relative_l2, 1);
  EXPECT_EQ(of({0, 2}, {0, 0}).cosine, 0);
  EXPECT_EQ(of({0, 2}, {0, 0}).relative_l2, std::numeric_limits<double>::infinity());
}

TEST(Difference, OfNothing) {
  const Difference d = of({}, {});
  EXPECT_EQ(d.total, 0u);
  EXPECT_EQ(d.cosine, 1);
  EXPECT_EQ(d.mismatch_rate(), 0);
  EXPECT_TRUE(d.same_bits());
}

TEST(Difference, DigitsAreDecimalPlaces) {
  // 2^-7 = 0.0078125 and 2^-10 = 0.0009765625 exactly.
  const Floats a{1 + 0x1p-7f, 1 + 0x1p-10f}, b{1, 1};
  EXPECT_EQ(of(a, b, 1).line_diff, 0u);
  EXPECT_EQ(of(a, b, 2).line_diff, 0u);
  EXPECT_EQ(of(a, b, 3).line_diff, 1u);
  EXPECT_EQ(of(a, b, 4).line_diff, 2u);
  EXPECT_EQ(of({2}, {1}, 0).line_diff, 0u);  // more than 10^0 is needed
  EXPECT_EQ(of({2.5f}, {1}, 0).line_diff, 1u);
}

TEST(Difference, SignOfZeroIsABitOnly) {
  const Difference d = of({0.0f, 1}, {-0.0f, 1});
  EXPECT_EQ(d.mismatches(), 0u);
  EXPECT_EQ(d.bits_differ, 1u);
  EXPECT_EQ(d.first, 0);
  EXPECT_FALSE(d.same_bits());
  EXPECT_EQ(d.ulp[0], 1u);
  EXPECT_EQ(d.ulp[1], 1u);
  EXPECT_EQ(d.worst, -1);
}

TEST(Difference, NanAndInfinity) {
  //             same  same   one side  other sign  one side  one side
  const Floats a{kNan, kInf, kNan, kInf, 3, 4, 5};
  const Floats b{kNan, kInf, 1, -kInf, -kInf, kNan, 7};
  const Difference d = of(a, b);
  EXPECT_EQ(d.line_nan, 4u);
  EXPECT_EQ(d.line_diff, 1u);
  EXPECT_EQ(d.max_abs, 2);
  EXPECT_EQ(d.worst, 6);
  EXPECT_EQ(d.mse, 4) << "of the one pair of numbers";
  EXPECT_EQ(d.cosine, 1);
  EXPECT_EQ(d.bits_differ, 5u);
  EXPECT_EQ(d.first, 2);
  EXPECT_TRUE(std::isnan(d.first_a));
  EXPECT_EQ(d.ulp[0], 2u);
  EXPECT_EQ(d.ulp[kUlpBins - 1], 2u) << "NaN against 1 and against 4";
  EXPECT_EQ(std::accumulate(d.ulp.begin(), d.ulp.end(), uint64_t{0}), 7u);
}

// Processors make different ones: 0 / 0 is -NaN on x86 and NaN on Arm.
TEST(Difference, AnyNanIsAsGoodAsAnother) {
  const Difference d = of({kNan}, {std::bit_cast<float>(0xffc00001u)});
  EXPECT_EQ(d.mismatches(), 0u);
  EXPECT_EQ(d.bits_differ, 0u);
  EXPECT_TRUE(d.same_bits());
  EXPECT_EQ(d.ulp[0], 1u);
}

TEST(Difference, DifferentLengths) {
  const Difference d = of({1, 2, 3}, {1, 5});
  EXPECT_EQ(d.total, 3u);
  EXPECT_EQ(d.line_miss, 1u);
  EXPECT_EQ(d.line_diff, 1u);
  EXPECT_DOUBLE_EQ(d.mse, 4.5);
  EXPECT_FALSE(of({1, 2}, {1}).same_bits());
  EXPECT_EQ(of({}, {1}).mismatch_rate(), 1);
}

TEST(Difference, UlpBins) {
  const auto next = [](float x, int steps) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(x) + static_cast<uint32_t>(steps));
  };
  const float denormal = std::numeric_limits<float>::denorm_min();
  const Difference d = of({1, 1, 1, 1, 1, 1, denormal, kInf, kInf},
                          {1, next(1, 1), next(1, 2), next(1, 3), next(1, 4), next(1, 1000), -denormal,
                           std::numeric_limits<float>::max(), -kInf});
  EXPECT_EQ(d.ulp[0], 1u);
  EXPECT_EQ(d.ulp[1], 2u) << "1 step; infinity is one step above the largest number";
  EXPECT_EQ(d.ulp[2], 3u) << "2 and 3 steps, and 3 from one denormal over 0 and -0 to the other";
  EXPECT_EQ(d.ulp[3], 1u) << "4 steps";
  EXPECT_EQ(d.ulp[10], 1u) << "1000 steps";
  EXPECT_EQ(d.ulp[32], 1u) << "from one end to the other";
}

TEST(Difference, CodesOfEqualScales) {
  const QuantParams quant{{0.5f}, {3}, -1};
  const Difference d =
      difference(tensor<int8_t>({1, 2, -128}), quant, tensor<int8_t>({1, 4, -128}), quant, 5);
  EXPECT_EQ(d.max_abs, 1);
  EXPECT_EQ(d.first, 1);
  EXPECT_EQ(d.first_a, -0.5);
  EXPECT_EQ(d.first_b, 0.5);
  EXPECT_EQ(d.bits_differ, 1u);
  EXPECT_EQ(d.ulp[0], 2u);
}

TEST(Difference, CodesThatFloatCannotTellApartDifferInBits) {
  const QuantParams quant{{1.0f}, {0}, -1};
  const Difference d =
      difference(tensor<int32_t>({1 << 24}), quant, tensor<int32_t>({(1 << 24) + 1}), quant, 5);
  EXPECT_EQ(d.bits_differ, 1u);
  EXPECT_EQ(d.max_abs, 0);
  EXPECT_EQ(d.ulp[0], 1u);
}

TEST(Difference, CodesAgainstWhatTheyStandFor) {
  const QuantParams quant{{0.1f}, {-5}, -1};
  const Difference d =
      difference(tensor<int16_t>({-5, 0, 1000}), quant, tensor<float>({0.0f, 5 * 0.1f, 1005 * 0.1f}), {}, 5);
  EXPECT_TRUE(d.same_bits());
  EXPECT_EQ(d.cosine, 1);
  EXPECT_EQ(d.ulp[0], 3u);
  const Difference other = difference(tensor<int16_t>({-5, 0}), quant, tensor<float>({0, 0.25f}), {}, 5);
  EXPECT_EQ(other.bits_differ, 1u);
  EXPECT_EQ(other.max_abs, static_cast<double>(5 * 0.1f) - 0.25);
}

TEST(Difference, CodesOfOtherScalesAreComparedAsRealNumbers) {
  const Difference d =
      difference(tensor<int8_t>({2, 4}), {{0.5f}, {0}, -1}, tensor<int8_t>({1, 2}), {{1.0f}, {0}, -1}, 5);
  EXPECT_TRUE(d.same_bits());
  EXPECT_EQ(d.mismatches(), 0u);
}

TEST(Difference, ScalesPerChannel) {
  const QuantParams quant{{1.0f, 10.0f, 100.0f}, {0, 1, 2}, 1};
  const Tensor codes =
      Tensor::from<int8_t>({2, 3, 2}, std::vector<int8_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const Tensor real = Tensor::from<float>({2, 3, 2}, Floats{1, 2, 20, 30, 300, 400, 7, 8, 80, 90, 900, 1000});
  EXPECT_TRUE(difference(codes, quant, real, {}, 5).same_bits());
  // The same codes and scales on shapes that give an element another channel.
  EXPECT_FALSE(difference(codes, quant, codes.reshaped({4, 3, 1}), quant, 5).same_bits());
}

TEST(Difference, ScalesThatDoNotFitAreRefused) {
  const Tensor codes = tensor<int8_t>({1, 2, 3});
  for (const QuantParams& quant : {QuantParams{{1, 2}, {0, 0}, 0}, QuantParams{{1, 2, 3}, {0, 0, 0}, 1},
                                   QuantParams{{1, 2, 3}, {0, 0, 0}, -1}, QuantParams{{1, 2, 3}, {0, 0}, 0},
                                   QuantParams{{1}, {0, 0}, 0}})
    EXPECT_THROW(difference(codes, quant, codes, {}, 5), Error);
}

TEST(Difference, WholeNumbersAndTruthValues) {
  const Difference d =
      difference(tensor<int32_t>({7, -8, 2147483647}), {}, tensor<int64_t>({7, -8, 2147483647}), {}, 5);
  EXPECT_TRUE(d.same_bits());
  EXPECT_EQ(std::accumulate(d.ulp.begin(), d.ulp.end(), uint64_t{0}), 0u);
  const Difference floats = difference(tensor<float>({3, -0.0f}), {}, tensor<uint8_t>({4, 0}), {}, 5);
  EXPECT_EQ(floats.bits_differ, 1u);
  EXPECT_EQ(floats.max_abs, 1);
  const Tensor yes(DType::boolean, {4});
  Tensor no = yes;
  no.bytes()[3] = std::byte{1};
  EXPECT_EQ(difference(yes, {}, no, {}, 5).first, 3);
  EXPECT_EQ(difference(yes, {}, no, {}, 5).max_abs, 1);
}

TEST(Difference, Integers64AreExact) {
  const int64_t big = int64_t{1} << 60;
  const Difference d = difference(tensor<int64_t>({big, -big}), {}, tensor<int64_t>({big + 1, -big}), {}, 5);
  EXPECT_EQ(d.max_abs, 1);
  EXPECT_EQ(d.mse, 0.5);
  EXPECT_EQ(d.line_diff, 1u);
  EXPECT_EQ(d.bits_differ, 1u);
  const int64_t least = std::numeric_limits<int64_t>::min(), most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(difference(tensor<int64_t>({least}), {}, tensor<int64_t>({most}), {}, 5).max_abs, 0x1p64);
  EXPECT_EQ(
      difference(tensor<uint64_t>({~uint64_t{0}}), {}, tensor<uint64_t>({~uint64_t{0} - 3}), {}, 5).max_abs,
      3);
}

TEST(Difference, DoublesOfAnySize) {
  const Difference d = difference(tensor<double>({3e300, 4e300}), {}, tensor<double>({3e300, 0}), {}, 5);
  EXPECT_NEAR(d.cosine, 0.6, 1e-15);
  EXPECT_NEAR(d.relative_l2, 4.0 / 3, 1e-15);
  const Difference tiny = difference(tensor<double>({3e-300, 4e-300}), {}, tensor<double>({3, 0}), {}, 5);
  EXPECT_NEAR(tiny.cosine, 0.6, 1e-15);
  EXPECT_NEAR(tiny.relative_l2, 1, 1e-15);
  EXPECT_EQ(difference(tensor<double>({1 + 0x1p-50}), {}, tensor<double>({1}), {}, 5).max_abs, 0x1p-50);
  EXPECT_EQ(difference(tensor<double>({0.5}), {}, tensor<float>({0.5f}), {}, 5).bits_differ, 0u);
}

TEST(Difference, HalfPrecision) {
  Tensor a(DType::f16, {3}), b(DType::f16, {3});
  const uint16_t left[] = {0x3c00, 0xc000, 0x7c01}, right[] = {0x3c01, 0xc000, 0x7c01};  // 1, -2, NaN
  std::memcpy(a.bytes().data(), left, 6), std::memcpy(b.bytes().data(), right, 6);
  const Difference d = difference(a, {}, b, {}, 5);
  EXPECT_EQ(d.bits_differ, 1u);
  EXPECT_EQ(d.max_abs, 0x1p-10);
  EXPECT_EQ(d.line_nan, 0u);
  EXPECT_EQ(difference(a, {}, tensor<float>({1, -2, kNan}), {}, 5).line_diff, 0u);
}

// The same columns in the most direct way, in the widest type.
Difference naive(const Floats& a, const Floats& b, int digits) {
  Difference d;
  long double ab = 0, aa = 0, bb = 0, dd = 0;
  uint64_t finite = 0;
  d.total = std::max(a.size(), b.size());
  d.line_miss = d.total - std::min(a.size(), b.size());
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const long double x = a[i], y = b[i];
    if (std::bit_cast<uint32_t>(a[i]) != std::bit_cast<uint32_t>(b[i])) {
      if (d.bits_differ++ == 0) d.first = static_cast<int64_t>(i);
    }
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) {
      const bool both_nan = std::isnan(a[i]) && std::isnan(b[i]);
      if (!both_nan && a[i] != b[i]) ++d.line_nan;
      continue;
    }
    ++finite;
    ab += x * y, aa += x * x, bb += y * y, dd += (x - y) * (x - y);
    const long double gap = std::abs(x - y);
    if (gap > std::pow(10.0L, -digits)) ++d.line_diff;
    if (gap > d.max_abs) d.max_abs = static_cast<double>(gap), d.worst = static_cast<int64_t>(i);
    if (gap > 0)
      d.max_relative =
          std::max(d.max_relative, static_cast<double>(gap / std::max(std::abs(x), std::abs(y))));
  }
  d.cosine = static_cast<double>(ab / std::sqrt(aa * bb));
  d.relative_l2 = static_cast<double>(std::sqrt(dd / bb));
  d.mse = static_cast<double>(dd / static_cast<long double>(finite));
  return d;
}

TEST(Difference, AgreesWithTheNaiveOneOnRandomData) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (const size_t size : {1u, 7u, 8u, 9u, 511u, 512u, 513u, 1024u, 5000u})
    for (const double odd : {0.0, 0.01, 0.5}) {
      Floats a(size), b(size + (odd > 0.2 ? 3 : 0));
      const auto chance = [&] { return std::uniform_real_distribution<>(0, 1)(random) < odd; };
      for (float& x : b) x = chance() ? (chance() ? kNan : chance() ? kInf : -kInf) : normal(random) * 10;
      for (size_t i = 0; i < size; ++i) {
        a[i] = b[i];
        if (i % 3 == 0) a[i] += normal(random) * 1e-4f;
        if (chance()) a[i] = chance() ? kNan : chance() ? kInf : normal(random);
      }
      const Difference is = of(a, b, 4), expected = naive(a, b, 4);
      SCOPED_TRACE(size);
      EXPECT_EQ(is.total, expected.total);
      EXPECT_EQ(is.line_miss, expected.line_miss);
      EXPECT_EQ(is.line_diff, expected.line_diff);
      EXPECT_EQ(is.line_nan, expected.line_nan);
      EXPECT_EQ(is.bits_differ, expected.bits_differ);
      EXPECT_EQ(is.first, expected.first);
      EXPECT_EQ(is.worst, expected.worst);
      EXPECT_EQ(is.max_abs, expected.max_abs);
      EXPECT_EQ(is.max_relative, expected.max_relative);
      if (expected.mse > 0) {
        EXPECT_NEAR(is.cosine, expected.cosine, 1e-12);
        EXPECT_NEAR(is.relative_l2 / expected.relative_l2, 1, 1e-12);
        EXPECT_NEAR(is.mse / expected.mse, 1, 1e-12);
      }
      EXPECT_EQ(std::accumulate(is.ulp.begin(), is.ulp.end(), uint64_t{0}), size);
      // Sides exchanged: what is symmetric stays.
      const Difference back = of(b, a, 4);
      EXPECT_EQ(back.cosine, is.cosine);
      EXPECT_EQ(back.mse, is.mse);
      EXPECT_EQ(back.ulp, is.ulp);
      EXPECT_EQ(back.mismatches(), is.mismatches());
    }
}

TEST(Difference, SumsHaveOneOrder) {
  // To the last bit: eight partial sums of every eighth element, added one after the other.
  std::mt19937 random(1);
  Floats a(10007), b(10007);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = std::ldexp(static_cast<float>(random() >> 8), -static_cast<int>(random() % 40)),
    b[i] = a[i] * 0.75f;
  double aa[8] = {}, bb[8] = {}, ab[8] = {}, dd[8] = {};
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    aa[i % 8] += x * x, bb[i % 8] += y * y, ab[i % 8] += x * y, dd[i % 8] += (x - y) * (x - y);
  }
  const auto sum = [](const double(&lanes)[8]) { return std::accumulate(lanes, lanes + 8, 0.0); };
  const Difference d = of(a, b);
  EXPECT_EQ(d.cosine, sum(ab) / std::sqrt(sum(aa) * sum(bb)));
  EXPECT_EQ(d.relative_l2, std::sqrt(sum(dd) / sum(bb)));
  EXPECT_EQ(d.mse, sum(dd) / 10007);
}

TEST(PositionText, CountsTheLastAxisFastest) {
  EXPECT_EQ(position_text(0, {2, 3, 4}), "[0, 0, 0]");
  EXPECT_EQ(position_text(17, {2, 3, 4}), "[1, 1, 1]");
  EXPECT_EQ(position_text(23, {2, 3, 4}), "[1, 2, 3]");
  EXPECT_EQ(position_text(0, {}), "[]");
  EXPECT_EQ(position_text(5, {6}), "[5]");
}

}  // namespace
}  // namespace openhb::verify
