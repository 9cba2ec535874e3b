// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/measure.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "common/io/interrupt.h"
#include "device/tools/model_exec/live.h"

namespace openhb::model_exec {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint64_t kFramesPerLine = 200;

double milliseconds(Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

// Hands out frames to threads and collects their latencies.
class Run {
 public:
  Run(const Options& options, std::FILE* out)
      : left_(options.perf_time > 0 ? std::numeric_limits<int64_t>::max() : options.frame_count),
        total_(left_),
        start_(Clock::now()),
        out_(out),
        live_(options.quiet) {
    if (options.perf_time > 0) limit_ = start_ + std::chrono::minutes(options.perf_time);
    if (options.target_fps > 0) period_ = std::chrono::duration<double>(1 / options.target_fps);
    result_.sensors.sample();
  }

  // One more frame to run? When it was due, if so.
  std::optional<Clock::time_point> take() {
    std::unique_lock lock(mutex_);
    if (!period_) {
      if (!goes_on(result_.latency.all().count)) return std::nullopt;
      --left_;
      return Clock::now();
    }
    ++idle_;
    ready_.notify_one();
    wake_.wait(lock, [&] { return !jobs_.empty() || ended_; });
    --idle_;
    if (jobs_.empty()) return std::nullopt;
    const auto due = jobs_.front();
    jobs_.pop_front();
    return due;
  }

  void done(Clock::time_point due) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    result_.latency.add(milliseconds(now - due));
    if (period_ && now > due + std::chrono::duration_cast<Clock::duration>(*period_)) ++result_.late;
    if (result_.latency.all().count % kFramesPerLine == 0) print_line();
    if (live_.due()) show();
  }

  void failed(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = error;
    left_ = 0;
    ended_ = true;
    wake_.notify_all();
    ready_.notify_all();
  }

  // With a target: waits for all threads, then gives each frame, when it is due, to one that is free.
  void pace(size_t threads) {
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [&] { return idle_ == threads || ended_; });
      const auto late = Clock::now() - start_;
      start_ += late;
      if (limit_) *limit_ += late;
    }
    for (uint64_t k = 0;; ++k) {
      const auto due =
          start_ + std::chrono::duration_cast<Clock::duration>(*period_ * static_cast<double>(k));
      while (Clock::now() < due && !interrupted())
        std::this_thread::sleep_until(std::min(due, Clock::now() + std::chrono::milliseconds(100)));
      const std::lock_guard lock(mutex_);
      if (!goes_on(k)) break;
      --left_;
      ++result_.due;
      if (idle_ > jobs_.size()) {
        jobs_.push_back(due);
        wake_.notify_one();
      } else {
        ++result_.left_out;
      }
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wake_.notify_all();
  }

  // After all threads have ended.
  Measurement finish() {
    if (error_) std::rethrow_exception(error_);
    result_.run_time = milliseconds(Clock::now() - start_);
    result_.interrupted = interrupted();
    result_.sensors.sample();
    live_.hide();
    if (result_.latency.all().count % kFramesPerLine != 0) print_line();
    return std::move(result_);
  }

 private:
  bool goes_on(uint64_t before) const {
    return left_ > 0 && !interrupted() && !(limit_ && before > 0 && Clock::now() >= *limit_);
  }
  double rate() const {
    return static_cast<double>(result_.latency.all().count) /
           std::max(milliseconds(Clock::now() - start_), 1e-6) * 1000;
  }
  void print_line() {
    live_.hide();
    const dnn::Latency& all = result_.latency.all();
    fmt::print(
        out_,
        "Frame count: {},  Thread Average: {:.6f} ms, thread max latency: {:.6f} ms, thread min latency: "
        "{:.6f} ms,  FPS: {:.6f}\n",
        all.count, all.average(), all.most, all.least, rate());
    std::fflush(out_);
  }
  void show() {
    result_.sensors.sample();
    const double seconds = milliseconds(Clock::now() - start_) / 1000;
    const uint64_t count = result_.latency.all().count;
    std::string text = fmt::format("{} frames", count);
    if (!limit_) text = fmt::format("{}/{} frames", count, total_);
    text += fmt::format(", {:.1f} FPS, {:.3f} ms", rate(), result_.latency.all().average());
    if (period_) text += fmt::format(", {} late, {} left out", result_.late, result_.left_out);
    if (result_.sensors.celsius.known)
      text += fmt::format(", at most {:.0f} C", result_.sensors.celsius.most);
    const double left = limit_ ? milliseconds(*limit_ - Clock::now()) / 1000
                               : seconds / static_cast<double>(count) * static_cast<double>(left_);
    live_.show(text + fmt::format(", {:.0f} s left", std::max(left, 0.0)));
  }

  std::mutex mutex_;
  std::condition_variable wake_, ready_;
  int64_t left_, total_;
  Clock::time_point start_;
  std::optional<Clock::time_point> limit_;
  std::optional<std::chrono::duration<double>> period_;
  std::FILE* out_;
  LiveLine live_;
  size_t idle_ = 0;
  std::deque<Clock::time_point> jobs_;  // with a target: frames that wait for threads that are on their way
  bool ended_ = false;
  std::exception_ptr error_;
  Measurement result_;
};

void work(const Options& options, const ModelHandle& model, Frame& frame, Run& shared) {
  try {
    while (const auto due = shared.take()) {
      run(model, frame, options.core_id);
      shared.done(*due);
    }
  } catch (...) {
    shared.failed(std::current_exception());
  }
}

}  // namespace

Measurement measure(const Options& options, const ModelHandle& model, std::span<Frame> frames,
                    std::FILE* out) {
  Run shared(options, out);
  {
    std::vector<std::jthread> threads;
    const bool paced = options.target_fps > 0;
    try {
      for (size_t i = paced ? 0 : 1; i < frames.size(); ++i)
        threads.emplace_back([&, i] { work(options, model, frames[i], shared); });
    } catch (const std::system_error& e) {
      shared.failed(std::make_exception_ptr(
          Error(ErrorCode::resources,
                fmt::format("cannot start a thread: {}; use a smaller --thread_num", e.what()))));
    }
    if (paced)
      shared.pace(threads.size());
    else
      work(options, model, frames[0], shared);
  }
  return shared.finish();
}

}  // namespace openhb::model_exec
