// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "common/io/file.h"
#include "host/compiler/plan.h"

namespace openhb::compiler {
namespace {

namespace fs = std::filesystem;

Statistics empty(size_t samples) {
  Statistics s;
  s.done.resize(samples);
  for (const char* name : {"a", "b"}) s.histograms[name];
  return s;
}

// Takes sample `k` in: its values and sums depend on k alone.
void take(Statistics& s, size_t k) {
  std::mt19937 random(static_cast<unsigned>(k));
  std::normal_distribution<float> normal(0, 1 + static_cast<float>(k));
  std::vector<float> values(500);
  for (float& v : values) v = normal(random);
  s.histograms["a"].add(values);
  s.histograms["b"].add(std::span(values).first(9));
  s.done[k] = true;
  s.values["a"] = 500;
  s.add(k, {{"a", {static_cast<double>(values[0]) / 3, 1e17 / static_cast<double>(k + 1)}}});
}

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  Checkpoint open(const std::string& key) {
    notices_.clear();
    return Checkpoint(path_, [key] { return key; }, reporter_);
  }
  fs::path folder_ =
      fs::temp_directory_path() / fmt::format("openhb_checkpoint_{}_{}", ::getpid(),
                                              testing::UnitTest::GetInstance()->current_test_info()->name());
  std::string path_ = (folder_ / "x.checkpoint").string();
  std::vector<std::string> notices_;
  Reporter reporter_{.warn = [this](const std::string& line) { notices_.push_back(line); }};
};

TEST(Statistics, OrderDoesNotMatter) {
  Statistics forward = empty(8), mixed = empty(8);
  for (size_t k = 0; k < 8; ++k) take(forward, k);
  for (const size_t k : {5u, 0u, 7u, 1u, 2u, 6u, 4u, 3u}) take(mixed, k);
  EXPECT_EQ(encode(forward), encode(mixed));
  EXPECT_EQ(forward.means(), mixed.means());
  EXPECT_EQ(forward.summed, 8u);
  EXPECT_TRUE(forward.pending.empty());
}

TEST(Statistics, BytesAndBack) {
  Statistics s = empty(8);
  for (const size_t k : {0u, 1u, 5u, 3u}) take(s, k);  // two of them wait for sample 2
  const auto bytes = encode(s);
  Statistics again = decode(bytes, empty(8));
  EXPECT_EQ(encode(again), bytes);
  EXPECT_EQ(again.count(), 4u);
  EXPECT_EQ(again.pending.size(), 2u);
  for (const size_t k : {2u, 4u, 6u, 7u}) take(again, k), take(s, k);
  EXPECT_EQ(encode(again), encode(s));
}

TEST(Statistics, DamageIsSeen) {
  Statistics s = empty(8);
  take(s, 0);
  const auto bytes = encode(s);
  EXPECT_THROW(decode(bytes, empty(7)), Error);
  Statistics other = empty(8);
  other.histograms["c"];
  EXPECT_THROW(decode(bytes, other), Error);
  for (size_t n = 0; n < bytes.size(); n += 7)
    EXPECT_THROW(decode(std::span(bytes).first(n), empty(8)), Error) << n;
  for (size_t at = 0; at < bytes.size(); at += 3) {  // must not crash; often it is not even noticed
    auto damaged = bytes;
    damaged[at] ^= std::byte{0x81};
    try {
      decode(damaged, empty(8));
    } catch (const Error&) {
    }
  }
}

TEST_F(CheckpointTest, RestoresWhatWasWritten) {
  Statistics s = empty(4);
  take(s, 0), take(s, 1);
  {
    Checkpoint first = open("key");
    EXPECT_FALSE(first.written());
    EXPECT_EQ(first.remember("kl, sample 0", [] { return 0.25; }), 0.25);
    first.update(s);
    first.write();
    EXPECT_TRUE(first.written());
  }
  Checkpoint second = open("key");
  EXPECT_TRUE(notices_.empty());
  Statistics again;
  ASSERT_TRUE(second.restore(again, empty(4)));
  EXPECT_EQ(encode(again), encode(s));
  EXPECT_TRUE(second.remembers("kl, sample 0"));
  EXPECT_EQ(second.remember("kl, sample 0", []() -> double { throw std::logic_error("computed again"); }),
            0.25);
  EXPECT_EQ(second.remember("kl, sample 1", [] { return 0.5; }), 0.5);
}

TEST_F(CheckpointTest, ForeignAndDamagedFilesArePassedOver) {
  Statistics s = empty(4);
  take(s, 0);
  {
    Checkpoint first = open("key");
    first.remember("x", [] { return 1.0; });
    first.update(s);
    first.write();
  }
  Statistics again;
  Checkpoint other = open("another key");
  EXPECT_FALSE(other.restore(again, empty(4)));
  EXPECT_FALSE(other.remembers("x"));
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_NE(notices_[0].find("belongs to another model"), std::string::npos);

  const auto good = read_file(path_);
  for (size_t at = 0; at < good.size(); at += 11) {
    auto damaged = good;
    damaged[at] ^= std::byte{1};
    write_file_atomically(path_, damaged);
    Checkpoint bad = open("key");
    EXPECT_FALSE(bad.restore(again, empty(4))) << at;
    EXPECT_EQ(notices_.size(), 1u) << at;
  }
  for (size_t n = 0; n < good.size(); n += 13) {
    write_file_atomically(path_, std::span(good).first(n));
    Checkpoint bad = open("key");
    EXPECT_FALSE(bad.restore(again, empty(4))) << n;
    EXPECT_EQ(notices_.size(), 1u) << n;
  }
}

TEST_F(CheckpointTest, AnUnwritablePlaceIsToldOnce) {
  path_ = "/no/such/folder/x.checkpoint";
  Checkpoint checkpoint = open("key");
  checkpoint.write();
  checkpoint.write();
  EXPECT_EQ(notices_.size(), 1u);
  EXPECT_FALSE(checkpoint.written());
}

TEST(Plan, TakesFewerWorkersUnderALimitOrRefuses) {
  constexpr uint64_t kMiB = 1 << 20;
  const Work work{.samples = 100,
                  .candidates = 4,
                  .tensors = 60,
                  .weights = 14 * kMiB,
                  .sample = 3 * kMiB,
                  .program_weights = 14 * kMiB,
                  .arena = 40 * kMiB,
                  .activations = 30 * kMiB,
                  .now = 60 * kMiB,
                  .so_far = 90 * kMiB};
  const Plan free = make_plan(work, 8, 0);
  EXPECT_EQ(free.workers, 8);
  EXPECT_EQ(free.search, 4);
  EXPECT_EQ(free.threads, 1);
  const uint64_t least = predicted_peak(work, 1, 1);
  EXPECT_LT(least, free.peak);
  for (uint64_t limit = least; limit < free.peak; limit += 5 * kMiB) {
    const Plan plan = make_plan(work, 8, limit);
    EXPECT_LE(plan.peak, limit);
    EXPECT_GE(plan.workers, 1);
    EXPECT_GE(plan.threads * plan.workers, 1);
  }
  try {
    make_plan(work, 8, least - 1);
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::resources);
    EXPECT_NE(std::string(e.what()).find(fmt::format("needs {} MiB", (least + kMiB - 1) / kMiB)),
              std::string::npos);
  }
  Work few = work;
  few.samples = 1;
  EXPECT_EQ(make_plan(few, 8, 0).workers, 1);
}

TEST(Plan, ReadsSizes) {
  EXPECT_EQ(parse_size("512M"), uint64_t{512} << 20);
  EXPECT_EQ(parse_size("2G"), uint64_t{2} << 30);
  EXPECT_EQ(parse_size("2GiB"), uint64_t{2} << 30);
  EXPECT_EQ(parse_size("3kB"), uint64_t{3} << 10);
  EXPECT_EQ(parse_size("900000000"), uint64_t{900000000});
  for (const char* bad : {"", "M", "-5M", "0", "1.5G", "12X", "99999999999T", "1 G"})
    EXPECT_THROW(parse_size(bad), Error) << bad;
}

}  // namespace
}  // namespace openhb::compiler
