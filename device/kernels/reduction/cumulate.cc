// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/cumulate.h"

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/reduction/sequences.h"

namespace openhb::kernels {
namespace {

constexpr int64_t kWidth = 64;  // sequences done side by side

// Where a sequence's elements lie; strides may be negative.
struct Lie {
  int64_t n, x_stride, y_stride;
};
// Folds `width` neighbouring sequences; `skip`: each result is without the element itself.
using FoldSequences = void (*)(const std::byte* x, std::byte* y, int64_t width, const Lie& lie, bool skip);

// Integers wrap.
template <class T, bool Product>
T join(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return Product ? a * b : a + b;
  } else {
    using U = std::make_unsigned_t<T>;
    const auto ua = static_cast<U>(a), ub = static_cast<U>(b);
    return static_cast<T>(Product ? ua * ub : ua + ub);
  }
}

template <class T, bool Product>
void fold(const std::byte* x_bytes, std::byte* y_bytes, int64_t width, const Lie& lie, bool skip) {
  const T* x = reinterpret_cast<const T*>(x_bytes);
  T* y = reinterpret_cast<T*>(y_bytes);
  T total[kWidth];
  for (int64_t c = 0; c < width; ++c) total[c] = Product ? T{1} : T{0};
  for (int64_t i = 0; i < lie.n; ++i)
    for (int64_t c = 0; c < width; ++c) {
      const T before = total[c];
      total[c] = join<T, Product>(before, x[i * lie.x_stride + c]);
      y[i * lie.y_stride + c] = skip ? before : total[c];
    }
}

template <class T>
FoldSequences fold_of(CumulateFunction f) {
  return f == CumulateFunction::prod ? fold<T, true> : fold<T, false>;
}
FoldSequences fold_of(DType dtype, CumulateFunction f) {
  switch (dtype) {
    case DType::f32:
      return fold_of<float>(f);
    case DType::i32:
      return fold_of<int32_t>(f);
    case DType::i64:
      return fold_of<int64_t>(f);
    default:
      return nullptr;
  }
}

class CumulateRunner final : public Runner {
 public:
  CumulateRunner(const StepView& view, const CumulateParams& params, const Binding& binding)
      : walk_(sequence_walk(view, static_cast<size_t>(params.axis))),
        size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        x_(binding.inputs[0]),
        y_(binding.outputs[0]),
        fold_(fold_of(view.out().dtype, params.function)),
        skip_(params.exclusive != 0) {
    const auto axis = static_cast<size_t>(params.axis);
    lie_ = {view.out().dims[axis], view.in(0).strides()[axis], view.out().strides()[axis]};
    if (params.reverse == 0 || lie_.n == 0) return;
    x_ += (lie_.n - 1) * lie_.x_stride * size_;
    y_ += (lie_.n - 1) * lie_.y_stride * size_;
    lie_.x_stride = -lie_.x_stride, lie_.y_stride = -lie_.y_stride;
  }

  int max_parts() const override { return parts_for(saturating_mul(walk_.elements, lie_.n), walk_.elements); }

  void run(int part, int parts) noexcept override {
    if (lie_.n == 0) return;
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      for (int64_t i = 0; i < n; i += kWidth)
        fold_(x_ + (at[0] + i) * size_, y_ + (at[1] + i) * size_, std::min(kWidth, n - i), lie_, skip_);
    });
  }

 private:
  RowWalk<2> walk_;
  Lie lie_{};
  int64_t size_;
  const std::byte* x_;
  std::byte* y_;
  FoldSequences fold_;
  bool skip_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<CumulateParams>::validate(const StepView& view, const CumulateParams& params) {
  check_tensors(view, 1);
  const TensorDesc &x = view.in(0), &y = view.out();
  view.require(params.function == CumulateFunction::sum || params.function == CumulateFunction::prod,
               "unknown function");
  view.require(fold_of(y.dtype, params.function) != nullptr, "wrong element type");
  check_dtype(view, x, y.dtype);
  check_same_dims(view, x, y);
  view.require(params.axis >= 0 && static_cast<size_t>(params.axis) < y.rank(), "no such axis");
  for (const int32_t flag : {params.exclusive, params.reverse})
    view.require(flag == 0 || flag == 1, "a flag is neither 0 nor 1");
}

Cost Kernel<CumulateParams>::cost(const StepView& view, const CumulateParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<CumulateParams>::bind(const StepView& view, const CumulateParams& params,
                                                     const Binding& binding) {
  return std::make_unique<CumulateRunner>(view, params, binding);
}

}  // namespace openhb
