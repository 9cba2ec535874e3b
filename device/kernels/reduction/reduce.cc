// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/reduce.h"

#include <limits>

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/reduction/reduce_integer.h"
#include "device/kernels/reduction/reduce_rows.h"
#include "device/kernels/reduction/reduce_split.h"

namespace openhb::kernels {
namespace {

// One row per ReduceFunction: how elements fold, the value of an empty fold, and what becomes of the result.
struct FunctionRow {
  Fold fold;
  float start;
  float (*finish)(float total, float count);
};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float keep(float total, float) { return total; }
constexpr FunctionRow kFunctions[] = {
    {Fold::add, 0.0f, keep},                                                              // sum
    {Fold::add, 0.0f, [](float total, float count) { return total / count; }},            // mean
    {Fold::max, -kInfinity, keep},                                                        // max
    {Fold::min, kInfinity, keep},                                                         // min
    {Fold::mul, 1.0f, keep},                                                              // prod
    {Fold::add_abs, 0.0f, keep},                                                          // l1
    {Fold::add_square, 0.0f, [](float total, float) { return __builtin_sqrtf(total); }},  // l2
    {Fold::add_square, 0.0f, keep},                                                       // sum_square
};
static_assert(std::size(kFunctions) == static_cast<size_t>(ReduceFunction::sum_square) + 1);

class ReduceRunner final : public Runner {
 public:
  ReduceRunner(const StepView& view, const ReduceParams& params, const Binding& binding)
      : ReduceRunner(Split(view, params), kFunctions[static_cast<size_t>(params.function)], binding) {}

  int max_parts() const override { return parts_for(saturating_mul(kept_.elements, count_), kept_.elements); }
  const char* row() const override { return loops_.name; }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(kept_.elements, part, parts);
    kept_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      // Neighbouring results read neighbouring elements, unless the reduced run itself is dense.
      const int64_t block = runs_.stride == 1 ? 1 : kReduceWidth;
      for (int64_t i = 0; i < n; i += block) reduce(x_ + at[0] + i, y_ + at[1] + i, std::min(block, n - i));
    });
  }

 private:
  ReduceRunner(const Split& split, const FunctionRow& function, const Binding& binding)
      : kept_(split.kept_dims, split.kept_strides),
        runs_(Runs::make(split.reduced_dims, split.reduced_strides)),
        count_(num_elements(split.reduced_dims)),
        function_(function),
        x_(reinterpret_cast<const float*>(binding.inputs[0])),
        y_(reinterpret_cast<float*>(binding.outputs[0])),
        loops_(choose_kReduceLoops(binding.cpu)) {}

  void reduce(const float* x, float* y, int64_t width) const {
    float lanes[kReduceLanes * kReduceWidth];
    const auto fold = static_cast<size_t>(function_.fold);
    const bool dense = runs_.stride == 1;
    const int64_t pitch = dense ? 1 : kReduceWidth;
    // Lanes that no element reaches keep a start that changes nothing.
    int64_t reached = 1;
    while (reached < count_ && reached < kReduceLanes) reached *= 2;
    if (dense) reached = kReduceLanes;
    for (int64_t l = 0; l < reached; ++l)
      for (int64_t c = 0; c < width; ++c) lanes[l * pitch + c] = function_.start;
    int64_t phase = 0;
    if (count_ > 0)
      runs_.for_runs([&](int64_t at) {
        if (dense)
          loops_.fn->run[fold](lanes, x + at, runs_.length, phase);
        else
          loops_.fn->columns[fold](lanes, x + at, width, runs_.length, runs_.stride, phase);
        phase = (phase + runs_.length) % kReduceLanes;
      });
    loops_.fn->fold[fold](lanes, pitch, width, reached);
    for (int64_t c = 0; c < width; ++c) y[c] = function_.finish(lanes[c], static_cast<float>(count_));
  }

  RowWalk<2> kept_;
  Runs runs_;
  int64_t count_;
  FunctionRow function_;
  const float* x_;
  float* y_;
  KernelRow<const ReduceLoops*> loops_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<ReduceParams>::validate(const StepView& view, const ReduceParams& params) {
  check_tensors(view, 1);
  const TensorDesc &x = view.in(0), &y = view.out();
  const auto f = static_cast<int32_t>(params.function);
  view.require(f >= 0 && f < static_cast<int32_t>(std::size(kFunctions)), "unknown function");
  view.require(
      x.dtype == DType::f32 ? y.dtype == DType::f32 : reduces_integers(x.dtype, params.function, y.dtype),
      "function and element types do not go together");
  Shape expected = x.dims;
  std::array<bool, kMaxRank> seen{};
  for (const int64_t axis : params.axes) {
    view.require(axis >= 0 && axis < static_cast<int64_t>(x.rank()), "no such axis");
    view.require(!seen[static_cast<size_t>(axis)], "an axis is named twice");
    seen[static_cast<size_t>(axis)] = true;
    expected[static_cast<size_t>(axis)] = 1;
  }
  view.require(y.dims == expected, "wrong output extents");
  if (x.dtype != DType::i8 && x.dtype != DType::i16) return;
  check_quant(view, x), check_quant(view, y);
  int64_t count = 1;
  for (const int64_t axis : params.axes) count = saturating_mul(count, x.dims[static_cast<size_t>(axis)]);
  view.require(count < kMaxCodes, "the sum could overflow");
}

Cost Kernel<ReduceParams>::cost(const StepView& view, const ReduceParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<ReduceParams>::bind(const StepView& view, const ReduceParams& params,
                                                   const Binding& binding) {
  if (view.in(0).dtype != DType::f32) return bind_integer_reduce(view, params, binding);
  return std::make_unique<ReduceRunner>(view, params, binding);
}

}  // namespace openhb
