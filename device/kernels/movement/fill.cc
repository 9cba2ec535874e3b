// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/movement/fill.h"

#include <cstring>

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/convert.h"
#include "device/kernels/elementwise/walk.h"

namespace openhb::kernels {
namespace {

class FillRunner final : public Runner {
 public:
  FillRunner(const StepView& view, const FillParams& params, const Binding& binding)
      : walk_(broadcast_walk(view.out().dims, false, view.out())), y_(binding.outputs[0]) {
    with_element_type(view.out().dtype, [&]<class T>() {
      const T value = convert<T>(params.value);
      size_ = sizeof(T);
      for (size_t i = 0; i < kPattern; i += size_) std::memcpy(pattern_ + i, &value, size_);
    });
  }

  int max_parts() const override { return parts_for(walk_.elements, walk_.elements); }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      std::byte* y = y_ + at[0] * static_cast<int64_t>(size_);
      size_t bytes = static_cast<size_t>(n) * size_;
      for (; bytes >= kPattern; bytes -= kPattern, y += kPattern) std::memcpy(y, pattern_, kPattern);
      std::memcpy(y, pattern_, bytes);
    });
  }

 private:
  static constexpr size_t kPattern = 64;
  RowWalk<1> walk_;
  std::byte* y_;
  size_t size_ = 1;
  std::byte pattern_[kPattern];
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<FillParams>::validate(const StepView& view, const FillParams&) { check_tensors(view, 0); }

Cost Kernel<FillParams>::cost(const StepView& view, const FillParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<FillParams>::bind(const StepView& view, const FillParams& params,
                                                 const Binding& binding) {
  return std::make_unique<FillRunner>(view, params, binding);
}

}  // namespace openhb
