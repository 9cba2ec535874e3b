// SPDX-License-Identifier: Apache-2.0
#include "common/io/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>

#include "common/error.h"

namespace openhb {
namespace {

namespace fs = std::filesystem;

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + fmt::format("openhb_file_test_{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  size_t count() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {})); }

  std::string folder_;
};

std::pair<ErrorCode, std::string> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return {e.code(), e.what()};
  }
  return {ErrorCode{0}, "no error"};
}

TEST_F(FileTest, WritesAndReads) {
  for (const std::string& text : {std::string("hello"), std::string(), std::string(3'000'000, 'x')}) {
    write_file_atomically(path("a"), text);
    EXPECT_EQ(read_text_file(path("a")), text);
    EXPECT_EQ(read_file(path("a")).size(), text.size());
    EXPECT_EQ(count(), 1u);
  }
}

TEST_F(FileTest, KeepsThePermissionsOfAReplacedFile) {
  write_file_atomically(path("a"), "1");
  fs::permissions(path("a"), fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
  write_file_atomically(path("a"), "2");
  EXPECT_EQ(fs::status(path("a")).permissions(),
            fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
}

TEST_F(FileTest, ReadErrorsNamePathAndReason) {
  const auto missing = error_of([&] { read_file(path("none")); });
  EXPECT_EQ(missing.first, ErrorCode::file_missing);
  EXPECT_NE(missing.second.find(path("none")), std::string::npos);
  EXPECT_EQ(error_of([&] { read_file(folder_); }).first, ErrorCode::file_unreadable);
  EXPECT_EQ(error_of([&] { read_file("/dev/null"); }).first, ErrorCode::file_unreadable);
  write_file_atomically(path("empty"), "");
  EXPECT_EQ(error_of([&] { read_file(path("empty"), EmptyFile::refuse); }).first, ErrorCode::file_empty);
  EXPECT_EQ(error_of([&] { MappedFile::open(path("empty")); }).first, ErrorCode::file_empty);
  EXPECT_EQ(error_of([&] { MappedFile::open(folder_); }).first, ErrorCode::file_unreadable);
  EXPECT_EQ(error_of([&] { read_file(path("empty") + "/below"); }).first, ErrorCode::file_missing);
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(error_of([&] { read_file(path("fifo")); }).first, ErrorCode::file_unreadable);
}

TEST_F(FileTest, UnreadableFile) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads every file";
  write_file_atomically(path("secret"), "x");
  fs::permissions(path("secret"), fs::perms::none);
  EXPECT_EQ(error_of([&] { read_file(path("secret")); }).first, ErrorCode::file_unreadable);
}

TEST_F(FileTest, AFailedWriteLeavesNothing) {
  fs::create_directory(path("folder"));
  const auto error = error_of([&] { write_file_atomically(path("folder"), "x"); });
  EXPECT_EQ(error.first, ErrorCode::file_unwritable);
  EXPECT_NE(error.second.find(path("folder")), std::string::npos);
  EXPECT_EQ(count(), 1u);
  const auto no_parent = error_of([&] { write_file_atomically(path("none/a"), "x"); });
  EXPECT_EQ(no_parent.first, ErrorCode::file_unwritable);
  EXPECT_NE(no_parent.second.find("No such file or directory"), std::string::npos) << no_parent.second;
}

TEST_F(FileTest, AWriteThatFailsHalfwayKeepsTheOldFile) {
  write_file_atomically(path("a"), "old");
  // A limit of the file size makes write() fail as a full disk does.
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{1000, limit.rlim_max};
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto error = error_of([&] { write_file_atomically(path("a"), std::string(5000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, previous);
  EXPECT_EQ(error.first, ErrorCode::file_unwritable);
  EXPECT_NE(error.second.find("File too large"), std::string::npos) << error.second;
  EXPECT_EQ(read_text_file(path("a")), "old");
  EXPECT_EQ(count(), 1u);
}

TEST_F(FileTest, MapsBytes) {
  write_file_atomically(path("a"), "mapped");
  const auto file = MappedFile::open(path("a"));
  fs::remove(path("a"));
  ASSERT_EQ(file->bytes().size(), 6u);
  EXPECT_EQ(std::memcmp(file->bytes().data(), "mapped", 6), 0);
}

TEST_F(FileTest, MakesFolders) {
  ensure_directory(path("x/y/z"));
  ensure_directory(path("x/y/z"));
  EXPECT_TRUE(fs::is_directory(path("x/y/z")));
  write_file_atomically(path("file"), "x");
  EXPECT_EQ(error_of([&] { ensure_directory(path("file")); }).first, ErrorCode::file_unwritable);
  EXPECT_EQ(error_of([&] { ensure_directory(path("file/below")); }).first, ErrorCode::file_unwritable);
}

}  // namespace
}  // namespace openhb
