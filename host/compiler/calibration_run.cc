// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/calibration_run.h"

#include <malloc.h>

#include <filesystem>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/program/container.h"
#include "host/compiler/dump.h"

namespace openhb::compiler {
namespace {

namespace fs = std::filesystem;

// Everything that decides what calibration finds: the float program with its weights, the configuration, the
// samples as names, sizes and times of change, and this tool's version.
std::string key_of(const Conversion& c, const Program& program) {
  config::Config config = c.config;
  config.working_dir.clear();  // a moved folder is the same one
  std::string key = OPENHB_VERSION "\n" + config::effective_yaml(config);
  for (const graph::Value* v : precision::values_to_calibrate(c.graph)) key += v->name + "\n";
  for (size_t i = 0; i < c.graph.inputs.size(); ++i)
    for (size_t s = 0; s < c.dataset->size(); ++s) {
      std::error_code error;
      const std::string& path = c.dataset->path(s, i);
      const auto size = fs::file_size(path, error);
      const auto time = fs::last_write_time(path, error).time_since_epoch().count();
      key += fmt::format("{} {} {}\n", fs::path(path).filename().string(), size, time);
    }
  const XXH128_hash_t weights = XXH3_128bits(program.weights.data(), program.weights.size());
  key += fmt::format("{:016x}{:016x}\n", weights.high64, weights.low64);
  const std::vector<std::byte> rest = encode_metadata(program);
  return key.append(reinterpret_cast<const char*>(rest.data()), rest.size());
}

Work work_of(const Conversion& c, const SampleReader& samples, const Program& program, size_t candidates) {
  Work work;
  work.samples = samples.size();
  work.candidates = candidates;
  work.tensors = precision::values_to_calibrate(c.graph).size();
  for (const auto& v : c.graph.values())
    if (v->is_constant()) work.weights += v->constant->bytes().size();
  for (const graph::Value* v : c.graph.inputs)
    work.sample += 4 * sizeof(float) * static_cast<uint64_t>(num_elements(v->shape));
  work.sample += 16 * c.report.lint.largest_picture;  // planes, coefficients and pixels while it is decoded
  work.program_weights = program.weights.size();
  work.arena = program.arena_size;
  for (const TensorDesc& t : program.tensors)
    if (t.storage == Storage::arena) work.activations += static_cast<uint64_t>(t.byte_extent());
  work.now = resident_now();
  work.so_far = resident_peak();
  return work;
}

}  // namespace

void lint_samples(Conversion& c) {
  if (c.dataset->is_random()) return;
  c.dataset->keep_decoded(c.config.working_dir);
  calibration::Lint& lint = c.report.lint;
  lint = calibration::lint(*c.dataset, c.config, c.threads,
                           [&](size_t done, size_t total) { c.reporter.progress("lint", done, total); });
  const std::string summary =
      fmt::format("Calibration data: {} samples, {} of them examined", lint.samples, lint.examined);
  if (lint.findings.empty()) return c.reporter.info(summary + ", nothing odd found.");
  c.reporter.warn(fmt::format("{}; findings:\n{}", summary, calibration::findings_table(lint.findings)));
  if (lint.failed())
    fail(lint.findings.front().code, "calibration data cannot be used: {}", lint.findings.front().text);
}

std::string run_calibration(Conversion& c, const SampleReader& samples) {
  lint_samples(c);
  if (c.config.dump_calibration) dump_calibration_data(c, samples);
  auto real = engine::Model::create(Lowering(c.graph, {}).run());
  ::malloc_trim(0);  // what the allocator holds back from earlier stages would count in those that follow
  const Work work = work_of(c, samples, real->program(), candidate_count(c.config));
  Plan plan = make_plan(work, c.threads, c.config.memory_limit);
  plan.real = real;
  c.reporter.info(fmt::format("Predicted peak memory: {} MiB ({} sample(s) at a time, {} thread(s) each){}",
                              (plan.peak >> 20) + 1, plan.workers, plan.threads,
                              c.config.memory_limit > 0
                                  ? fmt::format("; --memory-limit is {} MiB", c.config.memory_limit >> 20)
                                  : ""));
  c.report.predicted_peak_bytes = plan.peak;
  if (!c.dataset->is_random())
    c.report.checkpoint = c.artefacts.path(c.config.prefix + "_calibration.checkpoint");
  Checkpoint checkpoint(c.report.checkpoint, [&] { return key_of(c, real->program()); }, c.reporter);
  Calibration found =
      calibrate(c.graph, c.config, integer_options(c.config), samples, plan, checkpoint, c.reporter);
  c.report.search = std::move(found.search), c.report.histograms = std::move(found.histograms);
  plan.real.reset(), real.reset();
  ::malloc_trim(0);
  return found.method;
}

}  // namespace openhb::compiler
