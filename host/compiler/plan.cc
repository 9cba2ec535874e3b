// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/plan.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "common/error.h"
#include "host/calibration/histogram.h"

namespace openhb::compiler {
namespace {

constexpr uint64_t kMiB = 1 << 20;
// A histogram's two rows of counters, and its node in a map.
constexpr uint64_t kHistogram = 2 * sizeof(uint64_t) * calibration::Histogram::kBins + 512;

}  // namespace

uint64_t resident_now() {
  unsigned long long size = 0, resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return uint64_t{resident} * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t resident_peak() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

// The largest of the stages. What one stage frees may stay with the allocator, so its size counts for the
// stages behind it too, as far as that was seen to happen.
uint64_t predicted_peak(const Work& w, int workers, int search) {
  const auto n = static_cast<uint64_t>(workers), s = static_cast<uint64_t>(search);
  const uint64_t histograms = w.tensors * kHistogram;
  const uint64_t calibration = w.program_weights + n * (w.arena + w.sample + histograms) + 2 * histograms;
  // A candidate: quantized and packed weights, its arena, and the float outputs to compare with.
  const uint64_t candidates =
      w.program_weights + w.arena + 2 * histograms + s * (w.weights + w.weights / 2 + w.arena / 2 + w.sample);
  // The quantized model as a graph, as a message and as bytes.
  const uint64_t saving = 3 * w.weights;
  // Both programs, and every tensor of the integer one.
  const uint64_t comparing =
      w.program_weights + w.weights + s * w.weights / 2 + 2 * w.arena + w.activations / 2;
  const uint64_t most = std::max({calibration, candidates, saving, comparing});
  return std::max(w.so_far, w.now + most + 16 * kMiB);
}

Plan make_plan(const Work& work, int threads, uint64_t limit) {
  Plan plan;
  plan.workers = static_cast<int>(std::clamp<size_t>(work.samples, 1, static_cast<size_t>(threads)));
  plan.search = static_cast<int>(std::clamp<size_t>(work.candidates, 1, static_cast<size_t>(threads)));
  const auto peak = [&] { return predicted_peak(work, plan.workers, plan.search); };
  while (limit > 0 && peak() > limit && (plan.workers > 1 || plan.search > 1)) {
    plan.workers = std::max(1, plan.workers - 1);
    plan.search = std::max(1, plan.search - 1);
  }
  plan.threads = std::max(1, threads / std::max(plan.workers, plan.search));
  plan.peak = peak();
  if (limit > 0 && plan.peak > limit)
    fail(ErrorCode::resources,
         "the conversion needs {} MiB of memory even with one sample at a time, but --memory-limit allows {} "
         "MiB; "
         "raise the limit or use a machine with more memory",
         (plan.peak + kMiB - 1) / kMiB, limit / kMiB);
  return plan;
}

uint64_t parse_size(const std::string& text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, text.data() + text.size());
  if (unit.ends_with("iB")) unit.resize(unit.size() - 2);
  if (unit.ends_with('B') && unit.size() > 1) unit.pop_back();
  const std::string_view units = "BKMGT";
  const size_t power = unit.empty()       ? 0
                       : unit.size() == 1 ? units.find(static_cast<char>(std::toupper(unit[0])))
                                          : units.npos;
  if (error != std::errc() || number == 0 || power == units.npos || number > (UINT64_MAX >> (10 * power)))
    fail(ErrorCode::usage, "'{}' is no size; write 512M or 2G (K, M, G, T: powers of 1024)", text);
  return number << (10 * power);
}

}  // namespace openhb::compiler
