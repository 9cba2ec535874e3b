// SPDX-License-Identifier: Apache-2.0
// The bits of every step are those of docs/numerics-vectors.txt, on every instruction set and architecture.
#include "tests/device/steps/vectors.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <sstream>

#include "common/io/file.h"

namespace openhb::test {
namespace {

// Line by line, so that a failure names the vectors that changed.
void expect_committed(const std::string& lines, const std::string& what) {
  std::istringstream actual(lines), committed(read_text_file(OPENHB_VECTOR_SUMS));
  std::string a, b;
  while (std::getline(actual, a)) {
    EXPECT_TRUE(std::getline(committed, b)) << what << ": " << a << " is new";
    EXPECT_EQ(b, a) << what;
  }
  EXPECT_FALSE(std::getline(committed, b)) << what << ": " << b << " is missing";
}

TEST(Vectors, EveryRowGivesTheCommittedBits) {
  for (const std::string& level : runnable_isa_levels())
    expect_committed(checksum_lines(make_vectors(isa_level(level))), level);
}

TEST(Vectors, FilesAreWrittenAlikeTwice) {
  std::string lines[2];
  for (std::string& text : lines) {
    std::string folder = (std::filesystem::temp_directory_path() / "vectors-XXXXXX").string();
    ASSERT_NE(nullptr, mkdtemp(folder.data()));
    write_vectors(folder, make_vectors(isa_level("ref")));
    std::vector<VectorFile> files;
    std::istringstream names(read_text_file(folder + "/numerics-vectors.txt"));
    std::string name, sum;
    while (names >> name >> sum) files.push_back({name, read_file(folder + "/" + name)});
    text = checksum_lines(files);
    std::filesystem::remove_all(folder);
  }
  EXPECT_EQ(lines[0], lines[1]);
  expect_committed(lines[0], "files");
}

}  // namespace
}  // namespace openhb::test
