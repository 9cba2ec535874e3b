// SPDX-License-Identifier: Apache-2.0
#include "host/verify/remote_text.h"

#include <gtest/gtest.h>

namespace openhb::verify {
namespace {

TEST(RemoteText, KeepsText) {
  EXPECT_EQ(remote_text(""), "");
  EXPECT_EQ(remote_text("cat: f: No such file"), "cat: f: No such file");
  const std::string letters = "gr\u00f6\u00dfer \u4e2d\u6587 \U0001F600";
  EXPECT_EQ(remote_text(letters), letters);
}

TEST(RemoteText, RemovesWhatActs) {
  EXPECT_EQ(remote_text("a\x1b[2Jb\r\nc\td\x7f"), "a?[2Jb??c?d?");
  EXPECT_EQ(remote_text(std::string_view("a\0b", 3)), "a?b");
  EXPECT_EQ(remote_text("\xc2\x9b"), "??");                               // CSI in one character
  EXPECT_EQ(remote_text("\xe2\x80\xae"), "???");                          // right to left
  EXPECT_EQ(remote_text("a\u2066b\u2069\u200f\u061c"), "a???b????????");  // direction, too
  EXPECT_EQ(remote_text("\xff\xfe \xc3 \xe4\xb8"), "?? ? ??");            // not UTF-8, cut off
  EXPECT_EQ(remote_text("\xc0\xaf \xe0\x80\xaf"), "?? ???");              // longer than needed
  EXPECT_EQ(remote_text("\xed\xa0\x80 \xf4\x90\x80\x80"), "??? ????");    // surrogate, beyond Unicode
}

TEST(RemoteText, Cuts) {
  EXPECT_EQ(remote_text("12345", 5), "12345");
  EXPECT_EQ(remote_text("123456", 5), "12345...");
  EXPECT_EQ(remote_text("1234\u00f6", 5), "1234...");
}

}  // namespace
}  // namespace openhb::verify
