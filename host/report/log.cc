// SPDX-License-Identifier: Apache-2.0
#include "host/report/log.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <system_error>

#include "common/error.h"
#include "host/report/progress.h"

namespace openhb::report {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"DEBUG", "INFO", "WARNING", "ERROR"};

std::string time_stamp() {
  const auto now = std::chrono::system_clock::now();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  localtime_r(&seconds, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
  return fmt::format("{},{:03}", text.data(), milliseconds);
}

}  // namespace

Log::Log(const std::string& tool, const std::string& command, Level console) : console_(console) {
  if (tool.empty()) return;
  path_ = tool + (command.empty() ? "" : "_" + command) + ".log";
  file_ = std::fopen(path_.c_str(), "we");
  if (!file_)
    fail(ErrorCode::file_unwritable, "cannot write the log file '{}' in the current directory: {}", path_,
         std::generic_category().message(errno));
}

Log::~Log() {
  if (file_) std::fclose(file_);
}

void Log::write(Level level, std::string_view message) {
  while (message.ends_with('\n')) message.remove_suffix(1);
  const std::string line =
      fmt::format("{} {} {}\n", time_stamp(), kLevelNames[static_cast<size_t>(level)], message);
  const std::lock_guard lock(mutex_);
  if (file_) {
    std::fwrite(line.data(), 1, line.size(), file_);
    std::fflush(file_);  // a crash must not swallow the lines before it
  }
  if (level < console_) return;
  hide_progress_bar();
  std::FILE* console = level == Level::error ? stderr : stdout;
  std::fwrite(line.data(), 1, line.size(), console);
  std::fflush(console);
}

}  // namespace openhb::report
