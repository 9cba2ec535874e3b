// SPDX-License-Identifier: Apache-2.0
// Conv as indirect matrix multiplication: the loops over output pixels, groups and blocks of 16 output
// channels. A kernel row computes one tile of them from a table of input addresses; nothing is copied.
#include "device/kernels/conv/conv.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "device/kernels/conv/finish.h"
#include "device/kernels/conv/rows.h"
#include "device/kernels/conv/validate.h"
#include "device/kernels/conv/window.h"

namespace openhb {
namespace conv {
namespace {

constexpr int64_t kMinMacsToSplit = 200'000;
constexpr int64_t kMaxParts = 32;
// Larger weights do not stay in a core's second-level cache: then a few of their blocks are kept while the
// pixels pass by, instead of the other way round.
constexpr int64_t kWeightBytesToKeep = 256 * 1024;
// Pixels of a panel.
constexpr int64_t kPanel = 48;
// Addresses and accumulators of a panel lie on the stack, unless the window is unusually large.
constexpr int64_t kStackTable = 2048, kStackSums = 1536;
// Sums of a larger bias and products in int32 might not be exact in binary64.
constexpr double kMaxExactBias = 0x1p52;
// Parts of about the same work: none does more than this much of the average.
constexpr double kMaxImbalance = 1.05;

template <class T, class B>
class ConvRunner final : public Runner {
 public:
  ConvRunner(const StepView& view, const ConvParams& p, const Binding& binding, int64_t macs)
      : row_(choose_row(conv_rows(T{}), binding.cpu)),
        win_(make_window(view, p)),
        finder_(win_, reinterpret_cast<const T*>(binding.inputs[0]),
                static_cast<T>(view.in(0).dtype == DType::i8 ? view.in(0).quant.zero_point() : 0)),
        weights_(reinterpret_cast<const Weight<T>*>(binding.inputs[1])),
        bias_(reinterpret_cast<const B*>(binding.inputs[2])),
        sum128_(view.num_inputs() > 4 || view.out().dtype == DType::i32
                    ? reinterpret_cast<const int32_t*>(binding.inputs[3])
                    : nullptr),
        multiplier_(view.num_inputs() > 4 ? reinterpret_cast<const float*>(binding.inputs[4]) : nullptr),
        y_(binding.outputs[0]),
        y_size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        stage_(make_stage(view, p.lo, p.hi)),
        finish_(view, stage_, binding) {
    group_inputs_ = win_.c / p.groups;
    group_outputs_ = win_.o / p.groups;
    // Channels of a tap as the weights hold them.
    const int64_t stored = std::is_integral_v<T> ? div_up(group_inputs_, 4) * 4 : group_inputs_;
    group_blocks_ = div_up(group_outputs_, 16);
    blocks_ = group_blocks_ * p.groups;
    weight_stride_ = win_.taps() * stored * 16;
    if constexpr (std::is_same_v<T, int16_t>)
      if (row_.fn.finishes && plan_finish(reinterpret_cast<const double*>(binding.inputs[3])))
        multiplier64_ = reinterpret_cast<const double*>(binding.inputs[3]);
    finishes_later_ = finish_.needed() && !multiplier64_;
    stage_.raw = stage_.raw || finishes_later_;
    if (std::is_same_v<B, int32_t> && multiplier_) {
      stage_.fits = stage_.fits16 = true;
      for (int64_t i = 0; i < blocks_ * 16; ++i) {
        const float multiplier = std::abs(multiplier_[i]), bias = std::abs(static_cast<float>(bias_[i]));
        float largest = bias + static_cast<float>(win_.taps() * stored) * 16384.0f;
        if (row_.fn.narrows && multiplier < 1 && largest * multiplier >= 32000)
          largest = bias + static_cast<float>(weight_sum(i)) * 128.0f;
        stage_.fits = stage_.fits && multiplier < 1;
        stage_.fits16 = stage_.fits16 && multiplier < 1 && largest * multiplier < 32000;
      }
    }
    if (row_.fn.symmetric && std::is_same_v<T, int8_t>)
      symmetric_ = std::find(weights_, weights_ + blocks_ * weight_stride_, Weight<T>{-128}) ==
                   weights_ + blocks_ * weight_stride_;
    tiles_ = div_up(win_.pixels(), row_.fn.mr);
    if (row_.fn.panels) panel_ = finishes_later_ ? kPanel / 2 : kPanel;
    if (row_.fn.panels && row_.fn.lines) find_offsets(stored);
    if (!row_.fn.panels) panel_ = row_.fn.mr;
    // Neighbouring taps of a window row are then one contiguous run, in x as in the weights.
    mergeable_ = p.groups == 1 && win_.dw == 1 && win_.x_pitch == stored && !finder_.plain() &&
                 (finder_.can_copy() ? panel_ <= TapFinder<T>::kMaxCopied : panel_ <= TapFinder<T>::kMaxRun);
    merged_channels_ = win_.kw * stored;
    const int64_t taps = mergeable_ && finder_.can_copy() ? win_.kh : win_.taps();
    if (macs >= kMinMacsToSplit)
      max_parts_ = static_cast<int>(std::min(std::max(tiles_, blocks_), kMaxParts));
    if (finishes_later_) panel_ = std::min(panel_, kStackSums / sums_pitch());
    if ((taps + 1) * panel_ > kStackTable) panel_ = row_.fn.mr;
    table_size_ = (taps + 1) * panel_;
    if (table_size_ > kStackTable) tables_.resize(static_cast<size_t>(table_size_ * row_slots()));
    weight_bytes_ = blocks_ * weight_stride_ * static_cast<int64_t>(sizeof(Weight<T>));
    x_bytes_ = win_.n * win_.h * win_.w * win_.c * static_cast<int64_t>(sizeof(T));
    blocks_first_ = weight_bytes_ > kWeightBytesToKeep;
  }

  int max_parts() const override { return max_parts_; }
  int row_slots() const override { return static_cast<int>(kMaxParts); }
  const char* row() const override { return row_.name; }

  void run(int part, int parts) noexcept override {
    if (split_blocks(parts)) return run_area({0, win_.pixels()}, split_range(blocks_, part, parts), part);
    const int64_t unit = row_.fn.panels ? 1 : row_.fn.mr;
    const Range tiles = split_range(div_up(win_.pixels(), unit), part, parts);
    run_area({tiles.first * unit, std::min(tiles.last * unit, win_.pixels())}, {0, blocks_}, part);
  }

  void run_rows(Range rows, int slot) noexcept override { run_area(rows, {0, blocks_}, slot); }

 private:
  // Every part reads all inputs and its share of the weights, or the other way round.
  bool split_blocks(int parts) const {
    const int64_t most = div_up(blocks_, parts) * parts;
    const bool even = static_cast<double>(most) <= kMaxImbalance * static_cast<double>(blocks_);
    return tiles_ < parts || (even && weight_bytes_ > x_bytes_);
  }

  void run_area(Range pixels, Range blocks, int slot) const {
    const T* stack_table[kStackTable];
    const T** table = tables_.empty() ? stack_table : tables_.data() + slot * table_size_;
    std::fill_n(table, table_size_, finder_.padding());
    alignas(64) B stack_sums[std::is_integral_v<T> ? kStackSums : 1];
    B* sums = finishes_later_ ? stack_sums : nullptr;
    if (!blocks_first_) return run_blocks(pixels, blocks, table, sums);
    for (int64_t b = blocks.first; b < blocks.last;) {
      const int64_t next = b + block_run(b, blocks.last);
      run_blocks(pixels, {b, next}, table, sums);
      b = next;
    }
  }

  // Of the magnitudes of one output's int8 weights.
  int64_t weight_sum(int64_t output) const {
    const Weight<T>* w = weights_ + output / 16 * weight_stride_ + output % 16 * 4;
    int64_t sum = 0;
    for (int64_t line = 0; line < weight_stride_; line += 64)
      for (int64_t c = 0; c < 4; ++c) sum += static_cast<int64_t>(std::abs(w[line + c]));
    return sum;
  }

  // Blocks from `first` that one tile may cover: of one group, at most nr.
  int64_t block_run(int64_t first, int64_t last) const {
    const int64_t left = std::min(last - first, group_blocks_ - first % group_blocks_);
    const int64_t nr = row_.fn.nr;
    return nr > 2 && left == nr + 1 ? nr - 1 : std::min(left, nr);
  }

  // Accumulators of one tile, where they are not stored as they are.
  int64_t sums_pitch() const { return row_.fn.nr * 16; }

  // int16: whether int32 holds all sums of products, and binary64 those with the bias; then, whether the
  // results fit too.
  bool plan_finish(const double* multiplier) {
    const double most = 32768.0 * 128 * static_cast<double>(weight_stride_ / 16);
    stage_.fits = true;
    for (int64_t i = 0; i < blocks_ * 16; ++i) {
      const double bias = std::abs(static_cast<double>(bias_[i]));
      if (bias > kMaxExactBias) return false;
      stage_.fits = stage_.fits && (bias + most) * std::abs(multiplier[i]) < 0x1p31 - 1;
    }
    if (most < 0x1p31) return true;
    for (int64_t b = 0; b < blocks_; ++b) {
      std::array<int64_t, 64> sums{};  // magnitudes of the weights of 16 outputs times 4 inputs
      const Weight<T>* w = weights_ + b * weight_stride_;
      for (int64_t line = 0; line < weight_stride_; line += 64)
        for (int64_t i = 0; i < 64; ++i) sums[static_cast<size_t>(i)] += std::abs(int32_t{w[line + i]});
      for (size_t i = 0; i < 64; i += 4)
        if (sums[i] + sums[i + 1] + sums[i + 2] + sums[i + 3] >= 65536) return false;  // times 2^15
    }
    return true;
  }

  // Where the lines of weights find their inputs, if there are few.
  void find_offsets(int64_t stored) {
    const int64_t depth = std::is_integral_v<T> ? 4 : 1;
    if (win_.taps() * (stored / depth) > (multiplier64_ ? kMaxOffsets<int8_t> : kMaxOffsets<T>)) return;
    for (const int64_t tap : finder_.offsets())
      for (int64_t c = 0; c < stored; c += depth) offsets_.push_back(tap + c);
  }

  // Addresses for a tile of pixels from `first` on, at most `count`.
  void find_pixels(int64_t first, int64_t count, const T** table, T* copies, ConvTile<T, B>& tile) const {
    tile.rows = table;
    tile.row_step = panel_;
    if (!offsets_.empty()) {
      tile.offsets = offsets_.data();
      tile.lines = std::ssize(offsets_);
      tile.pixels = static_cast<int32_t>(finder_.find_inside(first, std::min(count, panel_), table));
      if (tile.pixels > 0) return;
      tile.offsets = nullptr;
      count = finder_.count_bordering(first, std::min(count, panel_));
    }
    tile.pixels = static_cast<int32_t>(std::min(count, panel_));
    constexpr int kMost = TapFinder<T>::kMaxRun;
    bool merged = false;
    for (int pixel = 0; pixel < tile.pixels; pixel += kMost)
      merged = finder_.find(first + pixel, std::min(tile.pixels - pixel, kMost), table + pixel, panel_, 1,
                            mergeable_, finder_.can_copy() ? copies + pixel * finder_.copy_size() : nullptr);
    tile.taps = merged ? win_.kh : win_.taps();
    tile.channels = merged ? merged_channels_ : group_inputs_;
  }

  void run_blocks(Range pixels, Range blocks, const T** table, B* sums) const {
    ConvTile<T, B> tile{};
    alignas(64) typename TapFinder<T>::Copies copies;
    tile.weight_stride = weight_stride_;
    tile.symmetric_weights = symmetric_;
    tile.y_pitch = sums ? sums_pitch() * static_cast<int64_t>(sizeof(B)) : win_.y_pitch * y_size_;
    tile.y_size = y_size_;
    tile.stage = stage_;
    for (int64_t first = pixels.first; first < pixels.last; first += tile.pixels) {
      const int64_t left = pixels.last - first;
      // Of about the same size, in whole tiles.
      const int64_t count = div_up(left, div_up(left, panel_)), unit = row_.fn.mr;
      find_pixels(first, count < left ? div_up(count, unit) * unit : left, table, copies, tile);
      for (int64_t b = blocks.first, n = 0; b < blocks.last; b += n) {
        n = block_run(b, blocks.last);
        const int64_t group = b / group_blocks_, channel = b % group_blocks_ * 16;
        tile.weights = weights_ + b * weight_stride_;
        tile.bias = bias_ + b * 16;
        tile.sum128 = sum128_ ? sum128_ + b * 16 : nullptr;
        tile.multiplier = multiplier_ ? multiplier_ + b * 16 : nullptr;
        tile.multiplier64 = multiplier64_ ? multiplier64_ + b * 16 : nullptr;
        tile.x_offset = group * group_inputs_;
        tile.outputs = static_cast<int32_t>(std::min(n * 16, group_outputs_ - channel));
        std::byte* y = y_ + (first * win_.y_pitch + group * group_outputs_ + channel) * y_size_;
        tile.y = sums ? static_cast<void*>(sums) : y;
        row_.fn.run(tile);
        if (sums)
          finish_.run(sums, sums_pitch(), tile.pixels, b * 16, tile.outputs, y, win_.y_pitch * y_size_);
      }
    }
  }

  const KernelRow<ConvKernel<T, B>>& row_;
  Window win_;
  TapFinder<T> finder_;
  const Weight<T>* weights_;
  const B* bias_;
  const int32_t* sum128_;
  const float* multiplier_;
  const double* multiplier64_ = nullptr;  // if the row stores the outputs of int16 itself
  std::byte* y_;
  int64_t y_size_;
  OutputStage stage_;
  Finish<B> finish_;
  int64_t group_inputs_ = 0, group_outputs_ = 0, group_blocks_ = 0, blocks_ = 0, tiles_ = 0;
  int64_t weight_stride_ = 0, merged_channels_ = 0, panel_ = 0;
  bool symmetric_ = false, mergeable_ = false, finishes_later_ = false, blocks_first_ = false;
  int max_parts_ = 1;
  int64_t table_size_ = 0, weight_bytes_ = 0, x_bytes_ = 0;
  std::vector<int64_t> offsets_;          // see ConvTile
  mutable std::vector<const T*> tables_;  // one per slot, if the stack has no room
};

}  // namespace
}  // namespace conv

RowUse Kernel<ConvParams>::row_use(const StepView& view, const ConvParams& p) {
  const bool pointwise =
      p.kernel == std::array{1, 1} && p.stride == std::array{1, 1} && p.pads == std::array{0, 0, 0, 0};
  int64_t constants = 0;
  for (size_t i = 1; i < view.num_inputs(); ++i) constants += view.in(i).byte_extent();
  return {.rows = num_rows(view.out()), .local = pointwise ? 1u : 0u, .reread = constants};
}

std::unique_ptr<Runner> Kernel<ConvParams>::bind(const StepView& view, const ConvParams& p,
                                                 const Binding& binding) {
  const int64_t macs = cost(view, p).macs;
  if (view.in(0).dtype == DType::i8)
    return std::make_unique<conv::ConvRunner<int8_t, int32_t>>(view, p, binding, macs);
  if (view.in(0).dtype == DType::i16)
    return std::make_unique<conv::ConvRunner<int16_t, int64_t>>(view, p, binding, macs);
  return std::make_unique<conv::ConvRunner<float, float>>(view, p, binding, macs);
}

}  // namespace openhb
