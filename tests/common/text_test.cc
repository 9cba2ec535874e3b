// SPDX-License-Identifier: Apache-2.0
#include "common/text/text.h"

#include <gtest/gtest.h>

#include "common/error.h"

namespace openhb {
namespace {

const std::vector<std::string> kWords = {"input_name", "input_type_rt", "march", "debug"};

TEST(NearestWord, FindsSlips) {
  EXPECT_EQ(nearest_word("input_nmae", kWords), "input_name");
  EXPECT_EQ(nearest_word("Input_Name", kWords), "input_name");
  EXPECT_EQ(nearest_word("inputtype_rt", kWords), "input_type_rt");
  EXPECT_EQ(nearest_word("mach", kWords), "march");
  EXPECT_EQ(suggestion("debgu", kWords), " Did you mean 'debug'?");
}

TEST(NearestWord, RefusesStrangers) {
  EXPECT_EQ(nearest_word("zzzzz", kWords), "");
  EXPECT_EQ(nearest_word("", kWords), "");
  EXPECT_EQ(nearest_word("x", kWords), "");
  EXPECT_EQ(nearest_word(std::string(1 << 20, 'a'), kWords), "");
  EXPECT_EQ(suggestion("zzzzz", {}), "");
}

TEST(Split, TrimsAndDropsEmptyPieces) {
  EXPECT_EQ(split(" a; b ;;c\n;", ';'), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(split("", ';').empty());
  EXPECT_TRUE(split(" ; ", ';').empty());
  EXPECT_EQ(trim("\t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \t"), "");
}

TEST(Table, PadsToLongestCell) {
  EXPECT_EQ(format_table({"Node", "ON"}, {{"conv", "BPU"}, {"long_name", ""}, {"x"}}),
            "================\n"
            "Node       ON   \n"
            "----------------\n"
            "conv       BPU  \n"
            "long_name       \n"
            "x               \n");
  EXPECT_EQ(format_table({"a"}, {}), "===\na  \n---\n");
  EXPECT_EQ(format_table({"a"}, {{"é"}}), "===\na  \n---\né  \n");
  EXPECT_THROW(format_table({"a"}, {{"1", "2"}}), Error);
}

}  // namespace
}  // namespace openhb
