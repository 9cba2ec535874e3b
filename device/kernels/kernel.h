// SPDX-License-Identifier: Apache-2.0
// What a step's implementation provides: validation, cost, and a runner bound to memory.
//
// device/kernels/<step>/ specialises Kernel<P> for its parameters P; steps.h includes them all and folds over
// StepParams, so that a missing member stops the build.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>

#include "common/program/program.h"
#include "device/engine/cpu.h"

namespace openhb {

// A step with its tensors, for validation and binding.
class StepView {
 public:
  StepView(const Program& program, const Step& step) : program_(program), step_(step) {}
  const Step& step() const { return step_; }
  size_t num_inputs() const { return step_.inputs.size(); }
  size_t num_outputs() const { return step_.outputs.size(); }
  const TensorDesc& in(size_t i) const { return program_.tensors[step_.inputs[i]]; }
  const TensorDesc& out(size_t i = 0) const { return program_.tensors[step_.outputs[i]]; }
  bool is_constant(size_t i) const { return in(i).storage == Storage::weights; }
  // The elements of a constant dense input; its type and storage must have been checked.
  template <class T>
  std::span<const T> constant(size_t i) const {
    return {reinterpret_cast<const T*>(program_.weights.data() + in(i).offset),
            static_cast<size_t>(in(i).elements())};
  }
  // Throws Error(program_step) naming the step unless `condition` holds.
  void require(bool condition, std::string_view what) const {
    if (!condition)
      fail(ErrorCode::program_step,
           "step {} of node '{}': {}; the file is damaged or was not made by this compiler",
           step_name(step_.params), step_.node, what);
  }
  void require_counts(size_t inputs, size_t outputs) const {
    require(num_inputs() == inputs && num_outputs() == outputs, "wrong number of tensors");
  }

 private:
  const Program& program_;
  const Step& step_;
};

// Work of a step, for reports and for deciding on threads.
struct Cost {
  int64_t macs = 0;   // multiply-accumulates
  int64_t bytes = 0;  // read and written
};

// Addresses of a step's tensors in one session (weights or arena).
struct Binding {
  std::span<const std::byte* const> inputs;
  std::span<std::byte* const> outputs;
  CpuFeatures cpu = 0;
  int threads = 1;  // parts that may run at the same time at most
};

// The share of `total` items that part `part` of `parts` has: [first, last).
struct Range {
  int64_t first, last;
};
constexpr Range split_range(int64_t total, int part, int parts) {
  return {total * part / parts, total * (part + 1) / parts};
}

// A step ready to run: addresses resolved, kernel rows chosen.
class Runner {
 public:
  virtual ~Runner() = default;
  // Upper bound of the number of parts that `run` can be split into; 1: never split.
  virtual int max_parts() const { return 1; }
  // Does part `part` of `parts` (1 <= parts <= max_parts()). Parts touch disjoint output bytes, may run at
  // the same time, and the result does not depend on `parts`. Neither allocates nor throws.
  virtual void run(int part, int parts) noexcept = 0;
  // Steps with a RowUse: rows `rows` of every output, nothing else. Calls with different `slot`
  // (< row_slots()) may run at the same time.
  virtual void run_rows(Range rows, int slot) noexcept { (void)rows, (void)slot; }
  virtual int row_slots() const { return max_parts(); }
  // The kernel row in use, e.g. "avx512vnni"; "ref" for portable C++.
  virtual const char* row() const { return "ref"; }
  // Why the last run failed, which only custom operators can; nullptr when it did not. Forgets it; the text
  // lives until the next run.
  virtual const char* take_failure() noexcept { return nullptr; }
};

// Steps that can compute their outputs a few rows at a time (Runner::run_rows). Rows are the elements of the
// innermost dimension, numbered in memory order: pixels of an NHWC tensor.
struct RowUse {
  int64_t rows = 0;    // of the output; 0: the step runs as a whole only
  uint32_t local = 0;  // bit i: rows [a, b) need of input i only its rows [a, b), of as many
  int64_t reread = 0;  // bytes of constants that every call reads
};
inline int64_t num_rows(const TensorDesc& t) {
  const int64_t last = t.dims.empty() ? 1 : t.dims.back();
  return last > 0 ? t.elements() / last : 0;
}
// Of a step whose output elements depend on the elements at their own place, or on a broadcast input.
inline RowUse elementwise_rows(const StepView& view) {
  RowUse use{.rows = num_rows(view.out())};
  for (size_t i = 0; i < view.num_inputs(); ++i)
    if (view.in(i).dims == view.out().dims) use.local |= 1u << i;
  return use;
}

template <class P>
struct Kernel;  // specialised per step; may have `static RowUse row_use(const StepView&, const P&)`, kInPlace

template <class P>
concept StepKernel = requires(const StepView& view, const P& params, const Binding& binding) {
  { Kernel<P>::validate(view, params) } -> std::same_as<void>;  // throws Error(program_step)
  { Kernel<P>::cost(view, params) } -> std::same_as<Cost>;
  { Kernel<P>::bind(view, params, binding) } -> std::same_as<std::unique_ptr<Runner>>;
};

template <class P>
RowUse row_use(const StepView& view, const P& params) {
  if constexpr (requires { Kernel<P>::row_use(view, params); })
    return Kernel<P>::row_use(view, params);
  else
    return {};
}

// Kernel<P>::kInPlace has bit i set when the output may be the memory of input i: of the same extents, size
// of elements, and place of every element.
template <class P>
constexpr uint32_t in_place_inputs() {
  if constexpr (requires { Kernel<P>::kInPlace; })
    return Kernel<P>::kInPlace;
  else
    return 0;
}

// A variant of an inner loop. Rows are ordered from the most general to the most specialised: the last one
// whose bits the CPU has is used. Tests iterate over all of them.
template <class Fn>
struct KernelRow {
  const char* name;
  CpuFeatures needs;
  Fn fn;
};
template <class Rows>
const auto& choose_row(const Rows& rows, CpuFeatures cpu) {
  const auto* best = &rows[0];
  for (const auto& row : rows)
    if ((row.needs & ~cpu) == 0) best = &row;
  return *best;
}

}  // namespace openhb
