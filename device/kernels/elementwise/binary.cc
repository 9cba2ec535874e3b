// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/binary.h"

#include <cstring>
#include <numeric>

#include "device/kernels/elementwise/binary_loops.h"
#include "device/kernels/elementwise/int16_rows.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/elementwise/walk_runner.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(BinaryLoops, kBinaryLoops)

namespace {

// The rows of an element type (of input 0), or nullptr.
const BinaryTable* rows_of(DType dtype, const BinaryLoops& loops) {
  if (dtype == DType::i8) return &loops.i8;
  if (dtype == DType::f32) return &loops.f32;
  return integer_binary_rows(dtype);
}

BinaryConstants constants_of(const StepView& view, const BinaryParams& params) {
  const QuantParams &a = view.in(0).quant, &b = view.in(1).quant, &y = view.out().quant;
  BinaryConstants c{params.fa, params.fb, params.k, a.zero_point(), b.zero_point(), y.zero_point()};
  if (params.function == BinaryFunction::mul) c.k = static_cast<float>(y.zero_point() + 128);
  if (params.function == BinaryFunction::div || is_comparison(params.function))
    c.fa = a.scale(), c.fb = b.scale(), c.k = y.scale();
  return c;
}

class BinaryRunner final : public WalkRunner {
 public:
  BinaryRunner(const StepView& view, const BinaryParams& params, const Binding& binding)
      : WalkRunner(view.out()),
        walk_(broadcast_walk(view.out().dims, false, view.in(0), view.in(1), view.out())),
        a_size_(static_cast<int64_t>(dtype_size(view.in(0).dtype))),
        b_size_(static_cast<int64_t>(dtype_size(view.in(1).dtype))),
        y_size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        a_(binding.inputs[0]),
        b_(binding.inputs[1]),
        y_(binding.outputs[0]),
        constants_(constants_of(view, params)) {
    const auto& loops = choose_kBinaryLoops(binding.cpu);
    const DType dtype = view.in(0).dtype;
    name_ = integer_binary_rows(dtype) ? "ref" : loops.name;
    const BinaryForm form = walk_.row_stride[1] == 0   ? kScalarB
                            : walk_.row_stride[0] == 0 ? kScalarA
                                                       : kBothDense;
    const auto& int16 = choose_kInt16Loops(binding.cpu).fn->binary[view.out().dtype == DType::i8 ? 1 : 0];
    const auto& functions = dtype == DType::i16 ? int16 : *rows_of(dtype, *loops.fn);
    row_ = functions[static_cast<size_t>(params.function)][form];
  }

  const char* row() const override { return name_; }

  void run_elements(Range range) noexcept override {
    walk_.for_planes(range.first, range.last, [&](const auto& at, const Plane<3>& plane) {
      const std::byte *a = a_ + at[0] * a_size_, *b = b_ + at[1] * b_size_;
      std::byte* y = y_ + at[2] * y_size_;
      const bool dense = walk_.row_stride[0] == 1 && walk_.row_stride[1] == 1 && plane.step[2] == plane.n &&
                         plane.n <= kLong / 4 && plane.n * plane.rows >= 2 * kLong;
      if (dense && plane.step[1] == 0 && plane.step[0] == plane.n)
        run_repeated(a, b, y, plane, true);
      else if (dense && plane.step[0] == 0 && plane.step[1] == plane.n)
        run_repeated(a, b, y, plane, false);
      else
        row_(a, b, y, plane, constants_);
    });
  }

 private:
  // One operand (`b`, or else a) has few values, which every row of a dense plane takes: written often enough
  // for long rows, without a tail if possible.
  static constexpr int64_t kLong = 1024;
  void run_repeated(const std::byte* a, const std::byte* b, std::byte* y, const Plane<3>& plane,
                    bool of_b) const {
    int64_t count = kLong / plane.n;
    for (const int64_t unit : {64 / std::gcd(int64_t{64}, plane.n), 16 / std::gcd(int64_t{16}, plane.n)})
      if (unit <= count) {
        count = count / unit * unit;
        break;
      }
    std::byte many[kLong * 8];
    const int64_t size = of_b ? b_size_ : a_size_, n = count * plane.n, all = plane.n * plane.rows;
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(many + i * plane.n * size, of_b ? b : a, static_cast<size_t>(plane.n * size));
    (of_b ? b : a) = many;
    row_(a, b, y, {n, all / n, {of_b ? n : 0, of_b ? 0 : n, n}}, constants_);
    const int64_t done = all / n * n;
    if (done == all) return;
    row_(of_b ? a + done * a_size_ : a, of_b ? b : b + done * b_size_, y + done * y_size_,
         {all - done, 1, {}}, constants_);
  }

  RowWalk<3> walk_;
  int64_t a_size_, b_size_, y_size_;
  const std::byte *a_, *b_;
  std::byte* y_;
  BinaryRow row_;
  BinaryConstants constants_;
  const char* name_;
};

bool has_function(DType dtype, BinaryFunction f) {
  using enum BinaryFunction;
  if (f < add || static_cast<int32_t>(f) >= kBinaryFunctions) return false;
  const BinaryTable* rows =
      dtype == DType::i16 ? &choose_kInt16Loops(0).fn->binary[0] : rows_of(dtype, *choose_kBinaryLoops(0).fn);
  return rows && (*rows)[static_cast<size_t>(f)][kBothDense];
}

// Extents of the result of broadcasting `a` and `b`, or nothing when they do not fit together.
bool broadcasts_to(const Shape& a, const Shape& b, const Shape& y) {
  if (y.size() != std::max(a.size(), b.size())) return false;
  for (size_t i = 0; i < y.size(); ++i) {
    const int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t db = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (da != db && da != 1 && db != 1) return false;
    if (y[y.size() - 1 - i] != (da == 1 ? db : da)) return false;
  }
  return true;
}

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<BinaryParams>::validate(const StepView& view, const BinaryParams& params) {
  check_tensors(view, 2);
  const TensorDesc &a = view.in(0), &b = view.in(1), &y = view.out();
  view.require(has_function(a.dtype, params.function), "function and element type do not go together");
  const bool codes = a.dtype == DType::i8 || a.dtype == DType::i16;
  const bool factors = a.dtype == DType::i8 && params.function == BinaryFunction::prelu;
  const bool narrows = a.dtype == DType::i16 && y.dtype == DType::i8 && !is_comparison(params.function);
  check_dtype(view, b, factors ? DType::f32 : a.dtype);
  if (!narrows) check_dtype(view, y, is_comparison(params.function) ? DType::boolean : a.dtype);
  view.require(broadcasts_to(a.dims, b.dims, y.dims), "extents do not broadcast");
  if (!codes) return;
  check_quant(view, a);
  if (!factors) check_quant(view, b);
  if (y.dtype != DType::boolean) check_quant(view, y);
}

Cost Kernel<BinaryParams>::cost(const StepView& view, const BinaryParams&) { return traffic(view); }
RowUse Kernel<BinaryParams>::row_use(const StepView& view, const BinaryParams&) {
  return elementwise_rows(view);
}

std::unique_ptr<Runner> Kernel<BinaryParams>::bind(const StepView& view, const BinaryParams& params,
                                                   const Binding& binding) {
  return std::make_unique<BinaryRunner>(view, params, binding);
}

}  // namespace openhb
