// SPDX-License-Identifier: Apache-2.0
// A tool's log: lines on the console and always in `<tool>_<command>.log` in the current directory.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace openhb::report {

enum class Level { debug, info, warning, error };

// Lines are "YYYY-MM-DD HH:MM:SS,mmm LEVEL message" in local time; of a message of several lines only the
// first one gets this head, so that tables stay tables. Errors go to stderr, everything else to stdout. Safe
// to share between threads. The file holds all levels and begins anew with each run.
class Log {
 public:
  // `console` is the lowest level that the console shows: info, or debug for --verbose, error for --quiet. An
  // empty `command` gives `<tool>.log`; an empty `tool` no file. Throws Error(file_unwritable).
  Log(const std::string& tool, const std::string& command, Level console);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(Level level, std::string_view message);

  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    write(Level::info, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) {
    write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    write(Level::error, fmt::format(format, std::forward<Args>(args)...));
  }

  bool quiet() const { return console_ >= Level::error; }
  const std::string& path() const { return path_; }

 private:
  std::mutex mutex_;
  Level console_;
  std::string path_;
  std::FILE* file_ = nullptr;
};

}  // namespace openhb::report
