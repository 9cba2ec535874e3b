// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <vector>

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/sampling/sampling.h"

namespace openhb::kernels {
namespace {

constexpr int64_t kLargest = 1024;

// Elimination in binary64; the pivot is the first of the largest magnitude. One part: it owns the matrix.
class DetRunner final : public Runner {
 public:
  DetRunner(const StepView& view, const Binding& binding)
      : n_(view.in(0).dims.back()),
        pitch_(view.in(0).pitch),
        row_(view.out().dims.empty() ? 1 : view.out().dims.back()),
        y_pitch_(view.out().dims.empty() ? 1 : view.out().pitch),
        matrices_(view.out().elements()),
        x_(reinterpret_cast<const float*>(binding.inputs[0])),
        y_(reinterpret_cast<float*>(binding.outputs[0])),
        a_(static_cast<size_t>(n_ * n_)) {}

  void run(int part, int) noexcept override {
    if (part != 0) return;
    for (int64_t m = 0; m < matrices_; ++m) {
      for (int64_t i = 0; i < n_; ++i)
        for (int64_t j = 0; j < n_; ++j) at(i, j) = static_cast<double>(x_[(m * n_ + i) * pitch_ + j]);
      y_[m / row_ * y_pitch_ + m % row_] = static_cast<float>(eliminate());
    }
  }

 private:
  double& at(int64_t i, int64_t j) { return a_[static_cast<size_t>(i * n_ + j)]; }
  static double magnitude(double v) { return v < 0 ? -v : v; }

  double eliminate() {
    double det = 1;
    for (int64_t k = 0; k < n_; ++k) {
      int64_t pivot = k;
      for (int64_t i = k + 1; i < n_; ++i)
        if (magnitude(at(i, k)) > magnitude(at(pivot, k))) pivot = i;
      if (at(pivot, k) == 0) return 0;
      if (pivot != k) {
        for (int64_t j = k; j < n_; ++j) std::swap(at(k, j), at(pivot, j));
        det = -det;
      }
      det *= at(k, k);
      for (int64_t i = k + 1; i < n_; ++i) {
        const double f = at(i, k) / at(k, k);
        for (int64_t j = k + 1; j < n_; ++j) at(i, j) = __builtin_fma(-f, at(k, j), at(i, j));
      }
    }
    return det;
  }

  int64_t n_, pitch_, row_, y_pitch_, matrices_;
  const float* x_;
  float* y_;
  std::vector<double> a_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<DetParams>::validate(const StepView& view, const DetParams&) {
  check_tensors(view, 1);
  const TensorDesc &x = view.in(0), &y = view.out();
  check_dtype(view, x, DType::f32);
  check_dtype(view, y, DType::f32);
  view.require(x.rank() >= 2 && x.dims[x.rank() - 1] == x.dims[x.rank() - 2], "matrices are not square");
  view.require(x.dims.back() <= kLargest, "matrices are too large");
  view.require(y.dims == Shape(x.dims.begin(), x.dims.end() - 2), "wrong output extents");
}

Cost Kernel<DetParams>::cost(const StepView& view, const DetParams&) {
  return traffic(view, saturating_mul(view.in(0).elements(), view.in(0).dims.back()) / 3);
}

std::unique_ptr<Runner> Kernel<DetParams>::bind(const StepView& view, const DetParams&,
                                                const Binding& binding) {
  return std::make_unique<DetRunner>(view, binding);
}

}  // namespace openhb
