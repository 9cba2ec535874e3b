// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/binary.h"

#include "device/kernels/elementwise/binary_loops.h"
#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/int16_rows.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/elementwise/walk.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(BinaryLoops, kBinaryLoops)

namespace {

class BinaryRunner final : public Runner {
 public:
  BinaryRunner(const StepView& view, const BinaryParams& params, const Binding& binding)
      : walk_(broadcast_walk(view.out().dims, false, view.in(0), view.in(1), view.out())),
        size_(static_cast<int64_t>(dtype_size(view.in(0).dtype))),
        y_size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        a_(binding.inputs[0]),
        b_(binding.inputs[1]),
        y_(binding.outputs[0]) {
    const auto& loops = choose_kBinaryLoops(binding.cpu);
    name_ = loops.name;
    const DType dtype = view.in(0).dtype;
    const auto& int16 = choose_kInt16Loops(binding.cpu).fn->binary[view.out().dtype == DType::i8 ? 1 : 0];
    const auto& functions = dtype == DType::i16   ? int16
                            : dtype == DType::i8  ? loops.fn->i8
                            : dtype == DType::f32 ? loops.fn->f32
                            : dtype == DType::i32 ? loops.fn->i32
                                                  : loops.fn->i64;
    const BinaryForm form = walk_.row_stride[1] == 0   ? kScalarB
                            : walk_.row_stride[0] == 0 ? kScalarA
                                                       : kBothDense;
    row_ = functions[static_cast<size_t>(params.function)][form];
    constants_ = {params.fa,
                  params.fb,
                  params.k,
                  view.in(0).quant.zero_point(),
                  view.in(1).quant.zero_point(),
                  view.out().quant.zero_point()};
    if (params.function == BinaryFunction::mul)
      constants_.k = static_cast<float>(view.out().quant.zero_point() + 128);
  }

  int max_parts() const override { return parts_for(walk_.elements, walk_.elements); }
  const char* row() const override { return name_; }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      row_(a_ + at[0] * size_, b_ + at[1] * size_, y_ + at[2] * y_size_, n, constants_);
    });
  }

 private:
  RowWalk<3> walk_;
  int64_t size_, y_size_;
  const std::byte *a_, *b_;
  std::byte* y_;
  BinaryRow row_;
  BinaryConstants constants_;
  const char* name_;
};

bool has_function(DType dtype, BinaryFunction f) {
  using enum BinaryFunction;
  if (dtype == DType::i8) return f == add || f == sub || f == mul;
  if (dtype == DType::i16) return f == add || f == sub || f == mul || f == max || f == min;
  if (dtype == DType::f32) return f >= add && f <= pow;
  return (dtype == DType::i32 || dtype == DType::i64) && f >= add && f <= min;
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
  const bool narrows = a.dtype == DType::i16 && y.dtype == DType::i8;
  view.require(has_function(a.dtype, params.function), "function and element type do not go together");
  view.require(narrows || a.dtype == y.dtype, "wrong element type");
  check_dtype(view, b, a.dtype);
  view.require(broadcasts_to(a.dims, b.dims, y.dims), "extents do not broadcast");
  if (a.dtype == DType::i8 || a.dtype == DType::i16)
    for (const TensorDesc* t : {&a, &b, &y}) check_quant(view, *t);
}

Cost Kernel<BinaryParams>::cost(const StepView& view, const BinaryParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<BinaryParams>::bind(const StepView& view, const BinaryParams& params,
                                                   const Binding& binding) {
  return std::make_unique<BinaryRunner>(view, params, binding);
}

}  // namespace openhb
