// SPDX-License-Identifier: Apache-2.0
// Times of runs and of their steps, and the files profiler.log and profiler.csv. For hrt_model_exec and the
// environment variable HB_DNN_PROFILER_LOG_PATH.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "device/dnn/observer.h"

namespace openhb::dnn {

struct Latency {
  uint64_t count = 0;
  double total = 0, least = 0, most = 0;  // milliseconds
  void add(double milliseconds);
  double average() const { return count == 0 ? 0 : total / static_cast<double>(count); }
};

// What the files say about a step besides times.
struct StepInfo {
  std::string name;  // all different: "Conv_<node>", with a number behind it where a node has several
  std::string row;   // kernel row
  int64_t macs = 0, bytes = 0;
  DType input = DType::f32;
  bool bpu = false;
  int32_t subgraph = -1;
};

// Where the runs of a model spend their time.
struct ModelProfile {
  std::string model;
  std::vector<StepInfo> info;
  Latency pending, running;  // of tasks; running: from inputs to outputs
  Latency prepare, deliver;  // inputs into and outputs out of the model's memory
  Latency bpu, cpu;          // steps of the integer engine and of float
  std::vector<Latency> steps, subgraphs;
  int cores = 0;      // bits of the cores that ran it
  int most_runs = 0;  // at the same time
  std::chrono::steady_clock::time_point first_start, last_end;

  // Share of a step in all steps' time.
  double share(size_t step) const;
  // Multiply-accumulates per nanosecond; 0 for a step without any.
  double rate(size_t step) const;
};

// Collects the profiles of all models that run while it observes.
class Profiler final : public Observer {
 public:
  void before(const engine::Model& model, engine::Session& session) override;
  void after(const engine::Model& model, engine::Session& session, const RunTimes& times,
             int32_t status) override;
  // In the order of their first runs. A run that goes on is not in them.
  std::vector<ModelProfile> profiles() const;

 private:
  struct Run {
    size_t profile;
    std::chrono::steady_clock::time_point start;
    std::vector<uint64_t> before;  // nanoseconds of each step in the session's earlier runs
  };
  mutable std::mutex mutex_;
  std::vector<ModelProfile> profiles_;
  std::map<const engine::Session*, Run> runs_;  // that go on
};

struct RunningCondition {
  int core_id = 0, thread_num = 1;
  uint64_t frame_count = 0;
  double run_time = 0, average_latency = 0;  // milliseconds
};
// As the profile itself tells it, for programs that tell nothing.
RunningCondition observed_condition(const ModelProfile& profile);

// profiler.log of one model: two JSON documents with a line of three stars between them.
std::string profiler_log(const ModelProfile& profile, const RunningCondition& condition);
// profiler.csv: a line per step in the order of execution, behind the line of titles.
std::string profiler_csv_head();
std::string profiler_csv(const ModelProfile& profile);

// A name for each step, all different.
std::vector<std::string> step_names(const Program& program);

}  // namespace openhb::dnn
