// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "device/kernels/elementwise/convert.h"
#include "device/kernels/indexing/indexing.h"
#include "device/kernels/indexing/positions.h"

namespace openhb::kernels {
namespace {

// Integers in the elements' order: NaN above everything, both zeros alike.
template <class T>
int64_t order_key(T v) {
  if constexpr (std::is_same_v<T, float>) {
    if (v != v) return std::numeric_limits<int64_t>::max();
    const auto bits = __builtin_bit_cast(int32_t, v);
    return bits >= 0 ? int64_t{bits} : -(int64_t{bits} & 0x7fffffff);
  } else if constexpr (std::is_same_v<T, uint64_t>) {
    return static_cast<int64_t>(v ^ (uint64_t{1} << 63));
  } else {
    return static_cast<int64_t>(v);
  }
}

// One line of the tensor and of the output, in which the positions are sorted in place.
template <class T>
struct Line {
  const T* x;
  int64_t x_stride;
  int64_t* y;
  int64_t y_stride;
  bool largest;

  int64_t& at(int64_t i) const { return y[i * y_stride]; }
  bool before(int64_t a, int64_t b) const {
    const int64_t ka = order_key(x[a * x_stride]), kb = order_key(x[b * x_stride]);
    if (ka != kb) return largest ? ka > kb : ka < kb;
    return a < b;
  }
  // Heap of `n` positions with the worst one on top.
  void sink(int64_t i, int64_t n) const {
    for (int64_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
      if (child + 1 < n && before(at(child), at(child + 1))) ++child;
      if (!before(at(i), at(child))) return;
      std::swap(at(i), at(child));
      i = child;
    }
  }
  void select(int64_t extent, int64_t k) const {
    if (k == 0) return;
    for (int64_t i = 0; i < k; ++i) at(i) = i;
    for (int64_t i = k / 2; i-- > 0;) sink(i, k);
    for (int64_t i = k; i < extent; ++i)
      if (before(i, at(0))) at(0) = i, sink(0, k);
    for (int64_t n = k; n-- > 1;) {
      std::swap(at(0), at(n));
      sink(0, n);
    }
  }
};

template <class T>
class TopKRunner final : public Runner {
 public:
  TopKRunner(const StepView& view, const TopKParams& p, const Binding& binding)
      : axis_(static_cast<size_t>(p.axis)),
        x_dims_(view.in(0).dims),
        x_strides_(view.in(0).strides()),
        y_strides_(view.out().strides()),
        k_(view.out().dims[axis_]),
        largest_(p.largest != 0),
        x_(reinterpret_cast<const T*>(binding.inputs[0])),
        y_(reinterpret_cast<int64_t*>(binding.outputs[0])) {
    for (size_t i = 0; i < x_dims_.size(); ++i)
      if (i != axis_) lines_ *= x_dims_[i];
  }

  int max_parts() const override { return parts_for(saturating_mul(lines_, x_dims_[axis_]), lines_); }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(lines_, part, parts);
    for (int64_t line = range.first; line < range.last; ++line) {
      int64_t rest = line, from = 0, to = 0;
      for (size_t i = x_dims_.size(); i-- > 0;) {
        if (i == axis_) continue;
        from += rest % x_dims_[i] * x_strides_[i];
        to += rest % x_dims_[i] * y_strides_[i];
        rest /= x_dims_[i];
      }
      Line<T>{x_ + from, x_strides_[axis_], y_ + to, y_strides_[axis_], largest_}.select(x_dims_[axis_], k_);
    }
  }

 private:
  size_t axis_;
  Shape x_dims_, x_strides_, y_strides_;
  int64_t k_, lines_ = 1;
  bool largest_;
  const T* x_;
  int64_t* y_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<TopKParams>::validate(const StepView& view, const TopKParams& params) {
  check_tensors(view, 1);
  const TensorDesc &x = view.in(0), &y = view.out();
  check_dtype(view, y, DType::i64);
  view.require(x.dtype != DType::f16 && x.dtype != DType::f64 && x.dtype != DType::boolean,
               "wrong element type");
  view.require(params.axis >= 0 && static_cast<size_t>(params.axis) < x.rank(), "no such axis");
  view.require(y.rank() == x.rank(), "ranks differ");
  for (size_t i = 0; i < x.rank(); ++i)
    view.require(i == static_cast<size_t>(params.axis) ? y.dims[i] <= x.dims[i] : y.dims[i] == x.dims[i],
                 "wrong output extents");
}

Cost Kernel<TopKParams>::cost(const StepView& view, const TopKParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<TopKParams>::bind(const StepView& view, const TopKParams& params,
                                                 const Binding& binding) {
  return with_element_type(view.in(0).dtype, [&]<class T>() -> std::unique_ptr<Runner> {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, Bool> || std::is_same_v<T, double>)
      return nullptr;  // refused by validate
    else
      return std::make_unique<TopKRunner<T>>(view, params, binding);
  });
}

}  // namespace openhb
