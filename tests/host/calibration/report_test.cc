// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include "common/error.h"
#include "host/report/log.h"
#include "host/report/progress.h"

namespace openhb::report {
namespace {

namespace fs = std::filesystem;

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    before_ = fs::current_path();
    fs::create_directories(folder_);
    fs::current_path(folder_);
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }
  static std::string read(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  fs::path before_, folder_ = fs::temp_directory_path() / fmt::format("openhb_log_{}", ::getpid());
};

const std::string kHead = R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} )";

TEST_F(LogTest, FileHasAllLevelsConsoleTheChosenOnes) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  {
    Log log("tool", "command", Level::info);
    log.debug("details {}", 1);
    log.info("table\na  b\n");
    log.warning("careful");
    log.error("wrong");
    EXPECT_EQ(log.path(), "tool_command.log");
  }
  const std::string out = testing::internal::GetCapturedStdout(),
                    err = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(std::regex_match(out, std::regex(kHead + "INFO table\na  b\n" + kHead + "WARNING careful\n")))
      << out;
  EXPECT_TRUE(std::regex_match(err, std::regex(kHead + "ERROR wrong\n"))) << err;
  const std::string file = read("tool_command.log");
  EXPECT_TRUE(std::regex_match(file, std::regex(kHead + "DEBUG details 1\n" + kHead + "INFO table\na  b\n" +
                                                kHead + "WARNING careful\n" + kHead + "ERROR wrong\n")))
      << file;
}

TEST_F(LogTest, QuietAndVerbose) {
  testing::internal::CaptureStdout();
  Log("tool", "", Level::error).info("unseen");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_NE(read("tool.log").find("INFO unseen"), std::string::npos);
  testing::internal::CaptureStdout();
  Log("", "", Level::debug).debug("seen");
  EXPECT_NE(testing::internal::GetCapturedStdout().find("DEBUG seen"), std::string::npos);
}

TEST_F(LogTest, UnwritableFolderIsAnError) {
  fs::create_directories("tool_x.log");
  EXPECT_THROW(Log("tool", "x", Level::info), Error);
}

TEST_F(LogTest, ThreadsDoNotMixLines) {
  testing::internal::CaptureStdout();
  {
    Log log("tool", "threads", Level::error);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&log, t] {
        for (int i = 0; i < 200; ++i) log.info("thread {} line {}", t, i);
      });
  }
  testing::internal::GetCapturedStdout();
  std::istringstream lines(read("tool_threads.log"));
  const std::regex pattern(kHead + R"(INFO thread \d line \d+)");
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_TRUE(std::regex_match(line, pattern)) << line;
  EXPECT_EQ(count, 800);
}

std::string progress_output(ProgressOptions::Style style, double delay, size_t total) {
  std::FILE* file = std::tmpfile();
  {
    Progress progress("Calibrating", "samples", total, {file, style, delay});
    for (size_t i = 0; i < total; ++i) progress.advance();
  }
  std::string text(static_cast<size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  EXPECT_EQ(std::fread(text.data(), 1, text.size(), file), text.size());
  std::fclose(file);
  return text;
}

TEST(ProgressTest, LinesComeEveryTenPercent) {
  const std::string text = progress_output(ProgressOptions::Style::lines, 0, 100);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12) << text;  // the first step, each tenth, the end
  EXPECT_NE(text.find("Calibrating: 50 %  50/100 samples, "), std::string::npos) << text;
  EXPECT_NE(text.find("Calibrating: done in "), std::string::npos) << text;
}

TEST(ProgressTest, AutomaticOnAFileMeansLines) {
  EXPECT_EQ(progress_output(ProgressOptions::Style::automatic, 0, 20).find('\r'), std::string::npos);
}

TEST(ProgressTest, BarIsTakenAway) {
  const std::string text = progress_output(ProgressOptions::Style::bar, 0, 50);
  EXPECT_NE(text.find("] 100 %  50/50 samples"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\033[K")) << text;
}

TEST(ProgressTest, ShortWorkShowsNothing) {
  for (auto style : {ProgressOptions::Style::bar, ProgressOptions::Style::lines}) {
    EXPECT_EQ(progress_output(style, 60, 100), "");
    EXPECT_EQ(progress_output(style, 0, 0), "");
  }
}

}  // namespace
}  // namespace openhb::report
