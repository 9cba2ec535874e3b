// SPDX-License-Identifier: Apache-2.0
#include "host/report/provenance.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/error.h"

namespace openhb::report {
namespace {

namespace fs = std::filesystem;

class ProvenanceTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override {
    fs::remove_all(folder_);
    unsetenv("SOURCE_DATE_EPOCH");
  }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  fs::path folder_ = fs::temp_directory_path() / fmt::format("openhb_provenance_{}", ::getpid());
};

// What xxh128sum prints.
TEST_F(ProvenanceTest, HashesOfFiles) {
  const File empty = hash_file("model", file("empty", ""));
  EXPECT_EQ(empty.xxh3, "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(empty.bytes, 0u);
  const File abc = hash_file("model", file("abc", "abc"));
  EXPECT_EQ(abc.xxh3, "06b05ab6733a618578af5f94892f3950");
  EXPECT_EQ(abc.bytes, 3u);
  EXPECT_EQ(abc.role, "model");
  EXPECT_THROW(hash_file("model", (folder_ / "none").string()), Error);
}

TEST_F(ProvenanceTest, HashOfAFolderIsThatOfTheList) {
  const std::vector<std::string> paths{file("a", "abc"), file("b", "")};
  const File both = hash_files("data", "here", paths);
  EXPECT_EQ(both.files, 2u);
  EXPECT_EQ(both.bytes, 3u);
  EXPECT_EQ(both.xxh3, hash_file("", file("list",
                                          "06b05ab6733a618578af5f94892f3950  a\n"
                                          "99aa06d3014798d86001c324468d497f  b\n"))
                           .xxh3);
}

TEST_F(ProvenanceTest, DateComesFromTheEnvironmentOnly) {
  unsetenv("SOURCE_DATE_EPOCH");
  EXPECT_EQ(source_date(), "");
  setenv("SOURCE_DATE_EPOCH", "0", 1);
  EXPECT_EQ(source_date(), "1970-01-01 00:00:00 UTC");
  setenv("SOURCE_DATE_EPOCH", "1767182400", 1);
  EXPECT_EQ(source_date(), "2025-12-31 12:00:00 UTC");
  for (const char* wrong : {"today", "-1", "12x", "99999999999999999999", "253402300800"}) {
    setenv("SOURCE_DATE_EPOCH", wrong, 1);
    EXPECT_THROW(source_date(), Error) << wrong;
  }
}

}  // namespace
}  // namespace openhb::report
