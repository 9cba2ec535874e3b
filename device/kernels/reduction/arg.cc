// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/arg.h"

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/reduction/sequences.h"

namespace openhb::kernels {
namespace {

// Neighbouring sequences that are searched side by side.
constexpr int64_t kWidth = 64;

// Whether `v` takes the place of `best`. A NaN takes the place of any number and keeps it.
template <class T, bool Smallest, bool Last>
bool wins(T v, T best) {
  const bool equal = Last && v == best;
  bool wins = Smallest ? v < best : v > best;
  if constexpr (std::is_floating_point_v<T>) {
    if (best != best) return Last && v != v;
    wins = wins || v != v;
  }
  return wins || equal;
}

// `width` neighbouring sequences of n elements, `stride` apart.
using Search = void (*)(const std::byte* x, int64_t* y, int64_t width, int64_t n, int64_t stride);

template <class T, bool Smallest, bool Last>
void search(const std::byte* bytes, int64_t* y, int64_t width, int64_t n, int64_t stride) {
  const T* x = reinterpret_cast<const T*>(bytes);
  T best[kWidth];
  for (int64_t c = 0; c < width; ++c) best[c] = x[c], y[c] = 0;
  for (int64_t i = 1; i < n; ++i)
    for (int64_t c = 0; c < width; ++c) {
      const T v = x[i * stride + c];
      const bool better = wins<T, Smallest, Last>(v, best[c]);
      best[c] = better ? v : best[c];
      y[c] = better ? i : y[c];
    }
}

template <class T>
Search search_of(const ArgParams& p) {
  if (p.smallest != 0) return p.last != 0 ? search<T, true, true> : search<T, true, false>;
  return p.last != 0 ? search<T, false, true> : search<T, false, false>;
}
Search search_of(DType dtype, const ArgParams& p) {
  switch (dtype) {
    case DType::f32:
      return search_of<float>(p);
    case DType::i8:
      return search_of<int8_t>(p);
    case DType::i16:
      return search_of<int16_t>(p);
    case DType::i32:
      return search_of<int32_t>(p);
    case DType::i64:
      return search_of<int64_t>(p);
    case DType::u64:
      return search_of<uint64_t>(p);
    default:
      return nullptr;
  }
}

class ArgRunner final : public Runner {
 public:
  ArgRunner(const StepView& view, const ArgParams& params, const Binding& binding)
      : walk_(sequence_walk(view, static_cast<size_t>(params.axis))),
        length_(view.in(0).dims[static_cast<size_t>(params.axis)]),
        stride_(view.in(0).strides()[static_cast<size_t>(params.axis)]),
        size_(static_cast<int64_t>(dtype_size(view.in(0).dtype))),
        x_(binding.inputs[0]),
        y_(reinterpret_cast<int64_t*>(binding.outputs[0])),
        search_(search_of(view.in(0).dtype, params)) {}

  int max_parts() const override {
    return parts_for(saturating_mul(walk_.elements, length_), walk_.elements);
  }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      for (int64_t i = 0; i < n; i += kWidth)
        search_(x_ + (at[0] + i) * size_, y_ + at[1] + i, std::min(kWidth, n - i), length_, stride_);
    });
  }

 private:
  RowWalk<2> walk_;
  int64_t length_, stride_, size_;
  const std::byte* x_;
  int64_t* y_;
  Search search_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<ArgParams>::validate(const StepView& view, const ArgParams& params) {
  check_tensors(view, 1);
  const TensorDesc &x = view.in(0), &y = view.out();
  view.require(search_of(x.dtype, params) != nullptr, "wrong element type");
  check_dtype(view, y, DType::i64);
  view.require(params.axis >= 0 && static_cast<size_t>(params.axis) < x.rank(), "no such axis");
  for (const int32_t flag : {params.smallest, params.last})
    view.require(flag == 0 || flag == 1, "a flag is neither 0 nor 1");
  Shape expected = x.dims;
  expected[static_cast<size_t>(params.axis)] = 1;
  view.require(y.dims == expected, "wrong output extents");
  view.require(x.dims[static_cast<size_t>(params.axis)] > 0 || y.elements() == 0, "nothing to choose from");
}

Cost Kernel<ArgParams>::cost(const StepView& view, const ArgParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<ArgParams>::bind(const StepView& view, const ArgParams& params,
                                                const Binding& binding) {
  return std::make_unique<ArgRunner>(view, params, binding);
}

}  // namespace openhb
