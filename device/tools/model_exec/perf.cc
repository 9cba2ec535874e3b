// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/perf.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include "common/io/file.h"
#include "common/tensor.h"
#include "device/tools/model_exec/profiler.h"

namespace openhb::model_exec {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int64_t kFramesPerLine = 200;
constexpr size_t kTableRows = 10;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The same random data in every run: floats in [0, 1), any bytes in pictures and codes. Other integers are
// positions and counts, for which 0 is valid everywhere.
void fill_inputs(engine::Session& session) {
  std::mt19937 random(1);
  const Program& program = session.model().program();
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    const TensorDesc& desc = program.tensors[program.inputs[i].tensor];
    Tensor data(desc.dtype, desc.logical_shape());
    if (desc.dtype == DType::f32)
      for (float& v : data.data<float>()) v = static_cast<float>(random() >> 8) * 0x1p-24f;
    else if (desc.dtype == DType::u8 || desc.dtype == DType::i8)
      for (std::byte& b : data.bytes()) b = static_cast<std::byte>(random() & 255u);
    engine::store_tensor(desc, data.bytes(), session.input(i).data());
  }
}

// Hands out frames to threads and collects their latencies.
class Frames {
 public:
  Frames(const Options& options, std::FILE* out)
      : left_(options.perf_time > 0 ? std::numeric_limits<int64_t>::max() : options.frame_count),
        start_(Clock::now()),
        limit_(options.perf_time > 0 ? std::optional(start_ + std::chrono::minutes(options.perf_time))
                                     : std::nullopt),
        out_(out) {}

  // One more frame to run?
  bool take() {
    const std::lock_guard lock(mutex_);
    if (left_ == 0 || (limit_ && latency_.count > 0 && Clock::now() >= *limit_)) return false;
    --left_;
    return true;
  }
  void done(double milliseconds) {
    const std::lock_guard lock(mutex_);
    latency_.add(milliseconds);
    if (latency_.count % kFramesPerLine == 0) print_line();
  }
  // After all threads have ended.
  void finish() {
    run_time_ = milliseconds_since(start_);
    if (latency_.count % kFramesPerLine != 0) print_line();
  }
  const Latency& latency() const { return latency_; }
  double run_time() const { return run_time_; }

 private:
  void print_line() const {
    fmt::print(
        out_,
        "Frame count: {},  Thread Average: {:.6f} ms, thread max latency: {:.6f} ms, thread min latency: "
        "{:.6f} ms\n",
        latency_.count, latency_.average(), latency_.most, latency_.least);
    std::fflush(out_);
  }

  std::mutex mutex_;
  int64_t left_;
  Clock::time_point start_;
  std::optional<Clock::time_point> limit_;
  std::FILE* out_;
  Latency latency_;
  double run_time_ = 0;
};

void run_frames(engine::Session& session, FrameRecorder* recorder, Frames& frames) {
  while (frames.take()) {
    const auto start = Clock::now();
    session.run();
    const double milliseconds = milliseconds_since(start);
    frames.done(milliseconds);
    if (recorder) recorder->frame_done(milliseconds);
  }
}

// The threads besides the calling one; joined also when one cannot be made.
class Threads {
 public:
  ~Threads() {
    for (std::thread& t : threads_) t.join();
  }
  template <class Fn>
  void start(Fn fn) {
    try {
      threads_.emplace_back(std::move(fn));
    } catch (const std::system_error& e) {
      fail(ErrorCode::resources, "cannot start a thread: {}; use a smaller --thread_num", e.what());
    }
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace

void perf(const Options& options, const std::vector<ModelPtr>& models, std::FILE* out) {
  const ModelPtr model = select_model(models, options.model_name);
  const bool profiled = !options.profile_path.empty();
  if (profiled)
    ensure_directory(options.profile_path);  // before the work, so that a wrong path is told at once
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int i = 0; i < options.thread_num; ++i) {
    sessions.push_back(std::make_unique<engine::Session>(model));
    fill_inputs(*sessions.back());
    sessions.back()->run();  // warms the caches
  }
  std::vector<FrameRecorder> recorders;
  for (size_t i = 0; profiled && i < sessions.size(); ++i) recorders.emplace_back(*sessions[i]);

  Frames frames(options, out);
  {
    Threads threads;
    const auto recorder = [&](size_t i) { return profiled ? &recorders[i] : nullptr; };
    for (size_t i = 1; i < sessions.size(); ++i)
      threads.start([&, i] { run_frames(*sessions[i], recorder(i), frames); });
    run_frames(*sessions[0], recorder(0), frames);
  }
  frames.finish();

  const Latency& latency = frames.latency();
  const double rate =
      frames.run_time() > 0 ? 1000 * static_cast<double>(latency.count) / frames.run_time() : 0;
  fmt::print(
      out,
      "\nRunning condition:\n  Thread number is: {}\n  Frame count   is: {}\n  Program run time: {:.6f} ms\n"
      "Perf result:\n  Frame totally latency is: {:.6f} ms\n  Average    latency    is: {:.6f} ms\n"
      "  Frame      rate       is: {:.6f} FPS\n",
      options.thread_num, latency.count, frames.run_time(), latency.total, latency.average(), rate);
  if (!profiled) return;
  Profile profile;
  for (const FrameRecorder& recorder : recorders) profile.add(recorder.profile());
  const RunningCondition condition{options.core_id, static_cast<int>(latency.count), options.thread_num,
                                   frames.run_time()};
  write_file_atomically(options.profile_path + "/profiler.log",
                        profiler_log(*sessions[0], profile, condition));
  write_file_atomically(options.profile_path + "/profiler.csv", profiler_csv(*sessions[0], profile));
  fmt::print(out, "\n{}", profile_table(*sessions[0], profile, kTableRows));
}

}  // namespace openhb::model_exec
