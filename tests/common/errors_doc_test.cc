// SPDX-License-Identifier: Apache-2.0
// Every code of common/error.h is explained in docs/errors.md, and nothing else is.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "common/error.h"
#include "common/io/file.h"

namespace openhb {
namespace {

std::set<std::string> matches(const std::string& text, const std::string& pattern, const char* format) {
  std::set<std::string> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    found.insert(it->format(format));
  return found;
}

TEST(ErrorsDoc, ListsEveryCode) {
  const std::string root = OPENHB_SOURCE_DIR;
  std::set<std::string> codes;
  for (const std::string& entry :
       matches(read_text_file(root + "/common/error.h"), "\n  (\\w+) = (\\d+),", "$2 $1")) {
    const size_t space = entry.find(' ');
    codes.insert(fmt::format("OHB-{:04} {}", std::stoi(entry.substr(0, space)), entry.substr(space + 1)));
  }
  EXPECT_GT(codes.size(), 20u);
  EXPECT_EQ(codes, matches(read_text_file(root + "/docs/errors.md"), "\n\\| (OHB-\\d{4}) \\| `(\\w+)` \\|",
                           "$1 $2"));
}

}  // namespace
}  // namespace openhb
