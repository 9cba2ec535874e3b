// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/conv/conv.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <limits>
#include <random>
#include <set>

#include "tests/device/kernels/conv_case.h"

namespace openhb::test {
namespace {

// Every runnable row, whole and split, must give the bytes of the plain loops.
void check_rows(const ConvSpec& spec, const ConvData& data, uint64_t seed) {
  SCOPED_TRACE(fmt::format("seed {}: {}", seed, spec.text()));
  ConvCase test(spec, data, seed);
  ASSERT_NO_THROW(test.validate());
  const std::vector<std::byte> expected = test.expected();
  std::set<std::string> seen;
  std::vector<CpuFeatures> cpus;
  for (const std::string& level : levels_to_test()) cpus.push_back(isa_level(level));
  // A CPU that does not exist: it chooses the row that stands for AVX-VNNI's.
  if (detect_cpu() & kCpuAvx512Vnni) cpus.push_back(kCpuAvx2 | kCpuAvx512Vnni);
  for (const CpuFeatures cpu : cpus) {
    const std::string row = test.row(cpu);
    if (!seen.insert(row).second) continue;
    ASSERT_TRUE(test.run(cpu, 1) == expected) << "row " << row;
    ASSERT_TRUE(test.run(cpu, 3) == expected) << "row " << row << " in three parts";
    ASSERT_TRUE(test.run(cpu, 0) == expected) << "row " << row << " a few pixels at a time";
  }
}

// Random cases for about two seconds, at least `at_least` of them.
void check_random(bool depthwise, bool quantized, int at_least) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  uint64_t seed = 0;
  for (; seed < static_cast<uint64_t>(at_least) || std::chrono::steady_clock::now() < deadline; ++seed) {
    const ConvSpec spec = random_spec(seed, depthwise, quantized);
    check_rows(spec, random_data(spec, seed), seed);
    if (testing::Test::HasFatalFailure()) return;
  }
  std::cout << "[          ] " << seed << " random cases\n";
}

TEST(Conv, RowsEqualPlainLoopsInt8) { check_random(false, true, 40); }
TEST(Conv, RowsEqualPlainLoopsFloat) { check_random(false, false, 40); }
TEST(Depthwise, RowsEqualPlainLoopsInt8) { check_random(true, true, 40); }
TEST(Depthwise, RowsEqualPlainLoopsFloat) { check_random(true, false, 40); }

// Rows longer than what is gathered at once, windows larger than a group of rows, vectors over pixels'
// borders.
TEST(Depthwise, LongRows) {
  std::mt19937_64 random(20);
  const auto any = [&](std::initializer_list<int32_t> values) {
    return std::data(values)[random() % values.size()];
  };
  uint64_t seed = 0;
  for (const int64_t channels :
       {1, 2, 3, 4, 5, 8, 12, 16, 20, 24, 32, 36, 40, 48, 56, 63, 64, 65, 72, 80, 96, 112, 128, 144, 200})
    for (const bool quantized : {true, false})
      for (int i = 0; i < 3; ++i) {
        ConvSpec s{.depthwise = true, .quantized = quantized};
        s.c = s.o = s.groups = channels;
        s.w = any({17, 33, 64, 131, 300});
        s.h = any({1, 3, 6, 9});
        for (size_t axis = 0; axis < 2; ++axis) {
          s.kernel[axis] = any({1, 2, 3, 3, 3, 5, 7}), s.stride[axis] = any({1, 1, 2, 3, 17});
          s.dilation[axis] = any({1, 1, 2, 4});
          const int32_t reach = (s.kernel[axis] - 1) * s.dilation[axis];
          s.pads[axis] = any({0, reach / 2, reach}), s.pads[axis + 2] = any({0, reach / 2, reach + 1});
          if ((axis == 0 ? s.h : s.w) + s.pads[axis] + s.pads[axis + 2] <= reach) s.pads[axis] = reach;
        }
        s.x_gap = any({0, 0, 7}), s.y_gap = any({0, 0, 5});
        s.zx = quantized ? any({-128, -3, 127}) : 0, s.zy = quantized ? any({-128, 5}) : 0;
        if (!quantized) s.lo = -1, s.hi = 2;
        ++seed;
        check_rows(s, random_data(s, seed), seed);
        if (testing::Test::HasFatalFailure()) return;
      }
}

// Depthwise shapes at the edges of strips: more columns than one holds, windows wider than that, several rows
// in one, odd numbers of columns and rows, more channels than a pass takes.
TEST(Depthwise, Strips) {
  struct Shape {
    int64_t h, w, c;
    std::array<int32_t, 2> kernel, stride, dilation;
    std::array<int32_t, 4> pads;
  };
  const Shape shapes[] = {{3, 260, 9, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
                          {5, 131, 8, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}},
                          {7, 7, 70, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
                          {14, 13, 133, {3, 3}, {2, 2}, {1, 1}, {0, 1, 1, 0}},
                          {9, 11, 24, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}},
                          {9, 11, 24, {5, 5}, {2, 2}, {1, 1}, {2, 2, 2, 2}},
                          {8, 150, 16, {3, 3}, {1, 1}, {1, 70}, {1, 70, 1, 70}},
                          {2, 300, 5, {1, 200}, {1, 1}, {1, 1}, {0, 99, 0, 100}},
                          {12, 9, 17, {4, 2}, {1, 1}, {2, 3}, {3, 1, 3, 2}},
                          {6, 1, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}}};
  uint64_t seed = 20;
  for (const Shape& s : shapes)
    for (const bool raw : {false, true}) {
      ConvSpec spec{.depthwise = true,
                    .raw = raw,
                    .n = 2,
                    .h = s.h,
                    .w = s.w,
                    .c = s.c,
                    .o = s.c,
                    .groups = s.c,
                    .kernel = s.kernel,
                    .stride = s.stride,
                    .dilation = s.dilation,
                    .pads = s.pads,
                    .x_gap = 3,
                    .y_gap = 5,
                    .zx = -7,
                    .zy = 11};
      check_rows(spec, random_data(spec, seed), seed);
      ++seed;
    }
}

// Products beyond 16 bits, infinite ones and NaN.
TEST(Depthwise, LargeMultipliers) {
  ConvSpec spec{.depthwise = true, .h = 9, .w = 9, .c = 80, .o = 80, .groups = 80, .kernel = {3, 3}};
  spec.lo = -100, spec.hi = 90, spec.zy = 3;
  ConvData data = random_data(spec, 14);
  constexpr float kLarge[] = {0.3f, 5.0f, 1e10f, std::numeric_limits<float>::infinity(),
                              std::numeric_limits<float>::quiet_NaN()};
  for (size_t o = 0; o < 16; ++o) data.multiplier[o] = kLarge[o % std::size(kLarge)];
  ConvCase test(spec, data, 14);
  const auto ref = test.run(0, 1);
  for (const std::string& level : levels_to_test())
    EXPECT_TRUE(test.run(isa_level(level), 1) == ref) << level;
}

TEST(Conv, FewPixelsAreSplitByChannels) {
  for (bool quantized : {true, false}) {
    ConvSpec spec{.quantized = quantized, .n = 1, .c = 1030, .o = 395};
    ConvCase test(spec, random_data(spec, 7), 7);
    EXPECT_GT(test.bind(0)->max_parts(), 20);
    check_rows(spec, random_data(spec, 7), 7);
  }
}

// Every tile of every row: any number of pixels and blocks, windows inside and across the padding.
TEST(Conv, PanelsOfAllSizes) {
  uint64_t seed = 100;
  for (const bool quantized : {true, false})
    for (const int64_t outputs : {7, 16, 24, 40, 48, 64, 72, 96, 144})
      for (const int64_t pixels : {1, 2, 3, 5, 7, 11, 13, 23, 25, 47, 48, 49, 97}) {
        const bool window = seed % 3 == 0;
        ConvSpec spec{
            .quantized = quantized, .w = pixels, .c = static_cast<int64_t>(seed % 11 + 1), .o = outputs};
        if (window) spec.h = 3, spec.kernel = {3, 3}, spec.pads = {1, 1, 1, 1};
        spec.raw = quantized && seed % 5 == 0;
        spec.x_gap = static_cast<int64_t>(seed % 4), spec.y_gap = static_cast<int64_t>(seed % 7);
        check_rows(spec, random_data(spec, seed), seed);
        if (HasFatalFailure()) return;
        ++seed;
      }
}

// Pictures of few channels, whose window rows are runs of bytes in x as in the weights; windows that touch
// padding are copied first. Sizes around a panel, windows larger than the picture, windows of padding only.
TEST(Conv, SmallWindowsAcrossPadding) {
  struct Shape {
    int64_t h, w, c, o;
    std::array<int32_t, 2> kernel, stride;
    std::array<int32_t, 4> pads;
  };
  const Shape shapes[] = {
      {9, 100, 3, 16, {7, 7}, {2, 2}, {3, 3, 3, 3}}, {13, 21, 3, 64, {7, 7}, {2, 2}, {3, 3, 3, 3}},
      {8, 97, 3, 16, {6, 6}, {2, 2}, {2, 2, 2, 2}},  {5, 50, 4, 24, {3, 3}, {1, 1}, {1, 1, 1, 1}},
      {4, 60, 1, 8, {3, 5}, {1, 1}, {2, 4, 2, 4}},   {2, 3, 3, 16, {5, 5}, {1, 1}, {4, 4, 4, 4}},
      {1, 1, 4, 16, {3, 3}, {1, 1}, {3, 3, 3, 3}},   {6, 49, 16, 32, {3, 3}, {2, 1}, {0, 2, 1, 0}},
      {7, 31, 27, 16, {3, 3}, {1, 1}, {1, 1, 1, 1}}, {7, 31, 28, 16, {3, 3}, {1, 1}, {1, 1, 1, 1}},
      {7, 31, 29, 16, {3, 3}, {1, 1}, {1, 1, 1, 1}}, {3, 40, 2, 16, {1, 9}, {1, 3}, {0, 8, 0, 8}}};
  uint64_t seed = 300;
  for (const Shape& s : shapes)
    for (const bool quantized : {true, false}) {
      ConvSpec spec{.quantized = quantized,
                    .n = 2,
                    .h = s.h,
                    .w = s.w,
                    .c = s.c,
                    .o = s.o,
                    .kernel = s.kernel,
                    .stride = s.stride,
                    .pads = s.pads};
      spec.x_gap = quantized ? (4 - s.c % 4) % 4 : 0;
      spec.zx = quantized ? -77 : 0;
      check_rows(spec, random_data(spec, seed), seed);
      if (HasFatalFailure()) return;
      ++seed;
    }
}

// Every way of turning sums into codes, over several tiles: products beyond 32 bits or 16, that only the
// weights themselves keep below that, odd and even zero points, bounds.
TEST(Conv, OutputStages) {
  uint64_t seed = 400;
  for (const float multiplier : {1.5f, 0.2f, 0.02f, 0.001f})
    for (const int64_t outputs : {8, 16, 24})
      for (const int32_t zy : {-128, -3, 0, 127})
        for (const float hi : {100.0f, 127.0f}) {
          ConvSpec spec{.w = 59, .c = 130, .o = outputs, .zx = 9, .zy = zy};
          spec.lo = -128, spec.hi = hi, spec.y_gap = 3;
          ConvData data = random_data(spec, seed);
          for (float& m : data.multiplier) m = multiplier;
          for (int8_t& w : data.wi) w = static_cast<int8_t>(w / 4);
          for (int32_t& b : data.bi) b %= 1000;
          check_rows(spec, data, seed);
          if (HasFatalFailure()) return;
          ++seed;
        }
}

// Around the longest sums whose inputs are found by a table of distances.
TEST(Conv, LongSums) {
  for (const bool quantized : {true, false})
    for (const int64_t channels : {254, 255, 256, 1017, 1020, 1021, 1024}) {
      ConvSpec spec{.quantized = quantized, .h = 2, .w = 9, .c = channels, .o = 70};
      check_rows(spec, random_data(spec, 21), 21);
    }
}

// More weights than stay in a cache: the other order of loops.
TEST(Conv, LargeWeights) {
  for (bool quantized : {true, false}) {
    ConvSpec spec{
        .quantized = quantized, .h = 4, .w = 5, .c = 300, .o = 150, .kernel = {3, 3}, .pads = {1, 1, 1, 1}};
    check_rows(spec, random_data(spec, 8), 8);
  }
}

TEST(Conv, SmallWorkIsNotSplit) {
  ConvSpec spec{.h = 8, .w = 8, .c = 16, .o = 16};
  ConvCase test(spec, random_data(spec, 9), 9);
  EXPECT_EQ(test.bind(detect_cpu())->max_parts(), 1);
}

// Accumulators that are odd multiples of a half after scaling, over the whole range of codes.
TEST(Conv, TiesRoundToEven) {
  ConvSpec spec{.w = 255, .c = 1, .o = 40, .x_gap = 3};
  ConvData data;
  for (int i = 0; i < 255; ++i) data.xi.push_back(static_cast<int8_t>(i - 127));
  data.wi.assign(40, 1), data.bi.assign(40, 0), data.multiplier.assign(40, 0.5f);
  for (int32_t zy : {-128, -1, 0, 127}) {
    spec.zy = zy;
    check_rows(spec, data, 10);
  }
}

// The ends of the accumulator, where float32 cannot hold it exactly.
TEST(Conv, LargeAccumulators) {
  ConvSpec spec{.w = 7, .c = 2, .o = 21};
  ConvData data = random_data(spec, 11);
  for (size_t o = 0; o < 21; ++o) {
    data.bi[o] = (o % 2 ? 1 : -1) * (2'147'000'000 - static_cast<int32_t>(o));
    data.multiplier[o] = std::numeric_limits<float>::min() * (o % 3 ? 1.0f : 1e30f);
  }
  for (bool raw : {false, true}) {
    spec.raw = raw;
    check_rows(spec, data, 11);
  }
}

// Sums that wrap must not be undefined behaviour, and all rows agree on them: modulo 2^32.
TEST(Conv, WrappingAccumulatorsAgree) {
  for (bool depthwise : {false, true}) {
    ConvSpec spec{.depthwise = depthwise, .raw = true, .h = 3, .w = 3, .c = 18, .o = 18, .kernel = {2, 2}};
    if (depthwise) spec.groups = 18;
    ConvData data = random_data(spec, 12);
    for (int32_t& b : data.bi) b = 0;
    ConvCase test(spec, data, 12);
    auto* bias = reinterpret_cast<int32_t*>(const_cast<std::byte*>(test.program().weights.data()) +
                                            test.view().in(2).offset);
    for (int o = 0; o < 18; ++o) bias[o] = o % 2 ? INT32_MAX : INT32_MIN;
    const auto ref = test.run(0, 1);
    for (const std::string& level : levels_to_test())
      EXPECT_TRUE(test.run(isa_level(level), 1) == ref) << level;
  }
}

TEST(Conv, CostSaturates) {
  ConvSpec spec{.h = 6, .w = 7, .c = 8, .o = 24, .groups = 2, .kernel = {3, 3}};
  ConvCase test(spec, random_data(spec, 13), 13);
  const auto& params = std::get<ConvParams>(test.step().params);
  EXPECT_EQ(Kernel<ConvParams>::cost(test.view(), params).macs, 4 * 5 * 24 * 9 * 4);
  test.program().tensors[1].dims = {INT32_MAX, INT32_MAX, 1, 1};
  test.program().tensors[0].dims[3] = INT32_MAX;
  EXPECT_EQ(Kernel<ConvParams>::cost(test.view(), params).macs, INT64_MAX);
}

// Damaged files: every change of a valid step must be refused.
struct Damage {
  const char* what;
  std::function<void(ConvCase&)> make;
};

template <class P>
P& params(ConvCase& test) {
  return std::get<P>(test.step().params);
}
TensorDesc& tensor(ConvCase& test, size_t i) { return test.program().tensors[i]; }

template <class P>
std::vector<Damage> window_damages() {
  std::vector<Damage> all;
  for (int32_t bad : {0, -1, INT32_MIN, INT32_MAX, 40000})
    for (size_t axis = 0; axis < 2; ++axis) {
      all.push_back({"kernel", [=](ConvCase& t) { params<P>(t).kernel[axis] = bad; }});
      all.push_back({"stride", [=](ConvCase& t) { params<P>(t).stride[axis] = bad; }});
      all.push_back({"dilation", [=](ConvCase& t) { params<P>(t).dilation[axis] = bad; }});
    }
  for (int32_t bad : {-1, 3, INT32_MIN, INT32_MAX})
    for (size_t side = 0; side < 4; ++side)
      all.push_back({"pads", [=](ConvCase& t) { params<P>(t).pads[side] = bad; }});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (float bad : {nan, -129.0f, 0.5f, 128.0f, 1e30f})
    all.push_back({"lo", [=](ConvCase& t) { params<P>(t).lo = bad; }});
  for (float bad : {nan, -129.0f, 0.5f, 128.0f})
    all.push_back({"hi", [=](ConvCase& t) { params<P>(t).hi = bad; }});
  return all;
}

std::vector<Damage> tensor_damages(size_t num_tensors) {
  std::vector<Damage> all;
  for (size_t i = 0; i < num_tensors; ++i) {
    const std::string rank = fmt::format("tensor {}", i);
    for (size_t d = 0; d < 6; ++d)
      for (int64_t bad : {int64_t{-1}, int64_t{0}, int64_t{99}, INT64_MAX, INT64_MIN, int64_t{1} << 31})
        all.push_back({"dims", [=](ConvCase& t) {
                         Shape& dims = tensor(t, i).dims;
                         dims[d % dims.size()] = bad;
                       }});
    all.push_back({"rank - 1", [=](ConvCase& t) { tensor(t, i).dims.erase(tensor(t, i).dims.begin()); }});
    all.push_back({"rank 0", [=](ConvCase& t) { tensor(t, i).dims.clear(); }});
    all.push_back({"rank + 1", [=](ConvCase& t) { tensor(t, i).dims.insert(tensor(t, i).dims.begin(), 1); }});
    for (DType bad : {DType::f32, DType::u8, DType::u16, DType::i64, DType::boolean})
      all.push_back(
          {"dtype", [=](ConvCase& t) { tensor(t, i).dtype = tensor(t, i).dtype == bad ? DType::f64 : bad; }});
  }
  for (size_t i = 2; i < num_tensors; ++i) {
    all.push_back({"storage", [=](ConvCase& t) { tensor(t, i).storage = Storage::arena; }});
    all.push_back({"fewer inputs", [=](ConvCase& t) { t.step().inputs.resize(i - 1); }});
  }
  all.push_back({"output storage", [](ConvCase& t) { tensor(t, 1).storage = Storage::weights; }});
  all.push_back({"weights not dense", [](ConvCase& t) { tensor(t, 2).pitch += 1; }});
  all.push_back({"more inputs", [](ConvCase& t) { t.step().inputs.push_back(0); }});
  all.push_back({"no input", [](ConvCase& t) { t.step().inputs.clear(); }});
  all.push_back({"no output", [](ConvCase& t) { t.step().outputs.clear(); }});
  all.push_back({"two outputs", [](ConvCase& t) { t.step().outputs.push_back(0); }});
  all.push_back({"bias not aligned", [](ConvCase& t) { tensor(t, 3).offset += 2; }});
  for (size_t i = 0; i < 2; ++i) {
    all.push_back({"pitch", [=](ConvCase& t) { tensor(t, i).pitch = tensor(t, i).dims.back() - 1; }});
    all.push_back({"pitch", [=](ConvCase& t) { tensor(t, i).pitch = INT64_MAX; }});
    all.push_back({"zero point", [=](ConvCase& t) { tensor(t, i).quant.zero_points = {-129}; }});
    all.push_back({"zero point", [=](ConvCase& t) { tensor(t, i).quant.zero_points = {128}; }});
    all.push_back({"zero points", [=](ConvCase& t) { tensor(t, i).quant.zero_points = {0, 0}; }});
  }
  return all;
}

void check_damages(const ConvSpec& spec, const std::vector<Damage>& damages) {
  const ConvData data = random_data(spec, 14);
  for (const Damage& damage : damages) {
    ConvCase test(spec, data, 14);
    ASSERT_NO_THROW(test.validate());
    damage.make(test);
    EXPECT_THROW(test.validate(), Error) << damage.what;
  }
}

TEST(Conv, DamagedStepsAreRefused) {
  const ConvSpec spec{
      .n = 2, .h = 7, .w = 8, .c = 6, .o = 36, .groups = 2, .kernel = {3, 2}, .pads = {1, 1, 1, 1}};
  check_damages(spec, window_damages<ConvParams>());
  check_damages(spec, tensor_damages(6));
  std::vector<Damage> groups;
  for (int32_t bad : {0, -1, 1, 4, 6, 3, INT32_MIN, INT32_MAX})
    groups.push_back({"groups", [=](ConvCase& t) { params<ConvParams>(t).groups = bad; }});
  check_damages(spec, groups);
}

TEST(Depthwise, DamagedStepsAreRefused) {
  const ConvSpec spec{.depthwise = true,
                      .n = 2,
                      .h = 7,
                      .w = 8,
                      .c = 36,
                      .o = 36,
                      .groups = 36,
                      .kernel = {3, 2},
                      .pads = {1, 1, 1, 1}};
  check_damages(spec, window_damages<DepthwiseParams>());
  check_damages(spec, tensor_damages(6));
}

TEST(Conv, FloatBoundsMustBeARange) {
  ConvSpec spec{.quantized = false, .c = 3, .o = 5};
  spec.lo = 1, spec.hi = 0;
  EXPECT_THROW(ConvCase(spec, random_data(spec, 15), 15).validate(), Error);
  spec.hi = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(ConvCase(spec, random_data(spec, 15), 15).validate(), Error);
}

}  // namespace
}  // namespace openhb::test
