// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/profiler.h"

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

namespace openhb::dnn {
namespace {

using nlohmann::json;  // objects with sorted keys, as the format has them
using Clock = std::chrono::steady_clock;

size_t index(int32_t i) { return static_cast<size_t>(i); }

double milliseconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

ModelProfile new_profile(const engine::Model& model, const engine::Session& session) {
  const Program& program = model.program();
  ModelProfile profile;
  profile.model = program.name;
  std::vector<std::string> names = step_names(program);
  int32_t last = -1;
  for (size_t i = 0; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    const Cost cost = model.cost(i);
    profile.info.push_back({.name = std::move(names[i]),
                            .row = session.row(i),
                            .macs = cost.macs,
                            .bytes = cost.bytes,
                            .input = step.inputs.empty() ? DType::f32 : program.tensors[step.inputs[0]].dtype,
                            .bpu = step.backend == Backend::bpu,
                            .subgraph = step.subgraph});
    last = std::max(last, step.subgraph);
  }
  profile.steps.resize(program.steps.size());
  profile.subgraphs.resize(index(last + 1));
  return profile;
}

json times(const Latency& latency) {
  return {{"avg_time", latency.average()}, {"max_time", latency.most}, {"min_time", latency.least}};
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace

void Latency::add(double milliseconds) {
  least = count == 0 ? milliseconds : std::min(least, milliseconds);
  most = count == 0 ? milliseconds : std::max(most, milliseconds);
  total += milliseconds;
  ++count;
}

double ModelProfile::share(size_t step) const {
  double all = 0;
  for (const Latency& l : steps) all += l.total;
  return all > 0 ? steps[step].total / all : 0;
}

double ModelProfile::rate(size_t step) const {
  const double average = steps[step].average();
  return average > 0 ? static_cast<double>(info[step].macs) / average / 1e6 : 0;
}

void Profiler::before(const engine::Model& model, engine::Session& session) {
  session.enable_profile(true);
  const std::lock_guard lock(mutex_);
  size_t at = 0;
  while (at < profiles_.size() && (profiles_[at].model != model.program().name ||
                                   profiles_[at].info.size() != model.program().steps.size()))
    ++at;
  if (at == profiles_.size()) profiles_.push_back(new_profile(model, session));
  ModelProfile& profile = profiles_[at];
  Run run{.profile = at, .start = Clock::now(), .before = {}};
  for (const engine::StepTime& time : session.profile()) run.before.push_back(time.total_ns);
  if (profile.first_start == Clock::time_point()) profile.first_start = run.start;
  runs_[&session] = std::move(run);
  const auto same = [at](const auto& other) { return other.second.profile == at; };
  profile.most_runs = std::max(profile.most_runs, static_cast<int>(std::ranges::count_if(runs_, same)));
}

void Profiler::after(const engine::Model&, engine::Session& session, const RunTimes& run_times,
                     int32_t status) {
  session.enable_profile(false);
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(&session);
  if (found == runs_.end()) return;  // it began before this observed
  const Run run = std::move(found->second);
  runs_.erase(found);
  if (status != 0) return;
  ModelProfile& profile = profiles_[run.profile];
  double bpu = 0, cpu = 0;
  std::vector<double> subgraphs(profile.subgraphs.size());
  for (size_t i = 0; i < run.before.size(); ++i) {
    const double spent = milliseconds(session.profile()[i].total_ns - run.before[i]);
    profile.steps[i].add(spent);
    (profile.info[i].bpu ? bpu : cpu) += spent;
    if (profile.info[i].subgraph >= 0) subgraphs[index(profile.info[i].subgraph)] += spent;
  }
  for (size_t i = 0; i < subgraphs.size(); ++i) profile.subgraphs[i].add(subgraphs[i]);
  profile.bpu.add(bpu), profile.cpu.add(cpu);
  profile.prepare.add(milliseconds(run_times.prepare));
  profile.deliver.add(milliseconds(run_times.deliver));
  profile.pending.add(milliseconds(run_times.pending));
  profile.running.add(milliseconds(run_times.prepare + run_times.run + run_times.deliver));
  profile.cores |= run_times.core;
  profile.last_end = Clock::now();
}

std::vector<ModelProfile> Profiler::profiles() const {
  const std::lock_guard lock(mutex_);
  return profiles_;
}

std::vector<std::string> step_names(const Program& program) {
  std::vector<std::string> names;
  std::map<std::string, int> used;
  for (const Step& step : program.steps) {
    std::string name = fmt::format("{}_{}", step_name(step.params), step.node);
    while (used.contains(name)) name += fmt::format("_{}", ++used[name]);
    used[name] = 1;
    names.push_back(std::move(name));
  }
  return names;
}

RunningCondition observed_condition(const ModelProfile& profile) {
  const std::chrono::duration<double, std::milli> time = profile.last_end - profile.first_start;
  return {.core_id = std::popcount(static_cast<unsigned>(profile.cores)) == 1 ? profile.cores : 0,
          .thread_num = std::max(profile.most_runs, 1),
          .frame_count = profile.running.count,
          .run_time = profile.running.count > 0 ? time.count() : 0,
          .average_latency = profile.pending.average() + profile.running.average()};
}

std::string profiler_log(const ModelProfile& profile, const RunningCondition& condition) {
  const double seconds = condition.run_time / 1000;
  const json head = {{"perf_result",
                      {{"FPS", seconds > 0 ? static_cast<double>(condition.frame_count) / seconds : 0.0},
                       {"average_latency", condition.average_latency}}},
                     {"running_condition",
                      {{"core_id", condition.core_id},
                       {"frame_count", condition.frame_count},
                       {"model_name", profile.model},
                       {"run_time", condition.run_time},
                       {"thread_num", condition.thread_num}}}};
  json model = json::object(), steps = json::object();
  model["Preprocess"] = times(profile.prepare);
  model[fmt::format("{}_output_layout_convert", profile.model)] = times(profile.deliver);
  for (size_t i = 0; i < profile.subgraphs.size(); ++i)
    model[fmt::format("BPU_{}_subgraph_{}", profile.model, i)] = times(profile.subgraphs[i]);
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    const StepInfo& info = profile.info[i];
    if (!info.bpu) model[info.name] = times(profile.steps[i]);
    json& step = steps[info.name] = times(profile.steps[i]);
    step["macs"] = info.macs;
    step["row"] = info.row;
    step["share"] = profile.share(i);
    step["step"] = i;
  }
  const json body = {
      {"chip_latency",
       {{"BPU_inference_time_cost", times(profile.bpu)}, {"CPU_inference_time_cost", times(profile.cpu)}}},
      {"model_latency", model},
      {"step_latency", steps},
      {"task_latency",
       {{"TaskPendingTime", times(profile.pending)}, {"TaskRunningTime", times(profile.running)}}}};
  // Names come from files: what is not UTF-8 is replaced, not refused.
  const auto text = [](const json& j) { return j.dump(2, ' ', false, json::error_handler_t::replace); };
  return text(head) + "\n***\n" + text(body) + "\n";
}

std::string profiler_csv_head() {
  return "node,avg_time,max_time,min_time,share,on,row,macs,gmacs_per_second,model\n";
}

std::string profiler_csv(const ModelProfile& profile) {
  std::string text;
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    const Latency& l = profile.steps[i];
    const StepInfo& info = profile.info[i];
    text += fmt::format("{},{:.6f},{:.6f},{:.6f},{:.6f},{},{},{},{:.3f},{}\n", csv_field(info.name),
                        l.average(), l.most, l.least, profile.share(i), info.bpu ? "BPU" : "CPU", info.row,
                        info.macs, profile.rate(i), csv_field(profile.model));
  }
  return text;
}

}  // namespace openhb::dnn
