// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/profiler.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

namespace openhb::model_exec {
namespace {

using nlohmann::json;  // objects with sorted keys, as the format has them

size_t index(int32_t i) { return static_cast<size_t>(i); }

size_t count_subgraphs(const Program& program) {
  int32_t last = -1;
  for (const Step& step : program.steps) last = std::max(last, step.subgraph);
  return index(last + 1);
}

json times(const Latency& latency) {
  return {{"avg_time", latency.average()}, {"max_time", latency.most}, {"min_time", latency.least}};
}

// Share of a step in all steps' time.
double share(const Profile& profile, size_t step) {
  double total = 0;
  for (const Latency& l : profile.steps) total += l.total;
  return total > 0 ? profile.steps[step].total / total : 0;
}

// Multiply-accumulates per nanosecond; 0 for a step without any.
double rate(const engine::Session& session, const Profile& profile, size_t step) {
  const double milliseconds = profile.steps[step].average();
  const auto macs = static_cast<double>(session.model().cost(step).macs);
  return milliseconds > 0 ? macs / milliseconds / 1e6 : 0;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace

void Latency::add(double milliseconds) { add(Latency{1, milliseconds, milliseconds, milliseconds}); }

void Latency::add(const Latency& other) {
  if (other.count == 0) return;
  least = count == 0 ? other.least : std::min(least, other.least);
  most = count == 0 ? other.most : std::max(most, other.most);
  total += other.total;
  count += other.count;
}

void Profile::add(const Profile& other) {
  frame.add(other.frame), bpu.add(other.bpu), cpu.add(other.cpu);
  steps.resize(std::max(steps.size(), other.steps.size()));
  subgraphs.resize(std::max(subgraphs.size(), other.subgraphs.size()));
  for (size_t i = 0; i < other.steps.size(); ++i) steps[i].add(other.steps[i]);
  for (size_t i = 0; i < other.subgraphs.size(); ++i) subgraphs[i].add(other.subgraphs[i]);
}

FrameRecorder::FrameRecorder(engine::Session& session) : session_(session) {
  const Program& program = session.model().program();
  before_.resize(program.steps.size());
  profile_.steps.resize(program.steps.size());
  profile_.subgraphs.resize(count_subgraphs(program));
  session.enable_profile(true);
}

void FrameRecorder::frame_done(double milliseconds) {
  const Program& program = session_.model().program();
  double bpu = 0, cpu = 0;
  std::vector<double> subgraphs(profile_.subgraphs.size());
  for (size_t i = 0; i < before_.size(); ++i) {
    const uint64_t now = session_.profile()[i].total_ns;
    const double spent = static_cast<double>(now - before_[i]) / 1e6;
    before_[i] = now;
    profile_.steps[i].add(spent);
    const Step& step = program.steps[i];
    (step.backend == Backend::bpu ? bpu : cpu) += spent;
    if (step.subgraph >= 0) subgraphs[index(step.subgraph)] += spent;
  }
  for (size_t i = 0; i < subgraphs.size(); ++i) profile_.subgraphs[i].add(subgraphs[i]);
  profile_.bpu.add(bpu), profile_.cpu.add(cpu), profile_.frame.add(milliseconds);
}

std::vector<size_t> slowest_first(const Profile& profile) {
  std::vector<size_t> order(profile.steps.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const double x = profile.steps[a].total, y = profile.steps[b].total;
    return x > y || (!(x < y) && a < b);
  });
  return order;
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

std::string profiler_log(const engine::Session& session, const Profile& profile,
                         const RunningCondition& condition) {
  const Program& program = session.model().program();
  const double seconds = condition.run_time / 1000;
  const json head = {{"perf_result",
                      {{"FPS", seconds > 0 ? condition.frame_count / seconds : 0.0},
                       {"average_latency", profile.frame.average()}}},
                     {"running_condition",
                      {{"core_id", condition.core_id},
                       {"frame_count", condition.frame_count},
                       {"model_name", program.name},
                       {"run_time", condition.run_time},
                       {"thread_num", condition.thread_num}}}};
  json model = json::object(), steps = json::object();
  for (size_t i = 0; i < profile.subgraphs.size(); ++i)
    model[fmt::format("BPU_{}_subgraph_{}", program.name, i)] = times(profile.subgraphs[i]);
  const std::vector<std::string> names = step_names(program);
  for (size_t i = 0; i < program.steps.size(); ++i) {
    if (program.steps[i].backend == Backend::cpu) model[names[i]] = times(profile.steps[i]);
    json& step = steps[names[i]] = times(profile.steps[i]);
    step["macs"] = session.model().cost(i).macs;
    step["row"] = session.row(i);
    step["share"] = share(profile, i);
    step["step"] = i;
  }
  const json body = {
      {"chip_latency",
       {{"BPU_inference_time_cost", times(profile.bpu)}, {"CPU_inference_time_cost", times(profile.cpu)}}},
      {"model_latency", model},
      {"step_latency", steps},
      {"task_latency", {{"TaskPendingTime", times(Latency{})}, {"TaskRunningTime", times(profile.frame)}}}};
  // Names come from files: what is not UTF-8 is replaced, not refused.
  const auto text = [](const json& j) { return j.dump(2, ' ', false, json::error_handler_t::replace); };
  return text(head) + "\n***\n" + text(body) + "\n";
}

std::string profiler_csv(const engine::Session& session, const Profile& profile) {
  const Program& program = session.model().program();
  const std::vector<std::string> names = step_names(program);
  std::string text = "node,avg_time,max_time,min_time,share,on,row,macs,gmacs_per_second\n";
  for (size_t i = 0; i < names.size(); ++i) {
    const Latency& l = profile.steps[i];
    text += fmt::format("{},{:.6f},{:.6f},{:.6f},{:.6f},{},{},{},{:.3f}\n", csv_field(names[i]), l.average(),
                        l.most, l.least, share(profile, i),
                        program.steps[i].backend == Backend::bpu ? "BPU" : "CPU", session.row(i),
                        session.model().cost(i).macs, rate(session, profile, i));
  }
  return text;
}

std::string profile_table(const engine::Session& session, const Profile& profile, size_t rows) {
  const std::vector<std::string> names = step_names(session.model().program());
  std::vector<size_t> order = slowest_first(profile);
  order.resize(std::min(rows, order.size()));
  std::string text = fmt::format("Slowest steps ({} of {}):\n  {:>10}  {:>6}  {:>8}  {:<10}  {}\n",
                                 order.size(), names.size(), "average ms", "share", "GMAC/s", "row", "step");
  for (size_t i : order) {
    const double r = rate(session, profile, i);
    text += fmt::format("  {:>10.6f}  {:>5.1f}%  {:>8}  {:<10}  {}\n", profile.steps[i].average(),
                        100 * share(profile, i), r > 0 ? fmt::format("{:.2f}", r) : "-", session.row(i),
                        names[i]);
  }
  return text;
}

}  // namespace openhb::model_exec
