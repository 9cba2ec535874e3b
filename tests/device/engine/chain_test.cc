// SPDX-License-Identifier: Apache-2.0
// Chains change when rows are computed, never what: random programs whose tensors share memory in every way
// that a plan may choose, run in chains and step by step.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "device/engine/chain.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::engine {
namespace {

constexpr int64_t kHeight = 23, kWidth = 31, kPitch = 32;
constexpr uint64_t kPlane = kHeight * kWidth * kPitch;

struct Region {
  uint32_t id;
  size_t plane;
  int64_t first, channels;
  bool same(const Region& o) const { return plane == o.plane && first == o.first && channels == o.channels; }
  bool disjoint(const Region& o) const {
    return plane != o.plane || first + channels <= o.first || o.first + o.channels <= first;
  }
};

class RandomProgram {
 public:
  explicit RandomProgram(uint32_t seed) : random_(seed), builder_("random") {
    for (size_t plane = 0; plane < 4; ++plane)
      for (const auto& [first, channels] : {std::pair<int64_t, int64_t>{0, 32}, {0, 16}, {16, 16}})
        regions_.push_back({add(channels), plane, first, channels});
    table_ = builder_.constant(random_codes({256}));
    for (size_t step = 2 + random_() % 9; step-- > 0;) add_step();
    for (const Region& r : regions_)
      if (r.channels == 32) builder_.input(r.id), builder_.output(r.id);
  }

  Program finish() {
    Program program = builder_.finish();
    for (const Region& r : regions_)
      program.tensors[r.id].offset = r.plane * (kPlane + 64) + static_cast<uint64_t>(r.first);
    program.arena_size = 4 * (kPlane + 64) + kReadSlack;
    return program;
  }

 private:
  uint32_t add(int64_t channels) {
    return builder_.tensor(fmt::format("region_{}", regions_.size()), DType::i8,
                           {1, kHeight, kWidth, channels}, {{0.05f}, {3}, -1}, {}, kPitch);
  }
  Tensor random_codes(Shape shape) {
    Tensor t(DType::i8, std::move(shape));
    for (int8_t& v : t.data<int8_t>()) v = static_cast<int8_t>(static_cast<int>(random_() % 255) - 127);
    return t;
  }
  const Region& pick(int64_t channels) {
    while (true)
      if (const Region& r = regions_[random_() % regions_.size()]; r.channels == channels) return r;
  }

  // Weights, bias, sums, multiplier of a Conv (taps 1) or a Depthwise.
  std::vector<uint32_t> constants(const Tensor& weights, int64_t channels) {
    const auto n = static_cast<size_t>(channels);
    std::vector<int32_t> sums(n, 0);
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t block = weights.size() / (n / 16);  // of 16 outputs
      const size_t o = weights.shape().size() == 2 ? i % n : i / block * 16 + i / 4 % 16;
      sums[o] += 128 * weights.data<int8_t>()[i];
    }
    return {builder_.constant(weights),
            builder_.constant(Tensor::from<int32_t>({channels}, std::vector<int32_t>(n, 9))),
            builder_.constant(Tensor::from<int32_t>({channels}, sums)),
            builder_.constant(Tensor::from<float>({channels}, std::vector<float>(n, 0.003f)))};
  }

  void add_step() {
    const int64_t channels = random_() % 3 ? 32 : 16;
    const Region x = pick(channels), other = pick(channels), y = pick(channels);
    const auto free = [&](const Region& in) { return y.disjoint(in) || y.same(in); };
    const size_t kind = random_() % 6;
    if (kind < 2) {
      if (free(x)) builder_.step(LutParams{}, {x.id, table_}, y.id);
    } else if (kind == 2) {
      if (free(x) && free(other))
        builder_.step(BinaryParams{BinaryFunction::add, 0.6f, 0.5f, 20.0f}, {x.id, other.id}, y.id);
    } else if (y.disjoint(x)) {
      std::vector<uint32_t> inputs;
      if (kind == 3) {
        inputs = constants(random_codes({1, channels / 16, 1, channels / 4, 16, 4}), channels);
        inputs.insert(inputs.begin(), x.id);
        builder_.step(ConvParams{.lo = -128, .hi = 127}, inputs, y.id);
      } else if (kind == 4) {
        inputs = constants(random_codes({9, channels}), channels);
        inputs.insert(inputs.begin(), x.id);
        builder_.step(DepthwiseParams{.kernel = {3, 3}, .pads = {1, 1, 1, 1}, .lo = -128, .hi = 127}, inputs,
                      y.id);
      } else {
        builder_.step(PoolParams{.kernel = {3, 3}, .pads = {1, 1, 1, 1}}, {x.id}, y.id);
      }
    }
  }

  std::mt19937 random_;
  testing::ProgramBuilder builder_;
  std::vector<Region> regions_;
  uint32_t table_ = 0;
};

std::vector<std::byte> run(const std::shared_ptr<const Model>& model, int threads, bool chained) {
  Session session(model, {.threads = threads});
  if (!chained) session.set_hook([](size_t) {});
  std::mt19937 random(7);
  for (size_t i = 0; i < model->program().inputs.size(); ++i)
    for (std::byte& b : session.input(i)) b = static_cast<std::byte>(random());
  session.run();
  std::vector<std::byte> all;
  for (size_t i = 0; i < model->program().outputs.size(); ++i)
    all.insert(all.end(), session.output(i).begin(), session.output(i).end());
  return all;
}

TEST(Chain, GivesTheBytesOfItsSteps) {
  const uint32_t first = std::random_device{}();
  size_t chained = 0;
  for (uint32_t seed = first; seed != first + 150; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const auto model = Model::create(RandomProgram(seed).finish());
    const auto expected = run(model, 1, false);
    for (const int threads : {1, 3}) ASSERT_EQ(run(model, threads, true), expected) << threads << " threads";
    size_t steps = 0;
    for (const Chain& chain : find_chains(model->program())) {
      ASSERT_EQ(chain.first, steps);
      steps = chain.last;
      if (chain.rows > chain.strip) ++chained;
    }
    ASSERT_EQ(steps, model->program().steps.size());
  }
  EXPECT_GT(chained, 20u);
}

}  // namespace
}  // namespace openhb::engine
