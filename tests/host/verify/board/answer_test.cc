// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/answer.h"

#include <gtest/gtest.h>

#include "host/verify/board/elf.h"
#include "host/verify/board/sha256.h"
#include "host/verify/board/wording.h"

namespace openhb::verify {
namespace {

TEST(Answer, Sha256) {
  const auto hash = [](const std::string& text) { return sha256_text(std::as_bytes(std::span(text))); };
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Answer, MarkMayFollowALoginScript) {
  EXPECT_EQ(after_mark("@openhb\nhere\n"), "here\n");
  EXPECT_EQ(after_mark("Welcome to the board\n\n@openhb\nhere\n"), "here\n");
  EXPECT_FALSE(after_mark(""));
  EXPECT_FALSE(after_mark("@openhb"));
  EXPECT_FALSE(after_mark("x@openhb\nhere"));
}

TEST(Answer, FreeSpace) {
  const auto disk = parse_df("df /dev/mmc blk0p1   1048576  1024 1047552   1% /user data");
  ASSERT_TRUE(disk);
  EXPECT_EQ(disk->free_bytes, 1047552u * 1024);
  EXPECT_EQ(disk->mount, "/user data");
  for (const char* line : {"", "df ", "df a b c% /", "df x 1 2 -3 1% /", "df x 1 2 99999999999999999999 1% /",
                           "/dev/x 1 2 3 4% /", "df % /"})
    EXPECT_FALSE(parse_df(line)) << line;
}

TEST(Answer, CachedFiles) {
  const auto file = parse_cached_file(
      "-rwx------    1 1000     1000       3500000 Nov 21 19:50 0123456789abcdef0123456789abcdef");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size, 3500000u);
  EXPECT_EQ(file->hash, "0123456789abcdef0123456789abcdef");
  for (const char* line :
       {"total 8", "-rw 1 0 0 5 Nov 21 19:50 ../../etc/passwd", "-rw 1 0 0 5 Nov 21 19:50 $(reboot)",
        "drwx 1 0 0 5 Nov 21 19:50 0123456789abcdef0123456789abcdef",
        "-rw 1 0 0 -5 Nov 21 19:50 0123456789abcdef0123456789abcdef"})
    EXPECT_FALSE(parse_cached_file(line)) << line;
}

TEST(Answer, WordsForTheTerminalAreHarmless) {
  EXPECT_EQ(printable(" a\x1b[31m\n\xff b\r\n"), "a?[31m ? b");
  EXPECT_EQ(printable("größer"), "größer");
  EXPECT_EQ(printable(std::string(5000, 'x') + "end", 10), "...xxxxxxxend");
}

TEST(Answer, FailuresAreExplained) {
  const auto text = [](int status, std::string signal, std::string err) {
    return failure_text({.status = status, .signal = std::move(signal), .out = "", .err = std::move(err)});
  };
  EXPECT_EQ(text(3, "", ""), "exit status 3; it said nothing");
  EXPECT_EQ(text(1, "", "OHB-0502: damaged\n"), "exit status 1; it said: OHB-0502: damaged");
  EXPECT_TRUE(text(-1, "KILL", "").contains("memory")) << text(-1, "KILL", "");
  EXPECT_EQ(text(139, "", ""), text(-1, "SEGV", ""));
  EXPECT_TRUE(text(126, "", "Permission denied").contains("noexec"));
  EXPECT_TRUE(text(126, "", "sh: x: Exec format error").contains("another kind of machine"));
  EXPECT_TRUE(text(2, "",
                   "x: line 1: \x7f"
                   "ELF\x02: not found")
                  .contains("another kind of machine"));
  EXPECT_TRUE(text(127, "", "").contains("library"));
  EXPECT_EQ(failure_code({.status = 1, .signal = "", .out = "", .err = "cat: No space left on device"}),
            ErrorCode::board_storage);
  EXPECT_EQ(failure_code({.status = 1, .signal = "", .out = "", .err = "x"}), ErrorCode::board_command);
}

TEST(Answer, MachinesOfPrograms) {
  std::string elf(64, '\0');
  elf.replace(0, 7, std::string("\x7f\x45\x4c\x46\x02\x01\x01", 7));
  elf[18] = '\xb7';
  EXPECT_EQ(elf_machine(std::as_bytes(std::span(elf))), "aarch64");
  elf[18] = 62;
  EXPECT_EQ(elf_machine(std::as_bytes(std::span(elf))), "x86_64");
  elf[18] = 99;
  EXPECT_EQ(elf_machine(std::as_bytes(std::span(elf))), "machine 99");
  elf[0] = '#';
  EXPECT_EQ(elf_machine(std::as_bytes(std::span(elf))), "");
  EXPECT_EQ(elf_machine({}), "");
}

}  // namespace
}  // namespace openhb::verify
