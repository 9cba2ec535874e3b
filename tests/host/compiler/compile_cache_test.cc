// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/compile_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "common/io/file.h"
#include "common/program/file.h"
#include "host/compiler/fingerprint.h"
#include "tests/host/compiler/annotated.h"

namespace openhb::compiler {
namespace {

using test::SmallGraph;

class CompileCacheTest : public ::testing::Test {
 protected:
  CompileCacheTest() {
    std::string name = (std::filesystem::temp_directory_path() / "openhb_cache_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    SmallGraph g(1);
    test::wide_branches(g, 2);
    const Program program = build_program(g.graph, test::integers(), {});
    bytes_ = serialize_program(program);
    write_file_atomically(bin(), bytes_);
  }
  ~CompileCacheTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return (folder_ / "cache.json").string(); }
  std::string bin() const { return (folder_ / "net.bin").string(); }
  CompileCache open() {
    return CompileCache(path(), [this](const std::string& line) { warnings_.push_back(line); });
  }
  std::string saved() {
    CompileCache cache = open();
    cache.add({key_, fingerprint(bytes_), 7});
    write_file_atomically(path(), cache.text());
    return cache.text();
  }

  std::filesystem::path folder_;
  std::vector<std::byte> bytes_;
  std::vector<std::string> warnings_;
  const std::string key_ = std::string(31, '0') + "1", other_ = std::string(31, '0') + "2";
};

TEST_F(CompileCacheTest, FindsWhatWasAdded) {
  EXPECT_FALSE(open().find(key_, bin()));
  saved();
  const auto hit = open().find(key_, bin());
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->entry.plans, 7u);
  EXPECT_EQ(serialize_program(hit->program), bytes_);
  EXPECT_FALSE(open().find(other_, bin()));
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(CompileCacheTest, AnotherFileInItsPlaceIsNoHit) {
  saved();
  auto changed = bytes_;
  changed.back() ^= std::byte{1};
  write_file_atomically(bin(), changed);
  EXPECT_FALSE(open().find(key_, bin()));
  std::filesystem::remove(bin());
  EXPECT_FALSE(open().find(key_, bin()));
  // Hash and file agree, but it is no program.
  const std::string text = "no program";
  write_file_atomically(bin(), text);
  CompileCache cache = open();
  cache.add({key_, fingerprint(std::as_bytes(std::span(text))), 1});
  EXPECT_FALSE(cache.find(key_, bin()));
}

TEST_F(CompileCacheTest, DamagedFilesAreIgnoredWithAWarning) {
  const std::string good = saved();
  for (size_t size = 0; size + 1 < good.size(); size += 3) {
    warnings_.clear();
    write_file_atomically(path(), good.substr(0, size));
    EXPECT_FALSE(open().find(key_, bin())) << size;
    EXPECT_EQ(warnings_.size(), 1u) << size;
  }
  const std::string key = R"("00000000000000000000000000000001")";
  const std::vector<std::string> hostile{
      "[]",
      "null",
      "7",
      R"({"format": 1})",
      R"({"format": "1", "entries": []})",
      R"({"format": 2, "entries": []})",
      R"({"format": 1, "entries": {}})" + std::string("x"),
      R"({"format": 1, "entries": [1]})",
      R"({"format": 1, "entries": [{"key": "../../etc", "bin": )" + key + R"(, "plans": 1}]})",
      R"({"format": 1, "entries": [{"key": )" + key + R"(, "bin": 3, "plans": 1}]})",
      R"({"format": 1, "entries": [{"key": )" + key + R"(, "bin": "0"}]})",
      std::string(100'000, '['),
      std::string(1'000'000, ' '),
      std::string("\xff\xfe\0{", 4)};
  for (const std::string& text : hostile) {
    warnings_.clear();
    write_file_atomically(path(), text);
    EXPECT_FALSE(open().find(key_, bin())) << text.substr(0, 80);
    EXPECT_EQ(warnings_.size(), 1u) << text.substr(0, 80);
  }
  // Written anew, it works again.
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  warnings_.clear();
  open();
  EXPECT_EQ(warnings_.size(), 1u);
  std::filesystem::remove(path());
  saved();
  EXPECT_TRUE(open().find(key_, bin()));
}

TEST_F(CompileCacheTest, OldEntriesGo) {
  CompileCache cache = open();
  for (int i = 0; i < 100; ++i) cache.add({fmt::format("{:032x}", i), fingerprint(bytes_), 1});
  EXPECT_FALSE(cache.find(fmt::format("{:032x}", 0), bin()));
  EXPECT_TRUE(cache.find(fmt::format("{:032x}", 99), bin()));
  write_file_atomically(path(), cache.text());
  EXPECT_TRUE(open().find(fmt::format("{:032x}", 99), bin()));
  EXPECT_TRUE(warnings_.empty());
}

TEST(FingerprintTest, EveryPartCounts) {
  SmallGraph g(1);
  test::wide_branches(g, 2);
  const std::string usual = fingerprint(g.graph);
  EXPECT_EQ(fingerprint(g.graph.clone()), usual);
  const auto changed = [&](const std::function<void(graph::Graph&)>& change) {
    graph::Graph copy = g.graph.clone();
    change(copy);
    return fingerprint(copy);
  };
  std::vector<std::string> all{usual};
  all.push_back(changed([](graph::Graph& c) { c.nodes()[0]->int8 = !c.nodes()[0]->int8; }));
  all.push_back(changed([](graph::Graph& c) { c.nodes()[0]->attributes["group"] = int64_t{2}; }));
  all.push_back(changed([](graph::Graph& c) { c.nodes()[0]->attributes["group"] = 2.0f; }));
  all.push_back(changed([](graph::Graph& c) { c.inputs[0]->quant.value().scales.at(0) *= 2; }));
  all.push_back(changed([](graph::Graph& c) { c.nodes()[0]->outputs[0]->codes = DType::i16; }));
  all.push_back(changed([](graph::Graph& c) { c.outputs.push_back(c.nodes()[0]->outputs[0]); }));
  all.push_back(changed([](graph::Graph& c) { c.rename_node(c.nodes()[0].get(), "renamed"); }));
  all.push_back(changed([](graph::Graph& c) {
    graph::Value* weights = c.nodes()[0]->inputs[1];
    Tensor other = *weights->constant;
    other.bytes()[0] ^= std::byte{1};
    weights->constant = std::make_shared<const Tensor>(std::move(other));
  }));
  for (size_t i = 0; i < all.size(); ++i)
    for (size_t j = 0; j < i; ++j) EXPECT_NE(all[i], all[j]) << i << " and " << j;
}

}  // namespace
}  // namespace openhb::compiler
