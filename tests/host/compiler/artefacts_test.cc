// SPDX-License-Identifier: Apache-2.0
// All files of a run, or none: also when it fails, is killed, or finds no room.
#include "host/compiler/artefacts.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "common/error.h"
#include "common/io/file.h"

namespace openhb {
namespace {

namespace fs = std::filesystem;
using compiler::Artefacts;

constexpr const char* kNames[] = {"one.onnx", "two.onnx", "folder/three.npy", "four.bin", "five.yaml"};

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    path = (fs::temp_directory_path() / fmt::format("openhb_artefacts_{}", ::getpid())).string();
    fs::remove_all(path);
  }
  void TearDown() override {
    fs::permissions(path, fs::perms::owner_all, ignored);
    fs::remove_all(path, ignored);
  }
  // A run whose files all hold `what`.
  void run(const std::string& what) const {
    Artefacts artefacts(path, "net");
    for (const char* name : kNames) artefacts.write(name, what);
    artefacts.commit();
  }
  // What all files hold; "mixed" when they differ or some are missing.
  std::string contents() const {
    std::string all;
    for (const char* name : kNames) {
      const std::string file = path + "/" + name;
      const std::string own = fs::exists(file) ? read_text_file(file) : "nothing";
      if (!all.empty() && own != all) return "mixed";
      all = own;
    }
    return all;
  }
  bool has_leftovers() const { return fs::exists(path + "/.net.new") || fs::exists(path + "/.net.done"); }

  std::string path;
  std::error_code ignored;
};

TEST_F(Folder, CommitPutsAllFilesInTheirPlaces) {
  run("old");
  run("new");
  EXPECT_EQ(contents(), "new");
  EXPECT_FALSE(has_leftovers());
}

TEST_F(Folder, WithoutCommitNothingChanges) {
  run("old");
  {
    Artefacts artefacts(path, "net");
    for (const char* name : kNames) artefacts.write(name, "new");
  }
  EXPECT_EQ(contents(), "old");
  EXPECT_FALSE(has_leftovers());
}

TEST_F(Folder, AnInterruptedCommitIsCompletedByTheNextRun) {
  run("old");
  fs::create_directories(path + "/.net.done/folder");
  // The first file is in its place already.
  write_file_atomically(path + "/one.onnx", "new");
  for (const char* name : {"two.onnx", "folder/three.npy", "four.bin", "five.yaml"})
    write_file_atomically(path + "/.net.done/" + name, "new");
  EXPECT_EQ(contents(), "mixed");
  {
    Artefacts next(path, "net");
  }
  EXPECT_EQ(contents(), "new");
  EXPECT_FALSE(has_leftovers());
}

TEST_F(Folder, OtherPrefixesAreLeftAlone) {
  fs::create_directories(path + "/.other.done");
  write_file_atomically(path + "/.other.done/x.bin", "x");
  run("new");
  EXPECT_TRUE(fs::exists(path + "/.other.done/x.bin"));
}

TEST_F(Folder, TwoRunsAtATimeAreRefused) {
  Artefacts first(path, "net");
  try {
    Artefacts second(path, "net");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("another conversion is writing"), std::string::npos)
        << error.what();
  }
  Artefacts other(path, "other");
  first.write("one.onnx", "kept");
  first.commit();
  EXPECT_EQ(read_text_file(path + "/one.onnx"), "kept");
}

TEST_F(Folder, AFolderInTheWayIsTold) {
  fs::create_directories(path + "/one.onnx");
  Artefacts artefacts(path, "net");
  EXPECT_THROW(artefacts.write("one.onnx", "x"), Error);
}

TEST_F(Folder, ReplacedFilesKeepTheirPermissions) {
  run("old");
  fs::permissions(path + "/four.bin", fs::perms::owner_read | fs::perms::owner_write);
  run("new");
  EXPECT_EQ(fs::status(path + "/four.bin").permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Folder, AReadOnlyFolderIsToldAtOnce) {
  run("old");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_exec);
  if (::access(path.c_str(), W_OK) == 0) GTEST_SKIP() << "this user may write everywhere";
  EXPECT_THROW(Artefacts(path, "net"), Error);
  fs::permissions(path, fs::perms::owner_all);
  EXPECT_EQ(contents(), "old");
}

// The size of files stands for that of the disk: a write beyond it fails in the middle.
TEST_F(Folder, AFullDiskLeavesTheOldFiles) {
  run("old");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(3);
    try {
      Artefacts artefacts(path, "net");
      artefacts.write("one.onnx", "new");
      artefacts.write("two.onnx", std::string(10000, 'x'));
      ::_exit(4);
    } catch (const Error& error) {
      ::_exit(error.code() == ErrorCode::file_unwritable ? 0 : 5);
    }
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(contents(), "old");
  EXPECT_FALSE(fs::exists(path + "/.net.new/two.onnx"));
}

// A process writes one set after the other and is killed at some moment; whoever comes next finds a whole
// set.
TEST_F(Folder, KillLeavesOldOrNewFiles) {
  run("0");
  std::mt19937 random(1);
  size_t interrupted = 0;
  for (int round = 0; round < 60; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        for (int i = 0;; ++i) run(fmt::format("{} {}", round, i));
      } catch (...) {
      }
      ::_exit(1);
    }
    ::usleep(std::uniform_int_distribution<useconds_t>(0, 20000)(random));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "round " << round;
    interrupted += has_leftovers();
    if (!fs::exists(path + "/.net.done")) EXPECT_NE(contents(), "mixed") << "round " << round;
    {
      Artefacts next(path, "net");
    }
    EXPECT_NE(contents(), "mixed") << "round " << round;
    EXPECT_NE(contents(), "nothing") << "round " << round;
    EXPECT_FALSE(has_leftovers()) << "round " << round;
  }
  EXPECT_GT(interrupted, 10u) << "the moments were badly chosen";
}

}  // namespace
}  // namespace openhb
