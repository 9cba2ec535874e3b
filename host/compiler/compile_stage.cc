// SPDX-License-Identifier: Apache-2.0
// The stage that makes the program: compile() of stages.h.
#include <charconv>
#include <chrono>

#include "common/io/file.h"
#include "common/program/file.h"
#include "host/compiler/batch.h"
#include "host/compiler/build.h"
#include "host/compiler/compile_cache.h"
#include "host/compiler/cost_report.h"
#include "host/compiler/fingerprint.h"
#include "host/compiler/inputs.h"
#include "host/compiler/layer_dump.h"
#include "host/compiler/memory_map.h"
#include "host/compiler/stages.h"

namespace openhb::compiler {
namespace {

constexpr std::string_view kCacheName = "cache.json";

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Two builds of one version may compile differently.
std::string tool_identity() {
  try {
    return OPENHB_VERSION " " + fingerprint(MappedFile::open("/proc/self/exe")->bytes());
  } catch (const Error&) {
    return OPENHB_VERSION;
  }
}

// The configuration says what becomes of the inputs, among other things.
std::string cache_key(const config::Config& config, const graph::Graph& graph) {
  config::Config deciding = config;
  deciding.jobs.reset();
  deciding.advice = 0;
  const std::string key =
      fmt::format("{}\n{}\n{}", tool_identity(), fingerprint(graph), config::effective_yaml(deciding));
  return fingerprint(std::as_bytes(std::span(key)));
}

// What tools and the runtime find in the program beside its steps.
void add_properties(const Conversion& c, const BuildOptions& options, Program& program) {
  describe_inputs(c.config, program);
  program.name = c.config.prefix;
  program.properties["march"] = c.config.march;
  program.properties["builder"] = OPENHB_VERSION;
  program.properties["onnx_opset"] = std::to_string(c.graph.opset);
  program.properties["compiler_options"] = options.text();
  const auto estimates = estimate_steps(program);
  if (options.debug || options.most_microseconds > 0) program.properties["estimates_of"] = kBoardCore;
  if (options.debug) program.properties["layer_costs"] = layer_costs(program, estimates);
  if (options.most_microseconds > 0)
    program.properties["preemption_points"] =
        fmt::format("{}", fmt::join(preemption_points(estimates, options.most_microseconds), " "));
}

std::string line_of(const Program& program) {
  const ProgramEstimate sum = total(estimate_steps(program));
  return fmt::format("{} steps, arena {:.1f} kB, estimated {:.0f} us", program.steps.size(),
                     static_cast<double>(program.arena_size) / 1e3, sum.microseconds());
}

void log_estimates(const Conversion& c, const BuildOptions& options) {
  const auto estimates = estimate_steps(c.program);
  const ProgramEstimate sum = total(estimates);
  c.reporter.info(fmt::format(
      "Estimate for {} (a model, no measurement): FPS={:.2f}, latency = {:.1f} us, DDR = {} bytes",
      kBoardCore, 1e6 / std::max(sum.microseconds(), 0.01), sum.microseconds(), sum.loaded + sum.stored));
  if (options.advice_microseconds <= 0) return;
  const auto lines = advice(c.program, estimates, options.advice_microseconds);
  for (const std::string& line : lines) c.reporter.info("advice: " + line);
  if (lines.empty())
    c.reporter.info(
        fmt::format("advice: no step is estimated to lose more than {:.0f} us", options.advice_microseconds));
}

// Low levels are for short compile times; who did not choose them shall know.
void log_higher_level(const Conversion& c, const graph::Graph& graph, const LowerOptions& lower,
                      BuildOptions options) {
  const int level = options.level;
  options.level = 2;
  c.reporter.info(fmt::format(
      "optimize_level O{} made {}; O2 would make {} with the same results; O3 would search for a better plan",
      level, line_of(c.program), line_of(build_program(graph, lower, options))));
}

void warn_of_idle_options(const Conversion& c, const BuildOptions& options) {
  if (c.config.jobs && *c.config.jobs > options.jobs)
    c.reporter.warn(fmt::format("jobs: this machine has {} cores; so many threads are used", options.jobs));
  if (c.config.balance_factor && c.config.compile_mode != "balance")
    c.reporter.warn(fmt::format("balance_factor has no effect with compile_mode {}", c.config.compile_mode));
  if (options.level < 2 && c.config.compile_mode != "latency")
    c.reporter.warn(fmt::format("compile_mode {} has no effect below optimize_level O2: there is one plan",
                                c.config.compile_mode));
}

// O3: what was found before is used again.
void compile_cached(Conversion& c, const graph::Graph& graph, const LowerOptions& lower,
                    const BuildOptions& options, const std::string& binary) {
  CompileCache cache(c.artefacts.path(kCacheName), c.reporter.warn);
  CacheEntry entry{cache_key(c.config, graph), {}, 0};
  if (auto hit = cache.find(entry.key, c.artefacts.path(binary))) {
    c.program = std::move(hit->program);
    entry = hit->entry;
    c.reporter.info(fmt::format("{}: compiled before; '{}' is used again", kCacheName, binary));
  } else {
    SearchResult searched;
    c.program = build_program(graph, lower, options, &searched);
    add_properties(c, options, c.program);
    entry.plans = searched.plans;
    c.reporter.info(fmt::format(
        "{} plans compared: arena {:.1f} kB instead of {:.1f} kB, estimated {:.0f} us instead of {:.0f} us",
        searched.plans, static_cast<double>(searched.after.arena) / 1e3,
        static_cast<double>(searched.before.arena) / 1e3, searched.after.cycles / kCyclesPerMicrosecond,
        searched.before.cycles / kCyclesPerMicrosecond));
  }
  const auto bytes = serialize_program(c.program);
  entry.binary = fingerprint(bytes);
  c.artefacts.write(binary, bytes);
  cache.add(std::move(entry));
  c.artefacts.write(kCacheName, cache.text());
}

}  // namespace

void compile(Conversion& c) {
  const auto start = std::chrono::steady_clock::now();
  const BuildOptions options = build_options(c.config, c.threads);
  const LowerOptions lower = integer_options(c.config);
  c.reporter.info(fmt::format("Start to compile the model with march {}.", c.config.march));
  c.reporter.info(fmt::format("compile parameters: {} --jobs {}", options.text(), options.jobs));
  warn_of_idle_options(c, options);
  graph::Graph own;  // of the program alone
  const graph::Graph* source = &c.graph;
  std::vector<ConvOutput> kept;
  if (c.config.layer_out_dump) {
    own = c.graph.clone();
    kept = keep_conv_outputs(own);
    source = &own;
  }
  if (c.config.input_batch > 1) {
    own = batched(*source, c.config.input_batch, lower);
    source = &own;
  }
  const graph::Graph& graph = *source;
  const std::string binary = c.config.prefix + ".bin";
  if (options.level == 3) {
    compile_cached(c, graph, lower, options, binary);
  } else {
    c.program = build_program(graph, lower, options);
    add_properties(c, options, c.program);
    c.artefacts.write(binary, serialize_program(c.program));
  }
  c.reporter.info(fmt::format("consumed time {:.3f} s", seconds_since(start)));
  if (c.config.layer_out_dump)
    c.artefacts.write(c.config.prefix + "_quantized_model_conv_output_map.json",
                      conv_output_map(kept, graph));
  log_estimates(c, options);
  if (options.level < 2) log_higher_level(c, graph, lower, options);

  const auto model = engine::Model::create(c.program);  // what the board will check
  ConversionReport& report = c.report;
  for (size_t s = 0; s < c.program.steps.size(); ++s) report.macs += model->cost(s).macs;
  report.arena_bytes = c.program.arena_size;
  const std::string& bound = c.program.properties["arena_lower_bound"];  // of a file, perhaps
  std::from_chars(bound.data(), bound.data() + bound.size(), report.arena_lower_bound);
  report.weight_bytes = c.program.weights.size();
  report.buffers = memory_map(c.program);
  for (const Step& step : c.program.steps) report.steps.push_back(step.node);
  report.bin_path = c.artefacts.path(binary);
  c.reporter.info(fmt::format("End to compile the model with march {}.", c.config.march));
}

}  // namespace openhb::compiler
