// SPDX-License-Identifier: Apache-2.0
// The one engine: Model is a validated program, Session runs it in its own arena.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/program/program.h"
#include "device/engine/cpu.h"
#include "device/kernels/kernel.h"

namespace openhb::engine {

// Immutable and shareable between threads and sessions.
class Model {
 public:
  // Checks every step against its tensors (and validate_tensors): afterwards no input can make the engine
  // read or write out of bounds. Throws Error(program_*).
  static std::shared_ptr<const Model> create(Program program);
  static std::shared_ptr<const Model> open(const std::string& path);

  const Program& program() const { return program_; }
  Cost cost(size_t step) const { return costs_[step]; }

 private:
  explicit Model(Program program);
  Program program_;
  std::vector<Cost> costs_;
};

struct SessionOptions {
  int threads = 1;          // that share the work of a step, at most
  bool own_threads = true;  // false: run() is lent a pool, or uses the calling thread only
  CpuFeatures cpu = usable_cpu();
};

// Called on the calling thread after a step has finished; outputs of that step are valid then, not later.
using StepHook = std::function<void(size_t step)>;

// Of a step that shares its strips with others (chain.h): its part of the chain.
struct StepTime {
  uint64_t runs = 0, total_ns = 0, min_ns = 0, max_ns = 0;
};

class ChainRunner;
class ThreadPool;

// What the owner of a run decides while it goes on.
struct RunControl {
  ThreadPool* pool = nullptr;  // shares the work of steps instead of the session's own threads
  // Called between steps, and between the strips of a chain of steps: the steps before `next` are done.
  // `inside`: of a chain, of which other threads of the pool may be doing their parts. False ends the run.
  // Null: never.
  bool (*border)(void* context, size_t next, bool inside) noexcept = nullptr;
  void* context = nullptr;
};

// One arena and one set of bound kernels. Not for use by two threads at the same time.
class Session {
 public:
  Session(std::shared_ptr<const Model> model, SessionOptions options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Model& model() const { return *model_; }
  // Storage of input/output i, laid out as its TensorDesc says.
  std::span<std::byte> input(size_t i);
  std::span<const std::byte> output(size_t i) const;
  // First byte of any tensor of the program (valid between the steps that write and last read it).
  const std::byte* tensor(uint32_t id) const;

  // Runs all steps; false when it was ended before: cancelled, or a custom operator failed. Neither allocates
  // nor throws nor locks with one thread (hook aside).
  bool run(const RunControl& control = {});
  // Why a custom operator failed in the last run, with its node; "" when none did.
  std::string failure() const;
  // Throws Error(plugin_failed) when one did.
  void check() const;
  // Asks a running run() to stop at the next step border; it then returns early. From any thread.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  // With a hook every step runs as a whole, so that its outputs are complete when the hook sees them.
  void set_hook(StepHook hook) { hook_ = std::move(hook); }
  void enable_profile(bool on) { profile_ = on; }
  const std::vector<StepTime>& profile() const { return times_; }
  const char* row(size_t step) const { return runners_[step]->row(); }

 private:
  // What runs at once: one step, or a chain.
  struct Unit {
    size_t first = 0, last = 0;  // steps
    int parts = 1;
    std::unique_ptr<ChainRunner> chain;  // null: one step
    // fusion.h: what runs instead of three steps, the last of which this is; or that this is one of the
    // others.
    std::unique_ptr<Runner> fused;
    std::array<size_t, 3> fused_steps = {};
    bool left_out = false;
  };
  void run_step(size_t step);
  void run_chain(Unit& unit);
  void run_fused(Unit& unit);
  void dispatch(Runner& runner, int parts);

  std::shared_ptr<const Model> model_;
  std::unique_ptr<std::byte[], void (*)(std::byte*)> arena_;
  std::vector<std::unique_ptr<Runner>> runners_;
  std::vector<int> parts_;  // of every step when it runs by itself
  std::vector<Unit> units_;
  std::unique_ptr<ThreadPool> own_pool_;
  ThreadPool* pool_ = nullptr;  // of the run
  std::atomic<bool> cancelled_{false};
  const char* failure_ = nullptr;  // of step failed_step_, in its runner
  size_t failed_step_ = 0;
  bool profile_ = false;
  StepHook hook_;
  std::vector<StepTime> times_;
};

// Copies between a tensor in storage (memory order, pitch) and an application's tensor in logical (ONNX) axis
// order. Prepared once; copying neither allocates nor throws.
class TensorCopy {
 public:
  // `strides`: elements from one index of each logical axis to the next in the application's tensor.
  // `extents`: of the logical axes, at most the tensor's.
  TensorCopy(const TensorDesc& desc, const Shape& extents, const Shape& strides);
  void store(const std::byte* logical, std::byte* storage) const noexcept;
  void load(const std::byte* storage, std::byte* logical) const noexcept;

 private:
  struct Dimension {
    int64_t extent, storage, dense;  // strides in elements
  };
  friend struct TensorCopyLoops;
  std::array<Dimension, kMaxRank> dims_ = {};  // memory dimensions, outermost first
  size_t rank_ = 0, element_size_ = 0;
  bool empty_ = false;
};

// The same at once, with a dense tensor. Throws Error(data_bad_size) when it has another size.
void store_tensor(const TensorDesc& desc, std::span<const std::byte> logical, std::byte* storage);
void load_tensor(const TensorDesc& desc, const std::byte* storage, std::span<std::byte> logical);

}  // namespace openhb::engine
