// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/checks.h"
#include "device/kernels/sampling/sampling.h"

namespace openhb::kernels {
namespace {

class ResampleRunner final : public Runner {
 public:
  ResampleRunner(const StepView& view, const ResampleParams& p, const Binding& binding)
      : innermost_(static_cast<size_t>(p.axis) + 1 == view.in(0).rank()),
        taps_(view.in(1).dims[0]),
        in_(view.in(0).dims[static_cast<size_t>(p.axis)]),
        out_(view.out().dims[static_cast<size_t>(p.axis)]),
        row_(view.out().dims.back()),
        x_pitch_(view.in(0).pitch),
        y_pitch_(view.out().pitch),
        outside_(p.outside),
        x_(reinterpret_cast<const float*>(binding.inputs[0])),
        source_(reinterpret_cast<const int32_t*>(binding.inputs[1])),
        weight_(reinterpret_cast<const float*>(binding.inputs[2])),
        y_(reinterpret_cast<float*>(binding.outputs[0])) {
    const Shape& dims = view.out().dims;
    const auto axis = static_cast<size_t>(p.axis);
    for (size_t i = 0; i < axis; ++i) before_ *= dims[i];
    for (size_t i = axis + 1; i + 1 < dims.size(); ++i) rows_ *= dims[i];
  }

  int max_parts() const override {
    return parts_for(saturating_mul(items() * rows_ * (innermost_ ? out_ : row_), taps_), items());
  }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(items(), part, parts);
    for (int64_t item = range.first; item < range.last; ++item)
      if (innermost_)
        along_row(x_ + item * x_pitch_, y_ + item * y_pitch_);
      else
        for (int64_t r = 0; r < rows_; ++r) across_rows(item / out_, item % out_, r);
  }

 private:
  int64_t items() const { return innermost_ ? before_ : before_ * out_; }

  void along_row(const float* x, float* y) const {
    for (int64_t o = 0; o < out_; ++o) {
      float sum = 0;
      for (int64_t t = 0; t < taps_; ++t)
        if (source_[t * out_ + o] >= 0)
          sum = __builtin_fmaf(x[source_[t * out_ + o]], weight_[t * out_ + o], sum);
      y[o] = source_[o] < 0 ? outside_ : sum;
    }
  }
  void across_rows(int64_t b, int64_t o, int64_t r) const {
    float* y = y_ + ((b * out_ + o) * rows_ + r) * y_pitch_;
    for (int64_t c = 0; c < row_; ++c) y[c] = source_[o] < 0 ? outside_ : 0;
    if (source_[o] < 0) return;
    for (int64_t t = 0; t < taps_; ++t) {
      if (source_[t * out_ + o] < 0) continue;
      const float* x = x_ + ((b * in_ + source_[t * out_ + o]) * rows_ + r) * x_pitch_;
      const float w = weight_[t * out_ + o];
      for (int64_t c = 0; c < row_; ++c) y[c] = __builtin_fmaf(x[c], w, y[c]);
    }
  }

  bool innermost_;
  int64_t taps_, in_, out_, row_, before_ = 1, rows_ = 1, x_pitch_, y_pitch_;
  float outside_;
  const float* x_;
  const int32_t* source_;
  const float* weight_;
  float* y_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<ResampleParams>::validate(const StepView& view, const ResampleParams& params) {
  check_tensors(view, 3);
  const TensorDesc &x = view.in(0), &y = view.out(), &table = view.in(1);
  check_dtype(view, x, DType::f32);
  check_dtype(view, y, DType::f32);
  view.require(params.axis >= 0 && static_cast<size_t>(params.axis) < x.rank(), "no such axis");
  view.require(x.rank() == y.rank(), "ranks differ");
  const auto axis = static_cast<size_t>(params.axis);
  for (size_t i = 0; i < x.rank(); ++i) view.require(i == axis || x.dims[i] == y.dims[i], "extents differ");
  view.require(table.rank() == 2 && table.dims[0] >= 1, "no taps");
  check_table(view, 1, DType::i32, {table.dims[0], y.dims[axis]});
  check_table(view, 2, DType::f32, {table.dims[0], y.dims[axis]});
  for (const int32_t i : view.constant<int32_t>(1))
    view.require(i >= -1 && i < x.dims[axis], "index outside the tensor");
}

Cost Kernel<ResampleParams>::cost(const StepView& view, const ResampleParams&) {
  return traffic(view, saturating_mul(view.out().elements(), view.in(1).dims[0]));
}

std::unique_ptr<Runner> Kernel<ResampleParams>::bind(const StepView& view, const ResampleParams& params,
                                                     const Binding& binding) {
  return std::make_unique<ResampleRunner>(view, params, binding);
}

}  // namespace openhb
