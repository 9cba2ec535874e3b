// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/estimate.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "device/engine/chain.h"
#include "device/engine/fusion.h"
#include "device/kernels/steps.h"

namespace openhb::compiler {
namespace {

constexpr uint16_t kAnyStep = 0;
constexpr int kAny = -1;
constexpr int kI8 = static_cast<int>(DType::i8), kI16 = static_cast<int>(DType::i16),
              kF32 = static_cast<int>(DType::f32), kI32 = static_cast<int>(DType::i32);

// Cycles per padded multiply-accumulate, per output element and per element of the first input. Fitted to the
// cycles that tests/bench/a55 finds for the steps of twelve networks (docs/benchmarks.md). `variant`: the
// step's function or mode, of a convolution 1 when it has more than one tap.
struct Row {
  uint16_t step;
  int in, out, variant;
  double mac, output, input;
};
constexpr Row kRows[] = {
    {ConvParams::kId, kI8, kI32, 0, 0.05, 4.0, 0.5},
    {ConvParams::kId, kI8, kI32, 1, 0.055, 4.0, 0},
    {ConvParams::kId, kI8, kAny, 0, 0.0567, 2.0, 0.48},
    {ConvParams::kId, kI8, kAny, 1, 0.0545, 8.4, 0},
    {ConvParams::kId, kF32, kAny, 0, 0.25, 2.5, 0},
    {ConvParams::kId, kF32, kAny, 1, 0.234, 17.0, 0},
    {ConvParams::kId, kI16, kAny, kAny, 0.25, 8.0, 0},
    {DepthwiseParams::kId, kI8, kAny, kAny, 0.166, 2.75, 0.65},
    {DepthwiseParams::kId, kAny, kAny, kAny, 0.4, 4.0, 0.65},
    {MatMulParams::kId, kI8, kAny, kAny, 0.089, 9.9, 0},
    {MatMulParams::kId, kAny, kAny, kAny, 0.3, 10.0, 0},
    {PoolParams::kId, kI8, kAny, static_cast<int>(PoolMode::max), 0, 5.2, 0.7},
    {PoolParams::kId, kI8, kAny, static_cast<int>(PoolMode::average), 0, 0, 18.2},
    {PoolParams::kId, kAny, kAny, static_cast<int>(PoolMode::global_average), 0, 1.9, 0.7},
    {BinaryParams::kId, kI8, kAny, static_cast<int>(BinaryFunction::div), 0, 7.4, 0},
    {BinaryParams::kId, kI8, kAny, static_cast<int>(BinaryFunction::prelu), 0, 4.0, 0},
    {BinaryParams::kId, kI8, kAny, kAny, 0, 3.1, 0},
    {BinaryParams::kId, kAny, kAny, kAny, 0, 3.5, 0},
    {UnaryParams::kId, kAny, kAny, static_cast<int>(UnaryFunction::clip), 0, 2.2, 0},
    {UnaryParams::kId, kAny, kAny, kAny, 0, 24.0, 0},
    {LutParams::kId, kI8, kAny, kAny, 0, 1.1, 0},
    {LutParams::kId, kAny, kAny, kAny, 0, 5.0, 0},
    {QuantizeParams::kId, kF32, kAny, kAny, 0, 3.8, 0},
    {QuantizeParams::kId, kAny, kAny, kAny, 0, 2.0, 0},
    {DequantizeParams::kId, kI8, kAny, kAny, 0, 1.7, 0},
    {DequantizeParams::kId, kAny, kAny, kAny, 0, 2.75, 0},
    {CastParams::kId, kAny, kAny, kAny, 0, 1.9, 0},
    {CopyParams::kId, kI8, kAny, kAny, 0, 0.8, 0},
    {CopyParams::kId, kAny, kAny, kAny, 0, 1.5, 0},
    {SoftmaxParams::kId, kAny, kAny, kAny, 0, 50.0, 0},
    {ReduceParams::kId, kI8, kAny, kAny, 0, 5.3, 1.4},
    {ReduceParams::kId, kAny, kAny, kAny, 0, 0, 12.0},
    {ResizeParams::kId, kI8, kAny, 0, 0, 0.5, 0},
    {ResizeParams::kId, kAny, kAny, kAny, 0, 10.0, 0},
    {RecurrentParams::kId, kAny, kAny, kAny, 2.7, 0, 0},
    {GatherParams::kId, kAny, kAny, kAny, 0, 2.0, 0},
    {WhereParams::kId, kAny, kAny, kAny, 0, 5.6, 0},
    {kAnyStep, kAny, kAny, kAny, 0.5, 10.0, 1.0},
};

template <class P>
int variant_of(const P& p) {
  if constexpr (requires { p.function; })
    return static_cast<int>(p.function);
  else if constexpr (requires { p.mode; })
    return static_cast<int>(p.mode);
  else if constexpr (std::is_same_v<P, ConvParams>)
    return p.kernel[0] * p.kernel[1] > 1;
  else
    return 0;
}

const Row& row_for(uint16_t step, DType in, DType out, int variant) {
  const auto fits = [](int wanted, int value) { return wanted == kAny || wanted == value; };
  return *std::find_if(std::begin(kRows), std::end(kRows) - 1, [&](const Row& row) {
    return row.step == step && fits(row.in, static_cast<int>(in)) && fits(row.out, static_cast<int>(out)) &&
           fits(row.variant, variant);
  });
}

int64_t bytes_of(const TensorDesc& t) { return t.elements() * static_cast<int64_t>(dtype_size(t.dtype)); }

// Multiply-accumulates per cycle of 128-bit vectors, and bytes per cycle of the load port.
double macs_per_cycle(DType in) { return in == DType::i8 ? 16 : in == DType::i16 ? 8 : 4; }
constexpr double kLoadBytes = 8;

template <class P>
StepEstimate estimate_step(const StepView& view, const P& params) {
  StepEstimate e;
  const TensorDesc& y = view.out();
  const TensorDesc& x = view.num_inputs() > 0 ? view.in(0) : y;
  e.macs = e.padded_macs = Kernel<P>::cost(view, params).macs;
  e.shape = e.aligned = y.dims;
  if constexpr (std::is_same_v<P, ConvParams> || std::is_same_v<P, DepthwiseParams>) {
    const int64_t pixels = num_rows(y);
    e.padded_macs = std::max(e.macs, view.in(1).elements() * pixels);
    // Weights and vectors are padded to blocks of 16 output channels of each group.
    e.aligned.back() = std::max(e.aligned.back(), view.in(2).elements());
  }
  const Row& row = row_for(P::kId, x.dtype, y.dtype, variant_of(params));
  const auto in = static_cast<double>(x.elements()), out = static_cast<double>(y.elements());
  e.cycles = row.mac * static_cast<double>(e.padded_macs) + row.output * out + row.input * in;
  const int64_t read = x.storage == Storage::arena ? bytes_of(x) : bytes_of(y);
  e.least_cycles =
      std::max(static_cast<double>(e.macs) / macs_per_cycle(x.dtype), static_cast<double>(read) / kLoadBytes);
  e.cycles = std::max(e.cycles, e.least_cycles);
  return e;
}

// Dequantize, Softmax and Quantize that a session runs as one: no floats are stored in between.
constexpr double kFusedSoftmax = 10;  // cycles per element

void estimate_fusions(const Program& program, std::vector<StepEstimate>& steps) {
  for (const engine::SoftmaxFusion& fusion : engine::find_softmax_fusions(program)) {
    StepEstimate &from = steps[fusion.dequantize], &softmax = steps[fusion.softmax],
                 &to = steps[fusion.quantize];
    from.cycles = from.least_cycles, to.cycles = to.least_cycles;
    softmax.cycles =
        std::max(kFusedSoftmax * static_cast<double>(num_elements(softmax.shape)), softmax.least_cycles);
    from.stored = softmax.loaded = softmax.stored = to.loaded = 0;
  }
}

}  // namespace

std::vector<StepEstimate> estimate_steps(const Program& program) {
  std::vector<StepEstimate> steps;
  for (const Step& step : program.steps)
    steps.push_back(
        std::visit([&](const auto& p) { return estimate_step(StepView(program, step), p); }, step.params));
  for (const engine::Chain& chain : engine::find_chains(program)) {
    // What an earlier step of the chain wrote is read while it is near.
    std::set<uint64_t> written;
    for (size_t s = chain.first; s < chain.last; ++s) {
      for (const uint32_t id : program.steps[s].inputs) {
        const TensorDesc& t = program.tensors[id];
        if (t.storage == Storage::weights || !written.contains(t.offset)) steps[s].loaded += bytes_of(t);
      }
      for (const uint32_t id : program.steps[s].outputs) {
        steps[s].stored += bytes_of(program.tensors[id]);
        written.insert(program.tensors[id].offset);
      }
    }
  }
  estimate_fusions(program, steps);
  return steps;
}

ProgramEstimate total(const std::vector<StepEstimate>& steps) {
  ProgramEstimate sum;
  for (const StepEstimate& e : steps) {
    sum.cycles += e.cycles + e.memory_cycles();
    sum.loaded += e.loaded, sum.stored += e.stored;
  }
  return sum;
}

}  // namespace openhb::compiler
