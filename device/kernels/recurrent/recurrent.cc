// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/recurrent/recurrent.h"

#include <algorithm>
#include <vector>

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/recurrent/recurrent_loops.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(RecurrentLoops, kRecurrentLoops)

namespace {

constexpr int64_t kBlockRows = 4;  // sequences that one work item carries together
constexpr int64_t kMaxHidden = 1 << 16;

constexpr int64_t gates_of(RecurrentCell cell) {
  return cell == RecurrentCell::lstm ? 4 : cell == RecurrentCell::gru ? 3 : 1;
}
constexpr int64_t padded(int64_t hidden) { return (hidden + 15) / 16 * 16; }

// Positions of the optional inputs; -1 where absent.
struct Inputs {
  int cell = -1, bias = -1, peepholes = -1, lengths = -1, count = 4;
  explicit Inputs(const RecurrentParams& p) {
    if (p.cell == RecurrentCell::lstm) cell = count++;
    if (p.cell == RecurrentCell::gru && p.linear_before_reset != 0) bias = count++;
    if (p.peepholes != 0) peepholes = count++;
    if (p.lengths != 0) lengths = count++;
  }
};

class RecurrentRunner final : public Runner {
 public:
  RecurrentRunner(const StepView& view, const RecurrentParams& params, const Binding& binding)
      : p_(params),
        loops_(choose_kRecurrentLoops(binding.cpu)),
        time_(view.in(0).dims[0]),
        batch_(view.in(0).dims[1]),
        directions_(view.in(3).dims[0]),
        units_(params.hidden),
        width_(padded(params.hidden)),
        gates_(gates_of(params.cell)),
        x_pitch_(view.in(0).pitch),
        y_pitch_(view.out().pitch) {
    const Inputs at(params);
    const auto floats = [&](int i) {
      return i < 0 ? nullptr : reinterpret_cast<const float*>(binding.inputs[static_cast<size_t>(i)]);
    };
    x_ = floats(0), weights_ = floats(1), state_ = {floats(2), view.in(2).pitch};
    const auto constants = view.constant<float>(3);
    constants_.assign(constants.begin(), constants.end());
    if (at.cell >= 0) cell_ = {floats(at.cell), view.in(static_cast<size_t>(at.cell)).pitch};
    if (at.bias >= 0) bias_ = {floats(at.bias), view.in(static_cast<size_t>(at.bias)).pitch};
    if (at.peepholes >= 0)
      peephole_ = {floats(at.peepholes), view.in(static_cast<size_t>(at.peepholes)).pitch};
    if (at.lengths >= 0)
      lengths_ = reinterpret_cast<const int32_t*>(binding.inputs[static_cast<size_t>(at.lengths)]);
    y_ = reinterpret_cast<float*>(binding.outputs[0]);
    blocks_ = (batch_ + kBlockRows - 1) / kBlockRows;
    scratch_size_ = kBlockRows * (gates_ + 3) * width_;
    scratch_.resize(static_cast<size_t>(directions_ * blocks_ * scratch_size_));
    macs_ = saturating_mul(saturating_mul(time_ * batch_, directions_ * gates_ * units_), units_);
  }

  int max_parts() const override { return parts_for(macs_, directions_ * blocks_); }
  const char* row() const override { return loops_.name; }

  void run(int part, int parts) noexcept override {
    const Range items = split_range(directions_ * blocks_, part, parts);
    for (int64_t i = items.first; i < items.last; ++i) {
      Block b{i / blocks_, i % blocks_ * kBlockRows, 0, scratch_.data() + i * scratch_size_};
      const int64_t end = std::min(batch_, b.first + kBlockRows);
      for (; b.first < end; b.first += b.rows) {  // rows of equal length go together
        b.rows = 1;
        while (b.first + b.rows < end && length(b.first + b.rows) == length(b.first)) ++b.rows;
        run_block(b);
      }
    }
  }

 private:
  struct Matrix {
    const float* data = nullptr;
    int64_t pitch = 0;
    const float* row(int64_t i) const { return data + i * pitch; }
  };
  // Sequences first .. first + rows of a direction, with room for their gates, state, cell and a spare.
  struct Block {
    int64_t direction, first, rows;
    float* scratch;
  };

  int64_t length(int64_t n) const { return lengths_ ? std::clamp<int64_t>(lengths_[n], 0, time_) : time_; }
  float* result(int64_t t, const Block& b, int64_t row) const {
    return y_ + ((t * directions_ + b.direction) * batch_ + b.first + row) * y_pitch_;
  }
  float* hidden(const Block& b) const { return b.scratch + kBlockRows * gates_ * width_; }
  float* cell(const Block& b) const { return hidden(b) + kBlockRows * width_; }
  float* spare(const Block& b) const { return cell(b) + kBlockRows * width_; }
  const float* weights(const Block& b, int64_t gate) const {
    return weights_ + (b.direction * gates_ + gate) * width_ * units_;
  }

  void load(const Matrix& from, const Block& b, float* to) const {
    for (int64_t r = 0; r < b.rows; ++r) {
      const float* row = from.row(b.direction * batch_ + b.first + r);
      std::copy(row, row + units_, to + r * width_);
      std::fill(to + r * width_ + units_, to + (r + 1) * width_, 0.0f);
    }
  }
  void store(const float* from, const Block& b, int64_t t) const {
    for (int64_t r = 0; r < b.rows; ++r)
      std::copy(from + r * width_, from + r * width_ + units_, result(t, b, r));
  }

  void run_block(const Block& b) const {
    const int64_t steps = length(b.first);
    const bool backward = b.direction == 1 || p_.reverse != 0;
    load(state_, b, hidden(b));
    if (p_.cell == RecurrentCell::lstm) load(cell_, b, cell(b));
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t t = backward ? steps - 1 - s : s;
      const float* x = x_ + (t * batch_ + b.first) * x_pitch_ + b.direction * gates_ * width_;
      if (p_.cell == RecurrentCell::lstm)
        step_lstm(b, x);
      else if (p_.cell == RecurrentCell::gru)
        step_gru(b, x);
      else
        step_rnn(b, x);
      store(hidden(b), b, t);
    }
    for (int64_t t = steps; t < time_; ++t)
      for (int64_t r = 0; r < b.rows; ++r) std::fill_n(result(t, b, r), units_, 0.0f);
    store(hidden(b), b, time_);
    if (p_.cell == RecurrentCell::lstm) store(cell(b), b, time_ + 1);
  }

  // The gates from `gate` on: start + left * weights.
  void product(const Block& b, int64_t gate, int64_t count, const float* start, int64_t start_pitch,
               const float* left, float* to, int64_t to_pitch) const {
    loops_.fn->product({start, left, weights(b, gate), to, b.rows, units_, count * width_ / 16, start_pitch,
                        width_, to_pitch});
  }
  void activate(const Block& b, int64_t which, float* x) const {
    const float* constants = constants_.data() + (b.direction * 3 + which) * 2;
    loops_.fn->activate[p_.activations[static_cast<size_t>(b.direction * 3 + which)]](x, width_, constants[0],
                                                                                      constants[1], p_.clip);
  }

  void step_rnn(const Block& b, const float* x) const {
    product(b, 0, 1, x, x_pitch_, hidden(b), b.scratch, width_);
    for (int64_t r = 0; r < b.rows; ++r) activate(b, 0, b.scratch + r * width_);
    std::copy(b.scratch, b.scratch + b.rows * width_, hidden(b));
  }

  void step_gru(const Block& b, const float* x) const {
    const auto& f = *loops_.fn;
    const int64_t pitch = gates_ * width_;
    const bool after = p_.linear_before_reset != 0;
    product(b, 0, 2, x, x_pitch_, hidden(b), b.scratch, pitch);
    if (after) product(b, 2, 1, bias_.row(b.direction), 0, hidden(b), b.scratch + 2 * width_, pitch);
    for (int64_t r = 0; r < b.rows; ++r) {
      float *z = b.scratch + r * pitch, *reset = z + width_, *h = reset + width_;
      float *state = hidden(b) + r * width_, *left = spare(b) + r * width_;
      activate(b, 0, z);
      activate(b, 0, reset);
      if (!after) {
        f.multiply(reset, state, left, width_);
        continue;
      }
      std::copy(x + r * x_pitch_ + 2 * width_, x + r * x_pitch_ + 3 * width_, left);
      f.multiply_add(reset, h, left, width_);
      std::copy(left, left + width_, h);
    }
    if (!after) product(b, 2, 1, x + 2 * width_, x_pitch_, spare(b), b.scratch + 2 * width_, pitch);
    for (int64_t r = 0; r < b.rows; ++r) {
      float *z = b.scratch + r * pitch, *h = z + 2 * width_, *rest = spare(b) + r * width_;
      activate(b, 1, h);
      f.complement(z, rest, width_);
      f.mix(z, hidden(b) + r * width_, rest, h, width_);
    }
  }

  void step_lstm(const Block& b, const float* x) const {
    const auto& f = *loops_.fn;
    const int64_t pitch = gates_ * width_;
    product(b, 0, 4, x, x_pitch_, hidden(b), b.scratch, pitch);
    for (int64_t r = 0; r < b.rows; ++r) {
      float *in = b.scratch + r * pitch, *out = in + width_, *forget = out + width_, *fresh = forget + width_;
      float *c = cell(b) + r * width_, *h = hidden(b) + r * width_;
      const auto peep = [&](int64_t which, float* gate) {
        if (peephole_.data) f.multiply_add(peephole_.row(b.direction * 3 + which), c, gate, width_);
      };
      peep(0, in);
      activate(b, 0, in);
      if (p_.input_forget != 0) {
        f.complement(in, forget, width_);
      } else {
        peep(2, forget);
        activate(b, 0, forget);
      }
      activate(b, 1, fresh);
      f.mix(forget, c, in, fresh, width_);
      peep(1, out);
      activate(b, 0, out);
      std::copy(c, c + width_, h);
      activate(b, 2, h);
      f.multiply(out, h, h, width_);
    }
  }

  RecurrentParams p_;
  KernelRow<const RecurrentLoops*> loops_;
  int64_t time_, batch_, directions_, units_, width_, gates_, x_pitch_, y_pitch_;
  int64_t blocks_ = 0, scratch_size_ = 0, macs_ = 0;
  const float *x_ = nullptr, *weights_ = nullptr;
  std::vector<float> constants_;
  Matrix state_, cell_, bias_, peephole_;
  const int32_t* lengths_ = nullptr;
  float* y_ = nullptr;
  std::vector<float> scratch_;  // one share per work item
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<RecurrentParams>::validate(const StepView& view, const RecurrentParams& p) {
  const auto cell = static_cast<int32_t>(p.cell);
  view.require(cell >= 0 && cell <= static_cast<int32_t>(RecurrentCell::lstm), "unknown cell");
  const bool lstm = p.cell == RecurrentCell::lstm;
  for (const int32_t flag : {p.reverse, p.linear_before_reset, p.input_forget, p.peepholes, p.lengths})
    view.require(flag == 0 || flag == 1, "a flag is neither 0 nor 1");
  view.require(p.cell == RecurrentCell::gru || p.linear_before_reset == 0, "only a gru resets");
  view.require(lstm || (p.input_forget == 0 && p.peepholes == 0), "only an lstm has a cell");
  view.require(p.hidden >= 1 && p.hidden <= kMaxHidden, "number of hidden units out of range");
  view.require(p.clip >= 0, "clip is not a bound");
  for (const int32_t f : p.activations)
    view.require(f >= 0 && f < math::kRecurrentActivations, "unknown activation");

  const Inputs at(p);
  check_tensors(view, static_cast<size_t>(at.count));
  view.require(view.in(0).rank() == 3 && view.in(3).rank() == 3, "wrong rank");
  const int64_t time = view.in(0).dims[0], batch = view.in(0).dims[1], directions = view.in(3).dims[0];
  view.require(time >= 1 && batch >= 1, "no time step or no sequence");
  view.require(directions == 1 || directions == 2, "neither one nor two directions");
  view.require(directions == 1 || p.reverse == 0, "two directions, both backward");
  const int64_t width = padded(p.hidden), gates = gates_of(p.cell);
  const auto check = [&](int input, const Shape& dims, DType dtype = DType::f32) {
    const TensorDesc& t = view.in(static_cast<size_t>(input));
    check_dtype(view, t, dtype);
    view.require(t.dims == dims, "wrong extents");
  };
  check(0, {time, batch, directions * gates * width});
  check(1, {directions, gates, width / 16, p.hidden, 16});
  view.require(view.in(1).dense(), "weights are not dense");
  check(2, {directions, batch, p.hidden});
  check_table(view, 3, DType::f32, {directions, 3, 2});
  if (at.cell >= 0) check(at.cell, {directions, batch, p.hidden});
  if (at.bias >= 0) check(at.bias, {directions, width});
  if (at.peepholes >= 0) check(at.peepholes, {directions, 3, width});
  if (at.lengths >= 0) check(at.lengths, {batch}, DType::i32);
  check_dtype(view, view.out(), DType::f32);
  view.require(view.out().dims == Shape{time + (lstm ? 2 : 1), directions, batch, p.hidden},
               "wrong output extents");
}

Cost Kernel<RecurrentParams>::cost(const StepView& view, const RecurrentParams& p) {
  return traffic(view, saturating_mul(view.in(0).elements() / padded(p.hidden) * p.hidden, p.hidden));
}

std::unique_ptr<Runner> Kernel<RecurrentParams>::bind(const StepView& view, const RecurrentParams& params,
                                                      const Binding& binding) {
  return std::make_unique<RecurrentRunner>(view, params, binding);
}

}  // namespace openhb
