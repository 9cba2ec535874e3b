// SPDX-License-Identifier: Apache-2.0
// Times of steps, frame by frame, and the two files that --profile_path asks for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/engine/model.h"

namespace openhb::model_exec {

struct Latency {
  uint64_t count = 0;
  double total = 0, least = 0, most = 0;  // milliseconds
  void add(double milliseconds);
  void add(const Latency& other);
  double average() const { return count == 0 ? 0 : total / static_cast<double>(count); }
};

// What a frame spends where. One per session, added up at the end.
struct Profile {
  Latency frame, bpu, cpu;  // whole frames; their steps of the integer engine and of float
  std::vector<Latency> steps, subgraphs;
  void add(const Profile& other);
};

// Follows the engine's profile of one session.
class FrameRecorder {
 public:
  explicit FrameRecorder(engine::Session& session);
  // After each run of the session.
  void frame_done(double milliseconds);
  const Profile& profile() const { return profile_; }

 private:
  engine::Session& session_;
  std::vector<uint64_t> before_;  // nanoseconds of each step in all earlier runs
  Profile profile_;
};

struct RunningCondition {
  int core_id, frame_count, thread_num;
  double run_time;  // milliseconds
};

// Steps in the order of their average time, the slowest first.
std::vector<size_t> slowest_first(const Profile& profile);
// A name for each step, all different: "Conv_<node>", with a number behind it where a node has several.
std::vector<std::string> step_names(const Program& program);

// profiler.log: two JSON documents with a line of three stars between them.
std::string profiler_log(const engine::Session& session, const Profile& profile,
                         const RunningCondition& condition);
// profiler.csv: one line per step in the order of execution.
std::string profiler_csv(const engine::Session& session, const Profile& profile);
// The slowest steps as a table for people.
std::string profile_table(const engine::Session& session, const Profile& profile, size_t rows);

}  // namespace openhb::model_exec
