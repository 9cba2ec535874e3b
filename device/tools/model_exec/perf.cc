// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/perf.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "device/dnn/environment.h"
#include "device/dnn/profiler.h"
#include "device/tools/model_exec/inputs.h"
#include "device/tools/model_exec/intermediate.h"
#include "device/tools/model_exec/measure.h"
#include "device/tools/model_exec/peak.h"
#include "dnn/openhb_ext.h"

namespace openhb::model_exec {
namespace {

using nlohmann::ordered_json;
constexpr size_t kTableRows = 10;
// Of the frames that are profiled after the measurement, when it was not profiled itself.
constexpr int kProfiledFrames = 50;
constexpr std::chrono::seconds kProfileTime{1};

double mebibytes(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

openhbModelMemory model_memory(const ModelHandle& model) {
  openhbModelMemory memory{};
  memory.structSize = sizeof(memory);
  check(openhbGetModelMemory(&memory, model.handle), "openhbGetModelMemory");
  return memory;
}

// Threads of the core that runs one frame.
int core_threads(int core_id) {
  int32_t threads = 1;
  uint64_t mask = 0;
  check(openhbGetCoreThreads(core_id == 0 ? HB_BPU_CORE_0 : core_id, &threads, &mask),
        "openhbGetCoreThreads");
  return threads;
}

dnn::ModelProfile profile_frames(const Options& options, const ModelHandle& model, Frame& frame) {
  const auto profiler = std::make_shared<dnn::Profiler>();
  const dnn::ScopedObserver scope(profiler);
  const auto end = std::chrono::steady_clock::now() + kProfileTime;
  const int frames = std::min(options.frame_count, kProfiledFrames);
  for (int i = 0; i < frames && (i == 0 || std::chrono::steady_clock::now() < end); ++i)
    run(model, frame, options.core_id);
  return profiler->profiles().at(0);
}

std::string latency_text(const Options& options, const Measurement& m) {
  const dnn::Latency& all = m.latency.all();
  std::string text = fmt::format(
      "\nRunning condition:\n  Thread number is: {}\n  Frame count   is: {}\n  Program run time: {:.6f} ms\n"
      "Perf result:\n  Frame totally latency is: {:.6f} ms\n  Average    latency    is: {:.6f} ms\n"
      "  Frame      rate       is: {:.6f} FPS\n",
      options.thread_num, all.count, m.run_time, all.total, all.average(), m.rate());
  text += fmt::format("  Latency p50, p90, p99 is: {:.6f} ms, {:.6f} ms, {:.6f} ms\n",
                      m.latency.percentile(50), m.latency.percentile(90), m.latency.percentile(99));
  if (options.target_fps > 0)
    text += fmt::format(
        "Target {:g} FPS {}:\n  Frames due    : {}\n  Late frames   : {} (done after the next one was due)\n"
        "  Missed frames : {} (left out, all threads were busy)\n",
        options.target_fps, m.late + m.left_out == 0 ? "met" : "not met", m.due, m.late, m.left_out);
  const auto& [celsius, mhz] = m.sensors;
  if (celsius.known) text += fmt::format("Temperature: {:.1f} to {:.1f} C\n", celsius.least, celsius.most);
  if (mhz.known) text += fmt::format("CPU clock: {:.0f} to {:.0f} MHz\n", mhz.least, mhz.most);
  return text;
}

std::string memory_text(const openhbModelMemory& m, const ProcessMemory& p) {
  return fmt::format(
      "Memory:\n  Arenas: {} of {:.2f} MiB, weights (mapped, shared): {:.2f} MiB\n"
      "  Process: {:.2f} MiB resident, {:.2f} MiB at most\n",
      m.arenas, mebibytes(m.arenaBytes), mebibytes(m.weightBytes), mebibytes(p.resident),
      mebibytes(p.most_resident));
}

// What a step does in its fastest run: other programs that take the CPU meanwhile do not count.
struct StepRate {
  double share = 0;  // in the time of all steps
  double rate = 0;   // GMAC/s; 0 for a step without multiply-accumulates
  double peak = 0;   // share of the CPU's peak for the step's type; 0 where there is no measure
};

std::vector<StepRate> step_rates(const dnn::ModelProfile& profile, const Peak& peak) {
  double all = 0;
  for (const dnn::Latency& l : profile.steps) all += l.least;
  std::vector<StepRate> rates;
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    const dnn::StepInfo& info = profile.info[i];
    const double least = profile.steps[i].least;
    StepRate r;
    if (all > 0) r.share = least / all;
    if (least > 0) r.rate = static_cast<double>(info.macs) / least / 1e6;
    const double most = info.input == DType::i8 ? peak.int8 : info.input == DType::f32 ? peak.f32 : 0;
    if (most > 0) r.peak = r.rate / most;
    rates.push_back(r);
  }
  return rates;
}

std::string step_table(const dnn::ModelProfile& profile, const Peak& peak, size_t rows) {
  const std::vector<StepRate> rates = step_rates(profile, peak);
  std::vector<size_t> order(rates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    return rates[a].share > rates[b].share || (!(rates[a].share < rates[b].share) && a < b);
  });
  order.resize(std::min(rows, order.size()));
  std::string text = fmt::format(
      "Peak of this CPU, measured: a 1x1 convolution of 256 (float: 128) channels in the caches, through the "
      "engine, on "
      "{} thread{}:\n  int8 {:.1f} GMAC/s, float {:.1f} GMAC/s\nSlowest steps ({} of {}), fastest of {} "
      "frames:\n"
      "  {:>10}  {:>10}  {:>6}  {:>8}  {:>7}  {:<10}  {}\n",
      peak.threads, peak.threads == 1 ? "" : "s", peak.int8, peak.f32, order.size(), profile.steps.size(),
      profile.running.count, "fastest ms", "average ms", "share", "GMAC/s", "of peak", "row", "step");
  for (size_t i : order)
    text += fmt::format("  {:>10.6f}  {:>10.6f}  {:>5.1f}%  {:>8}  {:>7}  {:<10}  {}\n",
                        profile.steps[i].least, profile.steps[i].average(), 100 * rates[i].share,
                        rates[i].rate > 0 ? fmt::format("{:.2f}", rates[i].rate) : "-",
                        rates[i].peak > 0 ? fmt::format("{:.1f}%", 100 * rates[i].peak) : "-",
                        profile.info[i].row, profile.info[i].name);
  return text;
}

ordered_json range_json(const Range& range) { return {{"least", range.least}, {"most", range.most}}; }

ordered_json latency_json(const Options& options, const ModelHandle& model, const Measurement& m) {
  const dnn::Latency& all = m.latency.all();
  ordered_json json = {{"mode", "perf"},
                       {"model", model.name},
                       {"thread_num", options.thread_num},
                       {"core_id", options.core_id},
                       {"frame_count", all.count},
                       {"run_time_ms", m.run_time},
                       {"fps", m.rate()},
                       {"latency_ms",
                        {{"average", all.average()},
                         {"min", all.least},
                         {"max", all.most},
                         {"p50", m.latency.percentile(50)},
                         {"p90", m.latency.percentile(90)},
                         {"p99", m.latency.percentile(99)}}},
                       {"interrupted", m.interrupted}};
  if (options.target_fps > 0)
    json["target"] = {{"fps", options.target_fps}, {"due", m.due}, {"late", m.late}, {"missed", m.left_out}};
  if (m.sensors.celsius.known) json["celsius"] = range_json(m.sensors.celsius);
  if (m.sensors.mhz.known) json["mhz"] = range_json(m.sensors.mhz);
  return json;
}

ordered_json steps_json(const dnn::ModelProfile& profile, const Peak& peak) {
  auto steps = ordered_json::array();
  const std::vector<StepRate> rates = step_rates(profile, peak);
  for (size_t i = 0; i < profile.steps.size(); ++i)
    steps.push_back({{"name", profile.info[i].name},
                     {"on", profile.info[i].bpu ? "BPU" : "CPU"},
                     {"row", profile.info[i].row},
                     {"fastest_ms", profile.steps[i].least},
                     {"average_ms", profile.steps[i].average()},
                     {"share", rates[i].share},
                     {"macs", profile.info[i].macs},
                     {"gmacs_per_second", rates[i].rate},
                     {"share_of_peak", rates[i].peak}});
  return {{"peak_gmacs_per_second", {{"int8", peak.int8}, {"float", peak.f32}, {"threads", peak.threads}}},
          {"profiled_frames", profile.running.count},
          {"steps", std::move(steps)}};
}

void write_profile(const Options& options, const dnn::ModelProfile& profile, const Measurement& m) {
  const dnn::RunningCondition condition{.core_id = options.core_id,
                                        .thread_num = options.thread_num,
                                        .frame_count = m.latency.all().count,
                                        .run_time = m.run_time,
                                        .average_latency = m.latency.all().average()};
  write_file_atomically(options.profile_path + "/profiler.log", dnn::profiler_log(profile, condition));
  write_file_atomically(options.profile_path + "/profiler.csv",
                        dnn::profiler_csv_head() + dnn::profiler_csv(profile));
}

}  // namespace

void perf(const Options& options, const Package& package, std::FILE* out, ordered_json* json) {
  const ModelHandle model = package.select(options.model_name);
  const bool profiled = !options.profile_path.empty();
  // Before the work, so that a wrong path is told at once.
  if (profiled) ensure_directory(options.profile_path);
  std::vector<Frame> frames;
  frames.push_back(load_frame(options, model, nullptr).frame);
  for (int i = 1; i < options.thread_num; ++i) frames.push_back(copy_frame(model, frames[0]));
  for (Frame& frame : frames) run(model, frame, options.core_id);  // warms the caches
  if (options.dump_intermediate > 0)
    run_with_dump(options, model, frames[0]).write(options.dump_path, model.name);

  const auto profiler = std::make_shared<dnn::Profiler>();
  std::optional<dnn::ScopedObserver> scope;
  if (profiled) scope.emplace(profiler);
  const Measurement m = measure(options, model, frames, out);
  scope.reset();

  fmt::print(out, "{}{}", latency_text(options, m), memory_text(model_memory(model), process_memory()));
  if (json) {
    const openhbModelMemory memory = model_memory(model);
    const ProcessMemory process = process_memory();
    *json = latency_json(options, model, m);
    (*json)["memory"] = {{"arenas", memory.arenas},
                         {"arena_bytes", memory.arenaBytes},
                         {"weight_bytes", memory.weightBytes},
                         {"resident_bytes", process.resident},
                         {"most_resident_bytes", process.most_resident}};
  }
  if (m.latency.all().count > 0 && (profiled || !m.interrupted)) {
    const dnn::ModelProfile profile =
        profiled ? profiler->profiles().at(0) : profile_frames(options, model, frames[0]);
    if (profiled) write_profile(options, profile, m);
    const Peak peak = measure_peak(core_threads(options.core_id));
    fmt::print(out, "{}", step_table(profile, peak, kTableRows));
    if (json) json->update(steps_json(profile, peak));
  }
  std::fflush(out);
  if (m.interrupted) check_interrupt();
}

}  // namespace openhb::model_exec
