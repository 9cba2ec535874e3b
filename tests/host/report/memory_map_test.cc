// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/memory_map.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "host/compiler/lowering.h"
#include "tests/host/checker/random_graph.h"

namespace openhb::compiler {
namespace {

using report::Buffer;

uint64_t aligned(uint64_t n) { return (n + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment; }

// The planner knows which tensors share memory and how long; the map finds that out from the program alone.
void expect_as_planned(const Program& program) {
  const std::vector<Buffer> buffers = memory_map(program);
  const auto steps = static_cast<int32_t>(program.steps.size());
  uint64_t most = 0;
  for (int32_t s = -1; s <= steps; ++s) {
    uint64_t alive = 0;
    for (const Buffer& b : buffers)
      if (b.first <= s && s <= b.last) alive += aligned(b.size);
    most = std::max(most, alive);
  }
  EXPECT_EQ(most, std::stoull(program.properties.at("arena_lower_bound")));
  for (size_t a = 0; a < buffers.size(); ++a) {
    EXPECT_LE(buffers[a].offset + buffers[a].size, program.arena_size);
    EXPECT_EQ(buffers[a].offset % kTensorAlignment, 0u);
    EXPECT_LE(buffers[a].first, buffers[a].last);
    for (size_t b = 0; b < a; ++b)
      EXPECT_FALSE(buffers[a].first <= buffers[b].last && buffers[b].first <= buffers[a].last &&
                   buffers[a].offset < buffers[b].offset + buffers[b].size &&
                   buffers[b].offset < buffers[a].offset + buffers[a].size)
          << a << " and " << b;
  }
}

TEST(MemoryMapTest, RandomNetworks) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_as_planned(Lowering(test::random_graph(seed), {}).run());
  }
}

// Parts of a concatenation of channels lie between each other, and one of them is overwritten in place.
TEST(MemoryMapTest, PartsOfAConcatenation) {
  test::SmallGraph g(7);
  auto* x = g.input({1, 4, 9, 9});
  const auto conv = [&](auto* v, int64_t out) {
    return g.value("Conv", {v, g.weights({out, v->shape[1], 1, 1})});
  };
  auto *a = conv(x, 24), *b = g.value("Abs", {conv(x, 16)}), *c = conv(x, 32);
  auto* all = g.value("Concat", {a, b, c}, {{"axis", int64_t{1}}});
  g.output(all);
  g.graph.outputs.clear();
  g.output(conv(all, 5));
  const Program program = Lowering(g.graph, {}).run();
  expect_as_planned(program);
  const auto buffers = memory_map(program);
  const auto whole = std::ranges::find_if(buffers, [&](const Buffer& buffer) {
    return std::ranges::find(buffer.tensors, all->name) != buffer.tensors.end();
  });
  ASSERT_NE(whole, buffers.end());
  for (const auto* part : {a, b, c})
    EXPECT_NE(std::ranges::find(whole->tensors, part->name), whole->tensors.end()) << part->name;
}

TEST(MemoryMapTest, EmptyProgram) { EXPECT_TRUE(memory_map(Program{}).empty()); }

}  // namespace
}  // namespace openhb::compiler
