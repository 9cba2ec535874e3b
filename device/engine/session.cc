// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "device/engine/chain.h"
#include "device/engine/fusion.h"
#include "device/engine/pool.h"
#include "device/kernels/reduction/quantized_softmax.h"
#include "device/kernels/steps.h"
#include "device/plugin/registry.h"

namespace openhb::engine {
namespace {

// A step with less work than this per thread is faster on fewer of them (waking one takes some microseconds).
constexpr int64_t kWorkPerPart = 32 * 1024;
constexpr int kMaxThreads = 256;
constexpr uint64_t kHugePage = 2 << 20;

using Arena = std::unique_ptr<std::byte[], void (*)(std::byte*)>;

Arena allocate_arena(uint64_t size) {
  const uint64_t alignment = size >= kHugePage ? kHugePage : kTensorAlignment;
  // The system hands out more memory than it has and kills whoever uses it; refuse with a sentence instead.
  const auto machine =
      static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  void* memory = nullptr;
  if (size > machine || ::posix_memalign(&memory, alignment, std::max(size, alignment)) != 0)
    fail(ErrorCode::resources, "the model needs {} MiB of memory, more than this machine can give",
         size >> 20);
  // Whole large pages only: the end of the last one would be memory for nothing.
  if (alignment == kHugePage) ::madvise(memory, size / kHugePage * kHugePage, MADV_HUGEPAGE);
  std::memset(memory, 0, size);
  return {static_cast<std::byte*>(memory), [](std::byte* p) { std::free(p); }};
}

std::unique_ptr<Runner> bind_step(const Program& program, const Step& step, std::byte* arena,
                                  const SessionOptions& options) {
  std::vector<const std::byte*> inputs;
  for (uint32_t id : step.inputs) {
    const TensorDesc& t = program.tensors[id];
    inputs.push_back((t.storage == Storage::weights ? program.weights.data() : arena) + t.offset);
  }
  std::vector<std::byte*> outputs;
  for (uint32_t id : step.outputs) outputs.push_back(arena + program.tensors[id].offset);
  const Binding binding{inputs, outputs, options.cpu, options.threads};
  const StepView view(program, step);
  return std::visit([&]<class P>(const P& params) { return Kernel<P>::bind(view, params, binding); },
                    step.params);
}

int choose_parts(const Runner& runner, const Cost& cost, int threads) {
  const int64_t useful = cost.macs / kWorkPerPart + cost.bytes / kWorkPerPart;
  return static_cast<int>(std::clamp<int64_t>(useful, 1, std::min(threads, runner.max_parts())));
}

uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

void add_time(StepTime& time, uint64_t ns) {
  time.min_ns = time.runs == 0 ? ns : std::min(time.min_ns, ns);
  time.max_ns = std::max(time.max_ns, ns);
  time.total_ns += ns;
  ++time.runs;
}

}  // namespace

Session::Session(std::shared_ptr<const Model> model, SessionOptions options)
    : model_(std::move(model)), arena_(allocate_arena(model_->program().arena_size)) {
  if (options.threads < 1 || options.threads > kMaxThreads)
    fail(ErrorCode::usage, "{} threads were asked for, 1 to {} are possible", options.threads, kMaxThreads);
  const Program& program = model_->program();
  runners_.reserve(program.steps.size());
  for (size_t i = 0; i < program.steps.size(); ++i) {
    runners_.push_back(bind_step(program, program.steps[i], arena_.get(), options));
    parts_.push_back(choose_parts(*runners_[i], model_->cost(i), options.threads));
  }
  times_.resize(program.steps.size());
  int threads = parts_.empty() ? 1 : *std::max_element(parts_.begin(), parts_.end());
  const std::vector<SoftmaxFusion> fusions = find_softmax_fusions(program);
  std::vector<size_t> alone;
  for (const SoftmaxFusion& f : fusions) alone.insert(alone.end(), {f.dequantize, f.softmax, f.quantize});
  for (const Chain& chain : find_chains(program, alone)) {
    Unit unit;
    unit.first = chain.first, unit.last = chain.last;
    for (const SoftmaxFusion& f : fusions) {
      unit.left_out = unit.left_out || unit.first == f.dequantize || unit.first == f.softmax;
      if (unit.first != f.quantize) continue;
      const uint32_t x = program.steps[f.dequantize].inputs[0], y = program.steps[f.quantize].outputs[0];
      unit.fused = kernels::bind_quantized_softmax(program.tensors[x], program.tensors[y], tensor(x),
                                                   arena_.get() + program.tensors[y].offset, options.cpu);
      unit.fused_steps = {f.dequantize, f.softmax, f.quantize};
      unit.parts = choose_parts(*unit.fused, model_->cost(f.softmax), options.threads);
      threads = std::max(threads, unit.parts);
    }
    if (chain.rows > 0) {
      std::vector<Runner*> steps;
      Cost cost;
      for (size_t i = chain.first; i < chain.last; ++i) {
        steps.push_back(runners_[i].get());
        cost.macs += model_->cost(i).macs;
        cost.bytes += model_->cost(i).bytes;
      }
      unit.chain = std::make_unique<ChainRunner>(chain, std::move(steps));
      unit.parts = choose_parts(*unit.chain, cost, options.threads);
      threads = std::max(threads, unit.parts);
    }
    units_.push_back(std::move(unit));
  }
  if (threads > 1 && options.own_threads) own_pool_ = std::make_unique<ThreadPool>(threads);
}

Session::~Session() = default;

const std::byte* Session::tensor(uint32_t id) const {
  const TensorDesc& t = model_->program().tensors[id];
  return (t.storage == Storage::weights ? model_->program().weights.data() : arena_.get()) + t.offset;
}

std::span<std::byte> Session::input(size_t i) {
  const TensorDesc& t = model_->program().tensors[model_->program().inputs[i].tensor];
  return {arena_.get() + t.offset, static_cast<size_t>(t.byte_extent())};
}

std::span<const std::byte> Session::output(size_t i) const {
  const uint32_t id = model_->program().outputs[i].tensor;
  return {tensor(id), static_cast<size_t>(model_->program().tensors[id].byte_extent())};
}

void Session::dispatch(Runner& runner, int parts) {
  parts = std::min(parts, pool_ ? pool_->threads() : 1);
  if (parts > 1)
    pool_->run(runner, parts);
  else
    runner.run(0, 1);
}

void Session::run_step(size_t step) {
  const uint64_t start = profile_ ? now_ns() : 0;
  dispatch(*runners_[step], parts_[step]);
  if (profile_) add_time(times_[step], now_ns() - start);
  failure_ = runners_[step]->take_failure();
  if (failure_)
    failed_step_ = step;
  else if (hook_)
    hook_(step);
}

void Session::run_chain(Unit& unit) {
  unit.chain->measure(profile_);
  dispatch(*unit.chain, unit.parts);
  for (size_t i = unit.first; profile_ && i < unit.last; ++i)
    add_time(times_[i], unit.chain->nanoseconds()[i - unit.first]);
}

void Session::run_fused(Unit& unit) {
  const uint64_t start = profile_ ? now_ns() : 0;
  dispatch(*unit.fused, unit.parts);
  if (!profile_) return;
  const uint64_t time = now_ns() - start;
  for (size_t i = 0; i < 3; ++i) add_time(times_[unit.fused_steps[i]], i == 1 ? time : 0);
}

std::string Session::failure() const {
  if (!failure_) return "";
  const Step& step = model_->program().steps[failed_step_];
  const auto* custom = std::get_if<CustomParams>(&step.params);
  return fmt::format("operator {} of node '{}' failed: {}",
                     custom ? plugin::full_name(custom->domain, custom->type) : step_name(step.params),
                     step.node, failure_);
}

void Session::check() const {
  if (failure_) fail(ErrorCode::plugin_failed, "{}", failure());
}

bool Session::run(const RunControl& control) {
  pool_ = control.pool ? control.pool : own_pool_.get();
  failure_ = nullptr;
  bool go_on = true;
  const auto border = [&](size_t next, bool inside = false) {
    go_on = !failure_ && !cancelled_.load(std::memory_order_relaxed) &&
            (!control.border || (next == 0 && !inside) || control.border(control.context, next, inside));
    return go_on;
  };
  // Of the chain that runs.
  size_t first = 0;
  const auto strip = [&] { return border(first, true); };
  const ChainRunner::Border strip_border = [](const void* context) noexcept {
    return (*static_cast<const decltype(strip)*>(context))();
  };
  for (Unit& unit : units_) {
    if (!border(unit.first)) break;
    if (!hook_ && (unit.chain || unit.fused || unit.left_out)) {
      if (unit.chain) {
        first = unit.first;
        unit.chain->set_border(strip_border, &strip);
        run_chain(unit);
        if (!go_on) break;
      }
      if (unit.fused) run_fused(unit);
      continue;
    }
    for (size_t i = unit.first; i < unit.last && (i == unit.first || border(i)); ++i) run_step(i);
    if (!go_on) break;
  }
  // Forgotten at the end, not at the start: a cancel that comes just before run() is not lost.
  cancelled_.store(false, std::memory_order_relaxed);
  return go_on && !failure_;
}

}  // namespace openhb::engine
