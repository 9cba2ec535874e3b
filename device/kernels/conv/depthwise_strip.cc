// SPDX-License-Identifier: Apache-2.0
// int8 Depthwise by strips: a range of output pixels as pieces of whole or parted rows, 64 channels at a
// time.
#include "device/kernels/conv/depthwise_strip.h"

#include <algorithm>
#include <cmath>

#include "device/kernels/conv/finish.h"
#include "device/kernels/conv/rows.h"
#include "device/kernels/conv/validate.h"
#include "device/kernels/conv/window.h"

namespace openhb::conv {
namespace {

constexpr int64_t kMinMacsToSplit = 100'000;
constexpr int64_t kSlots = 16;
constexpr int64_t kSumColumns = 32;  // accumulators that are not stored as they are: columns at a time

struct alignas(64) Line {
  std::byte bytes[64];
};

class StripRunner final : public Runner {
 public:
  using Row = KernelRow<DepthwiseKernel<int8_t, int32_t>>;

  StripRunner(const Row& row, const StepView& view, const DepthwiseParams& p, const Binding& binding,
              int64_t macs)
      : row_(row),
        win_(make_window(view, p)),
        x_(reinterpret_cast<const int8_t*>(binding.inputs[0])),
        y_(binding.outputs[0]),
        y_size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        finish_(view, make_stage(view, p.lo, p.hi), binding),
        padding_(static_cast<size_t>(win_.c) + kReadSlack,
                 static_cast<int8_t>(view.in(0).quant.zero_point())),
        parts_(macs >= kMinMacsToSplit ? std::min(win_.pixels(), kSlots) : 1) {
    tile_.weights = reinterpret_cast<const int8_t*>(binding.inputs[1]);
    tile_.bias = reinterpret_cast<const int32_t*>(binding.inputs[2]);
    if (view.num_inputs() > 4) tile_.multiplier = reinterpret_cast<const float*>(binding.inputs[4]);
    tile_.x_pitch = win_.x_pitch;
    tile_.width = win_.w;
    tile_.weight_pitch = div_up(win_.c, 16) * 16;
    tile_.kh = win_.kh, tile_.kw = win_.kw;
    tile_.stride = win_.sw, tile_.dilation = win_.dw, tile_.left = win_.left;
    tile_.stage = make_stage(view, p.lo, p.hi);
    tile_.stage.raw = tile_.stage.raw || finish_.needed();
    tile_.y_pitch = finish_.needed() ? kDepthwiseChunk * 4 : win_.y_pitch * y_size_;
    tile_.y_row_pitch = finish_.needed() ? kSumColumns * tile_.y_pitch : win_.ow * tile_.y_pitch;
    for (int64_t channel = 0; channel < win_.c; channel += kDepthwiseChunk)
      bounded_.push_back(!tile_.stage.raw && bounded(channel, std::min(channel + kDepthwiseChunk, win_.c)));
    // Two rows pay where they need no more groups of input rows than one.
    const StripKernel& entry = row.fn.strip;
    const int64_t groups = div_up(win_.kh, entry.rows);
    tile_.pairs = win_.sh == 1 && win_.dh == 1 && win_.oh > 1 && div_up(win_.kh + 1, entry.rows) == groups;

    const int64_t blocks = div_up(std::min(win_.c, kDepthwiseChunk), 8);
    const int64_t entries =
        (blocks * (tile_.pairs ? 2 : 1) * win_.kw + std::max(kDepthwiseStrip, win_.kw)) * groups;
    lines_ = div_up(entries * entry.bytes, static_cast<int64_t>(sizeof(Line)));
    scratch_.resize(static_cast<size_t>(kSlots * lines_));
    // Units of a call: what one strip holds of rows as wide as the output.
    const int64_t extent = (win_.kw - 1) * win_.dw + 1, room = kDepthwiseStrip - extent;
    if (!finish_.needed() && room >= 0 && win_.ow - 1 <= room / win_.sw)
      most_units_ = kDepthwiseStrip / ((win_.ow - 1) * win_.sw + extent);
    most_units_ = std::min(most_units_, win_.oh);
    rows_pitch_ = most_units_ * std::max<int64_t>(win_.kh, 2) + 1;
    tables_.resize(static_cast<size_t>(kSlots * rows_pitch_));
    if (finish_.needed()) sums_.resize(static_cast<size_t>(kSlots * kSums));
  }

  int max_parts() const override { return static_cast<int>(parts_); }
  int row_slots() const override { return static_cast<int>(kSlots); }
  const char* row() const override { return row_.name; }

  void run(int part, int parts) noexcept override { run_rows(split_range(win_.pixels(), part, parts), part); }

  void run_rows(Range pixels, int slot) noexcept override {
    DepthwiseStrip tile = tile_;
    tile.scratch = scratch_.data() + slot * lines_;
    for (int64_t channel = 0; channel < win_.c; channel += kDepthwiseChunk) {
      tile.channels = std::min(kDepthwiseChunk, win_.c - channel);
      tile.fresh = true;
      tile.padding = padding_.data() + channel;
      tile.weights = tile_.weights + channel;
      tile.bias = tile_.bias + channel;
      tile.bounded = bounded_[static_cast<size_t>(channel / kDepthwiseChunk)];
      if (tile_.multiplier) tile.multiplier = tile_.multiplier + channel;
      for (int64_t at = pixels.first; at < pixels.last; tile.fresh = false)
        at += run_piece(tile, channel, at, pixels.last - at, slot);
    }
  }

 private:
  static constexpr int64_t kSums = 2 * kSumColumns * kDepthwiseChunk;

  // Whether no product of sum and multiplier can leave what 16 bits hold.
  bool bounded(int64_t first, int64_t last) const {
    const auto products = static_cast<double>(win_.taps()) * 128 * 128;
    for (int64_t c = first; c < last; ++c) {
      const double sum = std::abs(static_cast<double>(tile_.bias[c])) + products;
      // Larger sums may wrap; false for NaN.
      if (!(sum < 0x1p31 && sum * std::abs(static_cast<double>(tile_.multiplier[c])) < 32000)) return false;
    }
    return true;
  }

  // Pixels from `first` on, at most `most`; returns how many.
  int64_t run_piece(DepthwiseStrip& tile, int64_t channel, int64_t first, int64_t most, int slot) noexcept {
    const int64_t row = first / win_.ow, image = row / win_.oh;
    tile.first = first % win_.ow;
    tile.columns = std::min(win_.ow - tile.first, most);
    const int64_t top = row % win_.oh;
    int64_t rows = 1;  // output rows of this piece
    if (tile.columns == win_.ow) rows = std::min(win_.oh - top, most / win_.ow);
    tile.out_rows = tile.pairs && rows >= 2 ? 2 : 1;
    tile.units = std::min(rows / tile.out_rows, most_units_);
    tile.row_step = tile.out_rows == 2 ? 2 : win_.kh;
    const int8_t** table = tables_.data() + slot * rows_pitch_;
    for (int64_t u = 0; u < tile.units; ++u)
      for (int64_t i = 0; i < win_.kh + tile.out_rows - 1; ++i) {
        const int64_t y = (top + u * tile.out_rows) * win_.sh - win_.top + i * win_.dh;
        table[u * tile.row_step + i] =
            y < 0 || y >= win_.h ? nullptr : x_ + (image * win_.h + y) * win_.w * win_.x_pitch + channel;
      }
    tile.rows = table;
    std::byte* y = y_ + (first * win_.y_pitch + channel) * y_size_;
    const int64_t columns = tile.columns;
    if (!finish_.needed()) {
      tile.y = y;
      row_.fn.strip.run(tile);
    } else {
      finish_piece(tile, channel, y, slot);
    }
    return columns * tile.units * tile.out_rows;
  }

  void finish_piece(DepthwiseStrip& tile, int64_t channel, std::byte* y, int slot) noexcept {
    int32_t* sums = sums_.data() + slot * kSums;
    const int64_t last = tile.first + tile.columns;
    tile.y = sums;
    for (; tile.first < last; tile.first += kSumColumns, tile.fresh = false) {
      tile.columns = std::min(kSumColumns, last - tile.first);
      row_.fn.strip.run(tile);
      for (int64_t r = 0; r < tile.out_rows; ++r)
        finish_.run(sums + r * kSumColumns * kDepthwiseChunk, kDepthwiseChunk, tile.columns, channel,
                    tile.channels, y + r * win_.ow * win_.y_pitch * y_size_, win_.y_pitch * y_size_);
      y += kSumColumns * win_.y_pitch * y_size_;
    }
  }

  const Row& row_;
  Window win_;
  const int8_t* x_;
  std::byte* y_;
  int64_t y_size_;
  Finish<int32_t> finish_;
  std::vector<int8_t> padding_;  // a pixel
  int64_t parts_, rows_pitch_ = 0, most_units_ = 1;
  int64_t lines_ = 0;
  DepthwiseStrip tile_{};              // what all calls have in common
  std::vector<bool> bounded_;          // per kDepthwiseChunk channels
  std::vector<Line> scratch_;          // per slot: lines_
  std::vector<const int8_t*> tables_;  // per slot: rows_pitch_
  std::vector<int32_t> sums_;          // per slot: kSums
};

}  // namespace

std::unique_ptr<Runner> make_strip_runner(const StepView& view, const DepthwiseParams& p,
                                          const Binding& binding, int64_t macs) {
  const auto& row = choose_row(depthwise_rows(int8_t{}), binding.cpu);
  if (!row.fn.strip.run) return nullptr;
  return std::make_unique<StripRunner>(row, view, p, binding, macs);
}

}  // namespace openhb::conv
