// SPDX-License-Identifier: Apache-2.0
// Depthwise: the loop over runs of output pixels; a kernel row does a run with all its channels.
#include <algorithm>

#include "device/kernels/conv/conv.h"
#include "device/kernels/conv/depthwise_span.h"
#include "device/kernels/conv/depthwise_strip.h"
#include "device/kernels/conv/finish.h"
#include "device/kernels/conv/rows.h"
#include "device/kernels/conv/validate.h"
#include "device/kernels/conv/window.h"

namespace openhb {
namespace conv {
namespace {

constexpr int64_t kMinMacsToSplit = 100'000;  // a depthwise product costs more than one of Conv
constexpr int64_t kMaxParts = 32;

struct alignas(64) Line {
  std::byte bytes[64];
};

template <class T, class B>
class DepthwiseRunner final : public Runner {
 public:
  DepthwiseRunner(const StepView& view, const DepthwiseParams& p, const Binding& binding, int64_t macs)
      : row_(choose_row(depthwise_rows(T{}), binding.cpu)),
        win_(make_window(view, p)),
        finder_(win_, reinterpret_cast<const T*>(binding.inputs[0]),
                static_cast<T>(view.in(0).dtype == DType::i8 ? view.in(0).quant.zero_point() : 0)),
        y_(binding.outputs[0]),
        y_size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        finish_(view, make_stage(view, p.lo, p.hi), binding) {
    row_stride_ = div_up(win_.taps(), 4) * 4;
    tile_.weights = reinterpret_cast<const Weight<T>*>(binding.inputs[1]);
    tile_.bias = reinterpret_cast<const B*>(binding.inputs[2]);
    if (std::is_same_v<T, int8_t>) tile_.sum128 = reinterpret_cast<const int32_t*>(binding.inputs[3]);
    if (view.num_inputs() > 4) tile_.multiplier = reinterpret_cast<const float*>(binding.inputs[4]);
    tile_.y_pitch = win_.y_pitch * y_size_;
    tile_.row_stride = row_stride_;
    tile_.weight_pitch = div_up(win_.c, 16) * 16;
    tile_.taps = win_.taps();
    tile_.channels = win_.c;
    tile_.stage = make_stage(view, p.lo, p.hi);
    if (finish_.needed()) {
      tile_.stage.raw = true;
      tile_.y_pitch = sums_pitch() * static_cast<int64_t>(sizeof(B));
    }
    if (macs >= kMinMacsToSplit) max_parts_ = static_cast<int>(std::min(win_.pixels(), kMaxParts));
    const auto parts = static_cast<size_t>(max_parts_);
    tables_.assign(parts * table_size(), finder_.padding());
    scratch_.resize(parts * static_cast<size_t>(row_stride_));
    if (finish_.needed()) sums_.resize(parts * sums_size());
  }

  int max_parts() const override { return max_parts_; }
  const char* row() const override { return row_.name; }

  void run(int part, int parts) noexcept override {
    const Range pixels = split_range(win_.pixels(), part, parts);
    const T** table = tables_.data() + static_cast<size_t>(part) * table_size();
    DepthwiseTile<T, B> tile = tile_;
    tile.rows = table;
    tile.scratch = scratch_.data() + static_cast<size_t>(part) * static_cast<size_t>(row_stride_);
    for (int64_t first = pixels.first; first < pixels.last; first += kRun) {
      tile.pixels = static_cast<int32_t>(std::min<int64_t>(kRun, pixels.last - first));
      finder_.find(first, tile.pixels, table, 1, row_stride_, false);
      std::byte* y = y_ + first * win_.y_pitch * y_size_;
      B* sums = finish_.needed() ? sums_.data() + static_cast<size_t>(part) * sums_size() : nullptr;
      tile.y = sums ? static_cast<void*>(sums) : y;
      row_.fn.run(tile);
      if (sums) finish_.run(sums, sums_pitch(), tile.pixels, 0, win_.c, y, win_.y_pitch * y_size_);
    }
  }

 private:
  static constexpr int kRun = TapFinder<T>::kMaxRun;
  // Accumulators of one run, where they are not stored as they are.
  int64_t sums_pitch() const { return div_up(win_.c, 16) * 16; }
  size_t sums_size() const { return static_cast<size_t>(kRun * sums_pitch()); }
  size_t table_size() const { return static_cast<size_t>(row_stride_ * kRun); }

  const KernelRow<DepthwiseKernel<T, B>>& row_;
  Window win_;
  TapFinder<T> finder_;
  std::byte* y_;
  int64_t y_size_;
  Finish<B> finish_;
  DepthwiseTile<T, B> tile_{};  // what all tiles have in common
  int64_t row_stride_ = 0;      // taps rounded up to 4
  int max_parts_ = 1;
  std::vector<const T*> tables_;  // one per part
  std::vector<Line> scratch_;     // row_stride_ lines per part
  std::vector<B> sums_;           // sums_size() per part
};

template <class T, class B>
std::unique_ptr<Runner> make_runner(const StepView& view, const DepthwiseParams& p, const Binding& binding,
                                    int64_t macs) {
  if (auto runner = make_span_runner<T, B>(view, p, binding, macs)) return runner;
  return std::make_unique<DepthwiseRunner<T, B>>(view, p, binding, macs);
}

}  // namespace
}  // namespace conv

std::unique_ptr<Runner> Kernel<DepthwiseParams>::bind(const StepView& view, const DepthwiseParams& p,
                                                      const Binding& binding) {
  const int64_t macs = cost(view, p).macs;
  if (view.in(0).dtype == DType::i8)
    if (auto runner = conv::make_strip_runner(view, p, binding, macs)) return runner;
  if (view.in(0).dtype == DType::i8) return conv::make_runner<int8_t, int32_t>(view, p, binding, macs);
  if (view.in(0).dtype == DType::i16) return conv::make_runner<int16_t, int64_t>(view, p, binding, macs);
  return conv::make_runner<float, float>(view, p, binding, macs);
}

}  // namespace openhb
