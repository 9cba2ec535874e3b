// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/conv/depthwise_span.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "device/kernels/conv/span.h"
#include "device/kernels/conv/validate.h"
#include "device/kernels/conv/window.h"

namespace openhb::conv {
namespace {

constexpr int64_t kMinMacsToSplit = 100'000;
constexpr int64_t kMaxParts = 32;
constexpr int64_t kScratchBytes = 24 * 1024;  // gathered lanes: within the first cache, on the stack
constexpr int64_t kSlackLanes = 16;           // a plane's last column may be overrun
constexpr int64_t kMaxTaps = 256;             // of a window; int16: an int32 holds their sum
constexpr int64_t kMaxTapsOfRows = 1024;      // of the windows of all rows
constexpr int64_t kMaxStride = 16;
constexpr int64_t kMaxLines = 320;              // gathered input rows
constexpr int64_t kChunk = 64;                  // lanes that are gathered and summed together
constexpr int64_t kFewChannels = 64;            // fewer: neighbouring pixels share vectors, if their lanes
constexpr int64_t kMaxPeriod = 512;             // repeat after so many
constexpr int64_t kMaxBias = int64_t{1} << 50;  // int16: sums are exact in binary64, and converted by tricks
constexpr double kMaxCode = 2.1e9;              // int8: before clamping, an int32
constexpr int64_t kMaxRows = 4;                 // output rows per run
// Fewer columns are gathered with their neighbours; those of a stride cost more to gather.
constexpr int64_t kMinDirect = 10, kMinDirectStrided = 4;

template <class T, class B>
class SpanRunner final : public Runner {
 public:
  SpanRunner(const StepView& view, const DepthwiseParams& p, const Binding& binding, int64_t macs)
      : row_(choose_row(depthwise_rows(T{}), binding.cpu)),
        kernel_(row_.fn.span),
        win_(make_window(view, p)),
        x_(reinterpret_cast<const T*>(binding.inputs[0])),
        y_(binding.outputs[0]),
        y_size_(static_cast<int64_t>(dtype_size(view.out().dtype))) {
    const bool codes = view.in(0).dtype == DType::i8;
    padding_.assign(static_cast<size_t>(win_.c) + kReadSlack / sizeof(T),
                    static_cast<T>(codes ? view.in(0).quant.zero_point() : 0));
    const OutputStage stage = make_stage(view, p.lo, p.hi);
    span_.lo = stage.lo, span_.hi = stage.hi, span_.zero_point = stage.zero_point;
    switch (view.out().dtype) {
      case DType::i8:
        span_.output = SpanOutput::codes8;
        break;
      case DType::i16:
        span_.output = SpanOutput::codes16;
        break;
      case DType::i32:
        span_.output = SpanOutput::sums;
        break;
      default:
        span_.output = SpanOutput::real;
    }
    plan_lanes();
    plan_rows();
    usable_ = kernel_.run != nullptr && view.is_constant(1) && view.is_constant(2) &&
              win_.taps() <= kMaxTaps && win_.sw <= kMaxStride &&
              in_range(reinterpret_cast<const B*>(binding.inputs[2]), binding.inputs.back()) &&
              plan_columns();
    if constexpr (std::is_same_v<T, int16_t>)
      span_.fits = products_fit(reinterpret_cast<const B*>(binding.inputs[2]),
                                reinterpret_cast<const double*>(binding.inputs[3]));
    if (!usable_) return;
    pack(view, binding);
    if (macs >= kMinMacsToSplit) max_parts_ = static_cast<int>(std::min(win_.pixels(), kMaxParts));
  }

  bool usable() const { return usable_; }
  int max_parts() const override { return max_parts_; }
  int row_slots() const override { return static_cast<int>(kMaxParts); }
  const char* row() const override { return row_.name; }

  // Parts begin with an image row where there are enough of them, if possible with one that shares groups
  // with the rows behind it.
  void run(int part, int parts) noexcept override {
    const int64_t rows = win_.n * win_.oh, block = out_rows_ * row_step_;
    const int64_t unit = win_.ow * (rows >= 2 * block * parts ? block : 1);
    const auto begin = [&](int i) {
      const int64_t at = win_.pixels() * i / parts;
      return i == parts || rows < parts ? at : at / unit * unit;
    };
    run_rows({begin(part), begin(part + 1)}, part);
  }

  void run_rows(Range pixels, int) noexcept override {
    alignas(64) char scratch[kScratchBytes];
    for (int64_t at = pixels.first; at < pixels.last;) {
      const int64_t image = at / win_.ow / win_.oh, oy = at / win_.ow % win_.oh, ox = at % win_.ow;
      const int64_t left = pixels.last - at;
      if (ox > 0 || left < win_.ow) {  // a part of an image row
        const int64_t end = std::min(win_.ow, ox + left);
        run_block(image, oy, 1, {ox, end}, scratch);
        at += end - ox;
      } else {
        const int64_t rows = std::min(win_.oh - oy, left / win_.ow);
        run_image_rows(image, {oy, oy + rows}, scratch);
        at += rows * win_.ow;
      }
    }
  }

 private:
  // Few channels in dense rows: vectors run over the borders of pixels. Otherwise chunks of 64 lanes.
  void plan_lanes() {
    const int64_t period = std::lcm(win_.c, kChunk);
    flat_ = win_.c < kFewChannels && period <= kMaxPeriod && win_.y_pitch == win_.c;
    if (kernel_.group == 1) flat_ = flat_ && win_.sw == 1 && win_.x_pitch == win_.c;  // see direct_columns
    lanes_ = flat_ ? period : div_up(win_.c, 16) * 16;
    column_width_ = flat_ ? win_.c : std::min(lanes_, kChunk);
    swizzles_ = kernel_.swizzles && !flat_ && span_.output == SpanOutput::codes8;
  }

  // Whether results stay within what the kernels' output stages convert exactly.
  bool in_range(const B* bias, const std::byte* multiplier) const {
    for (int64_t c = 0; c < win_.c; ++c) {
      const double most = std::abs(static_cast<double>(bias[c]));
      if constexpr (std::is_same_v<T, int16_t>)
        if (most > kMaxBias) return false;
      if constexpr (std::is_same_v<T, int8_t>) {
        if (span_.output == SpanOutput::sums) return true;
        const double m = std::abs(double{reinterpret_cast<const float*>(multiplier)[c]});
        const double sum = std::min(most + 16384.0 * static_cast<double>(win_.taps()), 0x1p31);
        if (!(sum * m < kMaxCode)) return false;  // NaN as well
      }
    }
    return true;
  }

  bool products_fit(const B* bias, const double* multiplier) const {
    const double most = 32768.0 * 128 * static_cast<double>(win_.taps());
    for (int64_t c = 0; c < win_.c; ++c)
      if (!((std::abs(static_cast<double>(bias[c])) + most) * std::abs(multiplier[c]) < 0x1p31 - 1))
        return false;
    return true;
  }

  // How many output rows can share groups: `lines_per_row` apart in units of the window's own rows.
  void plan_rows() {
    int64_t lines_per_row = 0;
    if (win_.dh % win_.sh == 0) {
      lines_per_row = 1, row_step_ = win_.dh / win_.sh;
    } else if (win_.sh % win_.dh == 0) {
      lines_per_row = win_.sh / win_.dh;
    }
    tap_groups_ = groups_ = div_up(win_.kh, kernel_.group);
    if (lines_per_row > 0 && kernel_.group == 1) {  // the next row's taps begin a few lines further on
      out_rows_ = kMaxRows;
      groups_ += (kMaxRows - 1) * lines_per_row;
    } else if (lines_per_row > 0) {
      const int64_t spare = groups_ * kernel_.group - win_.kh;
      out_rows_ = std::min<int64_t>(spare / lines_per_row + 1, kMaxRows);
    }
    if (out_rows_ == 1) row_step_ = 1;
    lines_per_row_ = lines_per_row;
  }

  // Planes and the place of every tap in them; how many columns fit.
  bool plan_columns() {
    planes_.assign(static_cast<size_t>(win_.sw), -1);
    int64_t count = 0;
    for (int64_t j = 0; j < win_.kw; ++j) {
      int64_t& plane = planes_[static_cast<size_t>(j * win_.dw % win_.sw)];
      if (plane < 0) plane = count++;
    }
    const int64_t reach = (win_.kw - 1) * win_.dw / win_.sw;
    const auto fit = [&] {
      return (kScratchBytes / 4 / (groups_ * count) - kSlackLanes) / column_width_ - reach;
    };
    if ((fit() < 1 || groups_ * win_.kw > kMaxTapsOfRows) && groups_ > tap_groups_)
      groups_ = tap_groups_, out_rows_ = row_step_ = 1;
    if (fit() < 1) return false;
    tile_columns_ = std::min(fit(), win_.ow);
    const int64_t plane_bytes = ((tile_columns_ + reach) * column_width_ + kSlackLanes) * 4;
    for (int64_t& plane : planes_) plane *= plane < 0 ? 1 : plane_bytes;
    group_bytes_ = plane_bytes * count;
    for (int64_t g = 0; g < groups_; ++g)
      for (int64_t j = 0; j < win_.kw; ++j) {
        const int64_t column = j * win_.dw;
        tap_offsets_.push_back(g * group_bytes_ + planes_[static_cast<size_t>(column % win_.sw)] +
                               column / win_.sw * column_width_ * 4);
      }
    return true;
  }

  // Constants per lane; weights in groups, shifted for every output row.
  void pack(const StepView& view, const Binding& binding) {
    const int64_t entries = div_up(win_.c, 16) * 16;
    std::vector<int64_t> channels(static_cast<size_t>(lanes_));
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      const bool swizzled = swizzles_ && lane / kChunk < lanes_ / kChunk;
      channels[static_cast<size_t>(lane)] =
          flat_      ? lane % win_.c
          : swizzled ? lane / 64 * 64 + lane / 4 % 4 * 16 + lane / 16 % 4 * 4 + lane % 4
                     : lane;
    }
    const auto channel = [&](int64_t lane) {
      return static_cast<size_t>(channels[static_cast<size_t>(lane)]);
    };
    const auto* bias = reinterpret_cast<const B*>(binding.inputs[2]);
    bias_.resize(static_cast<size_t>(lanes_));
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      B& b = bias_[static_cast<size_t>(lane)];
      b = bias[channel(lane)];
      if constexpr (std::is_same_v<B, int32_t>)
        if (kernel_.flips)
          b = static_cast<int32_t>(
              static_cast<uint32_t>(b) -
              static_cast<uint32_t>(reinterpret_cast<const int32_t*>(binding.inputs[3])[channel(lane)]));
    }
    const size_t multiplier = std::is_same_v<T, int16_t> ? 3 : 4;
    if (view.num_inputs() > multiplier) {
      using M = std::conditional_t<std::is_same_v<T, int16_t>, double, float>;
      multiplier_.resize(static_cast<size_t>(lanes_) * sizeof(M));
      for (int64_t lane = 0; lane < lanes_; ++lane)
        reinterpret_cast<M*>(multiplier_.data())[lane] =
            reinterpret_cast<const M*>(binding.inputs[multiplier])[channel(lane)];
    }
    if constexpr (std::is_same_v<T, float>)
      pack_weights<float, 1>(binding, entries, channels);
    else if (kernel_.group == 4)
      pack_weights<int8_t, 4>(binding, entries, channels);
    else
      pack_weights<int16_t, 2>(binding, entries, channels);
  }

  template <class W, int64_t Group>
  void pack_weights(const Binding& binding, int64_t pitch, const std::vector<int64_t>& channels) {
    const auto* from = reinterpret_cast<const Weight<T>*>(binding.inputs[1]);
    const int64_t rows = Group == 1 ? 1 : out_rows_;
    weights_.resize(static_cast<size_t>(rows * tap_groups_ * win_.kw * lanes_ * 4));
    W* to = reinterpret_cast<W*>(weights_.data());
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t g = 0; g < tap_groups_; ++g)
        for (int64_t j = 0; j < win_.kw; ++j, to += lanes_ * Group)
          for (int64_t i = 0; i < Group; ++i) {
            const int64_t line = g * Group + i - row * lines_per_row_;
            if (line < 0 || line >= win_.kh) continue;
            const Weight<T>* w = from + (line * win_.kw + j) * pitch;
            W* out = to + i;
            for (int64_t c : channels) *out = static_cast<W>(w[c]), out += Group;
          }
  }

  // Output rows of one image; those that share groups are `row_step_` apart.
  void run_image_rows(int64_t image, Range rows, char* scratch) const {
    const int64_t block = row_step_ * out_rows_;
    for (int64_t first = rows.first; first < rows.last; first += block)
      for (int64_t oy = first; oy < std::min(first + row_step_, rows.last); ++oy)
        run_block(image, oy, std::min(out_rows_, div_up(rows.last - oy, row_step_)), {0, win_.ow}, scratch);
  }

  // `count` output rows from `oy` on, columns `columns` of them.
  void run_block(int64_t image, int64_t oy, int64_t count, Range columns, char* scratch) const {
    const Range inside = direct_columns(oy, count, columns);
    if (inside.last - inside.first < (win_.sw > 1 ? kMinDirectStrided : kMinDirect))
      return run_tiles(image, oy, count, columns, scratch);
    run_tiles(image, oy, count, {columns.first, inside.first}, scratch);
    for (int64_t row = 0; row < count; ++row) run_tile(image, oy + row * row_step_, 1, inside, nullptr);
    run_tiles(image, oy, count, {inside.last, columns.last}, scratch);
  }

  // The output columns whose lanes are found in x as they are.
  Range direct_columns(int64_t oy, int64_t count, Range columns) const {
    const int64_t y = oy * win_.sh - win_.top, last_y = y + (count - 1) * row_step_ * win_.sh;
    if (kernel_.group > 1 || y < 0 || last_y + (win_.kh - 1) * win_.dh >= win_.h) return {0, 0};
    const int64_t last = win_.w - 1 - (win_.kw - 1) * win_.dw + win_.left;
    return {std::max(columns.first, div_up(win_.left, win_.sw)),
            std::min(columns.last, last < 0 ? 0 : last / win_.sw + 1)};
  }

  void run_tiles(int64_t image, int64_t oy, int64_t count, Range columns, char* scratch) const {
    const int64_t total = columns.last - columns.first, tiles = div_up(total, tile_columns_);
    for (int64_t i = 0; i < tiles; ++i) {
      const Range tile = split_range(total, static_cast<int>(i), static_cast<int>(tiles));
      run_tile(image, oy, count, {columns.first + tile.first, columns.first + tile.last}, scratch);
    }
  }

  // Columns that fit into `scratch`, or that need none.
  void run_tile(int64_t image, int64_t oy, int64_t count, Range columns, char* scratch) const {
    const bool direct = scratch == nullptr;
    const int64_t size = columns.last - columns.first;
    const int64_t lines = direct ? win_.kh : groups_ * kernel_.group;
    const int64_t left = columns.first * win_.sw - win_.left;
    const int64_t right = left + (size - 1) * win_.sw + (win_.kw - 1) * win_.dw + 1;
    const int64_t first = std::clamp<int64_t>(left, 0, win_.w),
                  last = std::clamp<int64_t>(right, first, win_.w);
    const int64_t begin = std::clamp(first, left, right);

    std::array<const T*, kMaxLines> rows;
    std::array<int64_t, kMaxLines> steps;
    bool inside = true;
    for (int64_t i = 0; i < lines; ++i) {
      const int64_t used = std::min(i, win_.kh - 1 + (count - 1) * lines_per_row_);
      const int64_t y = oy * win_.sh - win_.top + used * win_.dh;
      const bool valid = y >= 0 && y < win_.h && first < last;
      inside = inside && valid;
      rows[static_cast<size_t>(i)] =
          valid ? x_ + ((image * win_.h + y) * win_.w + first) * win_.x_pitch : padding_.data();
      steps[static_cast<size_t>(i)] = valid ? win_.x_pitch : 0;
    }
    std::array<const char*, kMaxTapsOfRows> taps;  // of all groups
    for (int64_t i = 0; i < win_.kh && direct; ++i)
      for (int64_t j = 0; j < win_.kw; ++j)
        taps[static_cast<size_t>(i * win_.kw + j)] =
            reinterpret_cast<const char*>(rows[static_cast<size_t>(i)] + j * win_.dw * win_.x_pitch);
    for (size_t i = 0; i < tap_offsets_.size() && !direct; ++i) taps[i] = scratch + tap_offsets_[i];
    std::array<char*, kMaxRows> y;
    for (int64_t row = 0; row < count; ++row)
      y[static_cast<size_t>(row)] =
          reinterpret_cast<char*>(y_) +
          ((image * win_.oh + oy + row * row_step_) * win_.ow + columns.first) * win_.y_pitch * y_size_;

    DepthwiseSpan<T, B> span = span_;
    span.groups = static_cast<int32_t>(direct ? 0 : groups_);
    span.rows = rows.data();
    span.row_steps = steps.data();
    span.planes = planes_.data();
    span.stride = static_cast<int32_t>(win_.sw);
    span.before = static_cast<int32_t>(begin - left);
    span.columns = static_cast<int32_t>(last - first);
    span.after = static_cast<int32_t>(right - begin - span.columns);
    span.contiguous = flat_ && win_.sw == 1 && win_.x_pitch == win_.c && inside;
    span.scratch = scratch;
    span.column_bytes = column_width_ * 4;
    span.group_bytes = group_bytes_;
    span.taps = taps.data();
    span.num_taps = win_.kw * tap_groups_;
    span.row_taps = kernel_.group == 1 ? lines_per_row_ * win_.kw : 0;
    span.row_weights = kernel_.group == 1 ? 0 : span.num_taps;
    span.weight_lanes = lanes_;
    span.out_rows = static_cast<int32_t>(count);
    span.y = y.data();
    span.padding = padding_.data();
    span.weights = weights_.data();
    span.bias = bias_.data();
    span.multiplier = multiplier_.empty() ? nullptr : multiplier_.data();
    for (int64_t lane = 0; lane < lanes_;) {
      const int64_t width = flat_ ? lanes_ : std::min(kChunk, lanes_ - lane);
      span.width = width;
      span.swizzled = swizzles_ && width == kChunk;
      span.column_width = flat_ ? win_.c : width;
      span.x_step = flat_ ? width * 4 : direct ? win_.sw * win_.x_pitch * 4 : column_width_ * 4;
      span.y_step = (flat_ ? width : win_.y_pitch) * y_size_;
      span.valid = flat_ ? width : win_.c - lane;
      span.pixels = flat_ ? size * win_.c / width : size;
      span.rest = flat_ ? size * win_.c % width : 0;
      kernel_.run(span);
      lane += width;
      if (lane == lanes_) break;
      for (int64_t i = 0; i < lines; ++i) rows[static_cast<size_t>(i)] += width;
      for (int64_t i = 0; i < span.num_taps && direct; ++i) taps[static_cast<size_t>(i)] += width * 4;
      for (int64_t row = 0; row < count; ++row) y[static_cast<size_t>(row)] += width * y_size_;
      span.padding += width;
      span.weights += width * 4;
      span.bias += width;
      if (span.multiplier)
        span.multiplier =
            static_cast<const char*>(span.multiplier) + width * (std::is_same_v<T, int16_t> ? 8 : 4);
    }
  }

  const KernelRow<DepthwiseKernel<T, B>>& row_;
  const SpanKernel<T, B>& kernel_;
  Window win_;
  const T* x_;
  std::byte* y_;
  int64_t y_size_;
  DepthwiseSpan<T, B> span_{};  // what all runs have in common
  bool usable_ = false, flat_ = false, swizzles_ = false;
  int64_t lanes_ = 0, column_width_ = 0;
  int64_t groups_ = 0, tap_groups_ = 0;  // gathered, of one window
  int64_t lines_per_row_ = 0, out_rows_ = 1, row_step_ = 1;
  int64_t tile_columns_ = 0, group_bytes_ = 0;
  int max_parts_ = 1;
  std::vector<T> padding_;
  std::vector<int64_t> planes_, tap_offsets_;
  std::vector<B> bias_;
  std::vector<char> weights_, multiplier_;
};

}  // namespace

template <class T, class B>
std::unique_ptr<Runner> make_span_runner(const StepView& view, const DepthwiseParams& p,
                                         const Binding& binding, int64_t macs) {
  auto runner = std::make_unique<SpanRunner<T, B>>(view, p, binding, macs);
  if (!runner->usable()) return nullptr;
  return runner;
}

template std::unique_ptr<Runner> make_span_runner<int8_t, int32_t>(const StepView&, const DepthwiseParams&,
                                                                   const Binding&, int64_t);
template std::unique_ptr<Runner> make_span_runner<int16_t, int64_t>(const StepView&, const DepthwiseParams&,
                                                                    const Binding&, int64_t);
template std::unique_ptr<Runner> make_span_runner<float, float>(const StepView&, const DepthwiseParams&,
                                                                const Binding&, int64_t);

}  // namespace openhb::conv
