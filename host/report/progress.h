// SPDX-License-Identifier: Apache-2.0
// Progress of something that takes long: a bar with rate and remaining time on a terminal, else a line every
// 10 %.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

namespace openhb::report {

struct ProgressOptions {
  std::FILE* out = stderr;
  enum class Style { automatic, bar, lines, none } style = Style::automatic;  // automatic: bar on a terminal
  double delay = 2.0;  // seconds before anything is shown
  size_t already = 0;  // steps that were done before: they count, but say nothing about the rate
};

// Safe to share between threads; advance() is cheap enough for thousands of calls a second.
class Progress {
 public:
  // `what` names the work, `unit` what is counted ("samples"); total 0 shows nothing.
  Progress(std::string what, std::string unit, size_t total, ProgressOptions options = {});
  // Takes the bar away, or ends the lines with the total time.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(size_t steps = 1);

 private:
  using Clock = std::chrono::steady_clock;
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  void draw(double seconds);

  std::mutex mutex_;
  std::string what_, unit_;
  size_t total_, done_ = 0;
  ProgressOptions options_;
  Clock::time_point start_ = Clock::now();
  double drawn_at_ = -1;     // when the bar was last drawn
  size_t shown_tenths_ = 0;  // the last line's share of the total
  bool shown_ = false;
};

// The bars of work in named stages, one after the other. Safe to share between threads.
class StageProgress {
 public:
  explicit StageProgress(bool shown) : shown_(shown) {}
  // The first call for a stage starts its clock.
  void show(const std::string& stage, size_t done, size_t total);

 private:
  std::mutex mutex_;
  bool shown_;
  std::string stage_;
  size_t done_ = 0;
  std::unique_ptr<Progress> bar_;
};

// Clears the line that a bar occupies, if there is one, so that other output can be written; the next step
// redraws it.
void hide_progress_bar();

}  // namespace openhb::report
