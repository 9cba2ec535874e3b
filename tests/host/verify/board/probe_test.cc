// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/probe.h"

#include <gtest/gtest.h>

#include <random>

#include "common/error.h"

namespace openhb::verify {
namespace {

constexpr std::string_view kBoard = R"(Last login: yesterday
@openhb
@@ architecture
aarch64
@@ kernel
5.10.0-28-arm64
@@ libc
GNU C Library (Debian GLIBC 2.31-13+deb11u11) stable release version 2.31.
@@ model
Horizon J5 DVB
@@ cpuinfo
Features	: fp asimd evtstrm asimdhp asimddp
CPU implementer	: 0x41
CPU part	: 0xd05
Features	: fp asimd evtstrm asimdhp asimddp
CPU implementer	: 0x41
CPU part	: 0xd0b
@@ auxv
 0000000000000010 0000000000000003
@@ processors
8
@@ memory
MemTotal:        3900000 kB
MemFree:         1000000 kB
@@ clock
1700000100
@@ mounts
/dev/root / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw,nosuid,noexec 0 0
@@ place
asked /userdata
problem there is no such folder, or no right to enter it
@@ place
asked /root
path /root
df /dev/root 8000000 1000000 7000000 13% /
@@ place
asked /tmp
path /tmp
df tmpfs 500000 0 500000 0% /tmp
@@ runtime
path /opt/vendor/hrt_model_exec
status 0
answer hrt_model_exec version 1.9.3
@@ runtime
path /usr/bin/hrt_model_exec
status 0
answer hrt_model_exec 0.1.0 (OpenHB), libdnn 1.2
@@ end
)";

std::string changed(std::string_view from, std::string_view to) {
  std::string text(kBoard);
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(Probe, ReadsABoard) {
  const Probe probe = parse_probe(kBoard, 1700000000);
  const BoardFacts& f = probe.facts;
  EXPECT_EQ(f.architecture, "aarch64");
  EXPECT_EQ(f.kernel, "5.10.0-28-arm64");
  EXPECT_EQ(f.libc, "glibc 2.31");
  EXPECT_EQ(f.cpu, "Cortex-A55 + Cortex-A76");
  EXPECT_EQ(f.features, (std::vector<std::string>{"fp", "asimd", "evtstrm", "asimdhp", "asimddp"}));
  EXPECT_EQ(f.processors, 8);
  EXPECT_EQ(f.memory_bytes, uint64_t{3900000} * 1024);
  EXPECT_EQ(f.clock_difference, 100.5);
  ASSERT_EQ(probe.places.size(), 3u);
  EXPECT_FALSE(probe.places[0].problem.empty());
  EXPECT_EQ(probe.places[1].path, "/root");
  EXPECT_EQ(probe.places[1].problem, "");
  EXPECT_EQ(probe.places[1].free_bytes, uint64_t{7000000} * 1024);
  EXPECT_FALSE(probe.places[1].noexec);
  EXPECT_TRUE(probe.places[2].noexec);
  ASSERT_EQ(probe.runtimes.size(), 2u);
  EXPECT_EQ(probe.runtimes[0].version, "");
  EXPECT_EQ(probe.runtimes[1].version, "0.1.0");
}

TEST(Probe, OtherBoards) {
  EXPECT_EQ(parse_probe(changed("GNU C Library (Debian GLIBC 2.31-13+deb11u11) stable release version 2.31.",
                                "glibc 2.36"),
                        0)
                .facts.libc,
            "glibc 2.36");
  EXPECT_EQ(parse_probe(changed("GNU C Library (Debian GLIBC 2.31-13+deb11u11) stable release version 2.31.",
                                "musl libc (aarch64)\nVersion 1.2.3"),
                        0)
                .facts.libc,
            "musl 1.2.3");
  EXPECT_EQ(parse_probe(changed("0xd05", "0xfff"), 0).facts.cpu, "CPU 0x41:0xfff + Cortex-A76");
  // Under an emulator /proc/cpuinfo is that of its host; the auxiliary vector is not.
  const std::string all(kBoard);
  const size_t from = all.find("Features"), to = all.find("@@ auxv");
  const std::string emulated = all.substr(0, from) + "model name : Xeon\nflags : sse avx\n" + all.substr(to);
  const BoardFacts facts = parse_probe(emulated, 0).facts;
  EXPECT_EQ(facts.cpu, "Horizon J5 DVB");
  EXPECT_EQ(facts.features, (std::vector<std::string>{"fp", "asimd"}));
  std::string pc = emulated;
  pc.replace(pc.find("aarch64"), 7, "x86_64");
  EXPECT_EQ(parse_probe(pc, 0).facts.cpu, "Xeon");
  EXPECT_EQ(parse_probe(pc, 0).facts.features, (std::vector<std::string>{"sse", "avx"}));
}

TEST(Probe, ReadOnlyFolders) {
  const Probe probe = parse_probe(changed("tmpfs /tmp tmpfs rw,", "tmpfs /tmp tmpfs ro,"), 0);
  EXPECT_EQ(probe.places[1].problem, "");
  EXPECT_EQ(probe.places[2].problem, "it is mounted read-only");
}

TEST(Probe, NonsenseIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("command not found"), std::string(kBoard.substr(0, 400)),
        std::string("@openhb\n"), std::string("@openhb\n@@ end\n"), std::string(1 << 20, '\n'),
        std::string("@openhb\n") + std::string(1 << 20, 'x')}) {
    try {
      parse_probe(text, 0);
      ADD_FAILURE() << text.substr(0, 100);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::board_unsuitable) << e.what();
      EXPECT_LT(std::string_view(e.what()).size(), 1000u);
    }
  }
}

TEST(Probe, SenselessValuesStayEmpty) {
  EXPECT_EQ(parse_probe(changed("@@ processors\n8", "@@ processors\n-8"), 0).facts.processors, 0);
  EXPECT_EQ(parse_probe(changed("3900000 kB", "99999999999999999 kB"), 0).facts.memory_bytes, 0u);
  EXPECT_EQ(parse_probe(changed("1700000100", "now"), 1).facts.clock_difference, 0);
  EXPECT_EQ(parse_probe(changed("path /root", "path ../../root"), 0).places[1].problem.empty(), false);
  EXPECT_EQ(parse_probe(changed("5.10.0-28-arm64", "5.10\x1b]0;title\x07"), 0).facts.kernel,
            "5.10?]0;title?");
}

// Messages and reports show them as they are.
TEST(Probe, PathsThatAreNoText) {
  for (const std::string_view path : {"/ro\x1b[2Jot", "/r\xff", "/r\u202eot", "/r\rot"}) {
    const Probe probe = parse_probe(changed("path /root", "path " + std::string(path)), 0);
    EXPECT_TRUE(probe.places[1].problem.contains("UTF-8")) << probe.places[1].problem;
    const std::string bad = std::string(path) + "/hrt_model_exec";
    const Probe other = parse_probe(changed("path /usr/bin/hrt_model_exec", "path " + bad), 0);
    EXPECT_EQ(other.runtimes.back().version, "");
  }
  EXPECT_EQ(parse_probe(changed("path /root", "path /m\u00fcll eimer "), 0).places[1].problem, "");
}

TEST(Probe, DamagedAnswersAreSurvived) {
  std::mt19937 random(7);
  for (int turn = 0; turn < 3000; ++turn) {
    std::string text(kBoard);
    for (int i = 0; i < 8; ++i) {
      const size_t at = random() % text.size();
      if (random() % 2)
        text[at] = static_cast<char>(random());
      else
        text.erase(at, random() % 40);
    }
    try {
      const Probe probe = parse_probe(text, 0);
      for (const char c : probe.facts.architecture + probe.facts.cpu + probe.facts.kernel + probe.facts.libc)
        ASSERT_TRUE(c >= 0x20 && c < 0x7f);
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::board_unsuitable);
    }
  }
}

TEST(Probe, VersionsOfRuntimes) {
  EXPECT_EQ(runtime_version("hrt_model_exec 12.0.1 (OpenHB), libdnn 1.0"), "12.0.1");
  for (const char* text :
       {"", "hrt_model_exec", "hrt_model_exec ", "hrt_model_exec  (OpenHB)", "hrt_model_exec 1.0",
        "hrt_model_exec 1.0 (other)", "sh: hrt_model_exec: not found"})
    EXPECT_EQ(runtime_version(text), "") << text;
}

TEST(Probe, PathsOfOptionsAreQuoted) {
  BoardOptions options;
  options.folder = "/a b'; reboot; '";
  EXPECT_TRUE(probe_script(options).contains(R"(set -- '/a b'\''; reboot; '\''')"));
  options.folder = "/a\nb";
  EXPECT_THROW(probe_script(options), Error);
}

}  // namespace
}  // namespace openhb::verify
