// SPDX-License-Identifier: Apache-2.0
#include "host/report/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace openhb::report {
namespace {

// The stream whose current line is a bar. One bar at a time is shown.
std::atomic<std::FILE*> bar_stream{nullptr};

std::string duration(double seconds) {
  const auto s = static_cast<long>(std::max(seconds, 0.0) + 0.5);
  return s < 60     ? fmt::format("{} s", s)
         : s < 3600 ? fmt::format("{}:{:02} min", s / 60, s % 60)
                    : fmt::format("{}:{:02} h", s / 3600, s / 60 % 60);
}

// What a stage counts.
std::string unit_of(const std::string& stage) {
  constexpr std::pair<std::string_view, std::string_view> kUnits[] = {{"search", "methods"},
                                                                      {"compare", "tensors"},
                                                                      {"Comparing", "pairs"},
                                                                      {"Comparing stages", "tensors"},
                                                                      {"Trying repairs", "trials"}};
  for (const auto& [name, unit] : kUnits)
    if (name == stage) return std::string(unit);
  return "samples";
}

void print(std::FILE* out, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

}  // namespace

void hide_progress_bar() {
  if (std::FILE* out = bar_stream.exchange(nullptr)) print(out, "\r\033[K");
}

Progress::Progress(std::string what, std::string unit, size_t total, ProgressOptions options)
    : what_(std::move(what)), unit_(std::move(unit)), total_(total), options_(options) {
  using Style = ProgressOptions::Style;
  if (options_.style == Style::automatic)
    options_.style = isatty(fileno(options_.out)) ? Style::bar : Style::lines;
  if (total == 0) options_.style = Style::none;
  done_ = std::min(options_.already, total);
}

Progress::~Progress() {
  hide_progress_bar();
  if (shown_ && options_.style == ProgressOptions::Style::lines && done_ >= total_)
    print(options_.out, fmt::format("{}: done in {}\n", what_, duration(elapsed())));
}

void Progress::advance(size_t steps) {
  const std::lock_guard lock(mutex_);
  done_ = std::min(done_ + steps, total_);
  if (options_.style == ProgressOptions::Style::none) return;
  const double seconds = elapsed();
  if (seconds >= options_.delay) draw(seconds);
}

void Progress::draw(double seconds) {
  const double share = static_cast<double>(done_) / static_cast<double>(total_);
  const double rate =
      static_cast<double>(done_ - std::min(options_.already, done_)) / std::max(seconds, 1e-9);
  const double remaining = static_cast<double>(total_ - done_) / std::max(rate, 1e-9);
  const std::string numbers =
      fmt::format("{}/{} {}, {:.3g} per s, {} left", done_, total_, unit_, rate, duration(remaining));
  if (options_.style == ProgressOptions::Style::bar) {
    if (done_ < total_ && drawn_at_ >= 0 && seconds - drawn_at_ < 0.1) return;
    drawn_at_ = seconds;
    constexpr size_t kWidth = 24;
    const auto filled = static_cast<size_t>(share * kWidth);
    print(options_.out, fmt::format("\r{} [{}{}] {:3.0f} %  {}\033[K", what_, std::string(filled, '#'),
                                    std::string(kWidth - filled, '.'), share * 100, numbers));
    bar_stream = options_.out;
  } else {
    const size_t tenths = done_ / std::max<size_t>(1, (total_ + 9) / 10);
    if (shown_ && tenths <= shown_tenths_) return;
    shown_tenths_ = tenths;
    print(options_.out, fmt::format("{}: {:.0f} %  {}\n", what_, share * 100, numbers));
  }
  shown_ = true;
}

void StageProgress::show(const std::string& stage, size_t done, size_t total) {
  if (!shown_) return;
  const std::lock_guard lock(mutex_);
  if (stage != stage_ || !bar_) {
    bar_.reset();
    bar_ = std::make_unique<Progress>(stage, unit_of(stage), total, ProgressOptions{.already = done});
    stage_ = stage;
  } else if (done > done_) {
    bar_->advance(done - done_);
  }
  done_ = done;
  if (done >= total) bar_.reset(), stage_.clear();
}

}  // namespace openhb::report
