// SPDX-License-Identifier: Apache-2.0
// The window of a spatial sum: extents of a validated step, and the input addresses under an output pixel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "device/kernels/kernel.h"

namespace openhb::conv {

struct Window {
  int64_t n, h, w, c;  // input
  int64_t oh, ow, o;   // output
  int64_t kh, kw, sh, sw, dh, dw, top, left;
  int64_t x_pitch, y_pitch;  // elements between pixels
  bool padded;               // some tap of some output pixel lies outside the input

  int64_t taps() const { return kh * kw; }
  int64_t pixels() const { return n * oh * ow; }
};

template <class P>
Window make_window(const StepView& view, const P& p) {
  const TensorDesc& x = view.in(0);
  const TensorDesc& y = view.out();
  const Shape &xd = x.dims, &yd = y.dims;
  Window win{.n = xd[0],
             .h = xd[1],
             .w = xd[2],
             .c = xd[3],
             .oh = yd[1],
             .ow = yd[2],
             .o = yd[3],
             .kh = p.kernel[0],
             .kw = p.kernel[1],
             .sh = p.stride[0],
             .sw = p.stride[1],
             .dh = p.dilation[0],
             .dw = p.dilation[1],
             .top = p.pads[0],
             .left = p.pads[1],
             .x_pitch = x.pitch,
             .y_pitch = y.pitch,
             .padded = false};
  win.padded = win.top > 0 || win.left > 0 || (win.oh - 1) * win.sh + (win.kh - 1) * win.dh >= win.h ||
               (win.ow - 1) * win.sw + (win.kw - 1) * win.dw >= win.w;
  return win;
}

// Finds the input pixels under the window for runs of consecutive output pixels (numbered over N, Ho, Wo).
// Immutable: parts share one.
template <class T>
class TapFinder {
 public:
  static constexpr int kMaxRun = 16;
  // Room for copies of windows, where they are small; readable with slack.
  static constexpr int64_t kMaxCopied = 48, kRoom = 12288 / sizeof(T);
  using Copies = T[kRoom + static_cast<int64_t>(kReadSlack / sizeof(T))];

  TapFinder(const Window& win, const T* x, T padding_value) : win_(win), x_(x) {
    plain_ = !win.padded && win.taps() == 1 && win.sh == 1 && win.sw == 1;
    rows_ = inside(win.h, win.oh, win.kh, win.dh, win.sh, win.top);
    columns_ = inside(win.w, win.ow, win.kw, win.dw, win.sw, win.left);
    if ((win.kh - 1) * win.dh < win.h && (win.kw - 1) * win.dw < win.w)
      for (int64_t i = 0; i < win.kh; ++i)
        for (int64_t j = 0; j < win.kw; ++j)
          offsets_.push_back((i * win.dh * win.w + j * win.dw) * win.x_pitch);
    copies_ = !offsets_.empty() && win.taps() <= kRoom / kMaxCopied &&
              win.x_pitch <= kRoom / kMaxCopied / win.taps();
    padding_.assign(
        static_cast<size_t>(copies_ ? std::max(win.c, win.kw * win.x_pitch) : win.c) + kReadSlack / sizeof(T),
        padding_value);
  }

  // Writes the addresses of the first taps of the pixels from `first` on as long as no tap touches padding,
  // at most `count`; returns how many.
  int64_t find_inside(int64_t first, int64_t count, const T** table) const {
    int64_t ox = first % win_.ow, oy = first / win_.ow % win_.oh, image = first / win_.ow / win_.oh,
            found = 0;
    while (found < count && inside(oy, ox)) {
      const int64_t run = std::min(columns_.last - ox, count - found), step = win_.sw * win_.x_pitch;
      const T* x = address({image, oy * win_.sh - win_.top, ox * win_.sw - win_.left, true});
      for (int64_t i = 0; i < run; ++i) table[found + i] = x + i * step;
      found += run, ox += run;
      if (ox == win_.ow) {
        ox = 0;
        if (++oy == win_.oh) oy = 0, ++image;
      }
    }
    return found;
  }
  // How many pixels from `first` on, at most `count`, have a tap in the padding.
  int64_t count_bordering(int64_t first, int64_t count) const {
    int64_t ox = first % win_.ow, oy = first / win_.ow % win_.oh, found = 0;
    while (found < count && !inside(oy, ox)) {
      ++found;
      if (++ox == win_.ow) {
        ox = 0;
        if (++oy == win_.oh) oy = 0;
      }
    }
    return found;
  }
  // Whether find() can merge the rows of all windows. Then copies take copy_size() elements per pixel, of at
  // most kMaxCopied.
  bool can_copy() const { return copies_; }
  int64_t copy_size() const { return win_.taps() * win_.x_pitch; }
  // Distances of the taps from the first one.
  const std::vector<int64_t>& offsets() const { return offsets_; }

  // One tap that lies on the output pixel.
  bool plain() const { return plain_; }
  // A pixel's worth of padding, readable with slack.
  const T* padding() const { return padding_.data(); }

  // Writes the address of tap t of pixel first + p to table[t * tap_step + p * pixel_step], for `count`
  // pixels (at most kMaxRun). When `mergeable` and no pixel touches padding, only the first tap of every
  // window row is written (t counts rows then) and the result is true. With `copies` (if can_copy(), and
  // pixel_step is 1) windows that touch padding are copied there, and their rows are merged as well.
  bool find(int64_t first, int count, const T** table, int64_t tap_step, int64_t pixel_step, bool mergeable,
            T* copies = nullptr) const {
    if (plain_) {
      for (int p = 0; p < count; ++p) table[p * pixel_step] = x_ + (first + p) * win_.x_pitch;
      return mergeable;
    }
    if (pixel_step == 1 && !offsets_.empty())
      return find_rows(first, count, table, tap_step, mergeable, copies);
    Position at[kMaxRun];
    const bool all_inside = locate(first, count, at);
    if (mergeable && all_inside) {
      for (int p = 0; p < count; ++p)
        for (int64_t i = 0; i < win_.kh; ++i)
          table[i * tap_step + p * pixel_step] = address(at[p]) + offsets_[static_cast<size_t>(i * win_.kw)];
      return true;
    }
    for (int p = 0; p < count; ++p) {
      const T** out = table + p * pixel_step;
      if (!at[p].inside) {
        find_bordering(at[p], out, tap_step);
        continue;
      }
      const T* base = address(at[p]);
      const int64_t* offset = offsets_.data();
      const auto taps = std::ssize(offsets_);
      if (tap_step == 1)  // a loop that vectorises
        for (int64_t t = 0; t < taps; ++t) out[t] = base + offset[t];
      else
        for (int64_t t = 0; t < taps; ++t) out[t * tap_step] = base + offset[t];
    }
    return false;
  }

 private:
  struct Position {
    int64_t image, y, x;  // input coordinates of the first tap, perhaps outside
    bool inside;          // all taps are
  };

  struct Span {
    int64_t first, last;
  };
  // Output positions along one axis whose taps are all inside.
  static Span inside(int64_t in, int64_t out, int64_t k, int64_t dilation, int64_t stride, int64_t before) {
    const int64_t room = in + before - (k - 1) * dilation;  // first taps lie below, counted from the padding
    return {(before + stride - 1) / stride, room > 0 ? std::min(out, (room - 1) / stride + 1) : 0};
  }

  bool inside(int64_t oy, int64_t ox) const {
    return oy >= rows_.first && oy < rows_.last && ox >= columns_.first && ox < columns_.last;
  }

  // find() for tables whose rows are those of the taps: they are written as if all taps were inside, then
  // corrected.
  bool find_rows(int64_t first, int count, const T** table, int64_t tap_step, bool mergeable,
                 T* copies) const {
    const int64_t step = win_.sw * win_.x_pitch, left = first % win_.ow, top = first / win_.ow;
    const T* base[kMaxRun];
    bool all_inside = true;
    int64_t ox = left, row = top;
    for (int p = 0; p < count; ++row, ox = 0) {
      const int64_t oy = row % win_.oh, end = std::min(win_.ow, ox + count - p);
      all_inside = all_inside && inside(oy, ox) && inside(oy, end - 1);
      const T* x = address({row / win_.oh, oy * win_.sh - win_.top, ox * win_.sw - win_.left, true});
      for (; ox < end; ++ox, ++p, x += step) base[p] = x;
    }
    const bool merged = mergeable && (all_inside || copies);
    const size_t taps = offsets_.size(), by = merged ? static_cast<size_t>(win_.kw) : 1;
    for (size_t t = 0; t < taps; t += by, table += tap_step) write_row(table, base, offsets_[t], count);
    if (all_inside) return merged;
    table -= static_cast<int64_t>(taps / by) * tap_step;
    ox = left, row = top;
    for (int p = 0; p < count; ++p) {
      const int64_t oy = row % win_.oh;
      const Position at{row / win_.oh, oy * win_.sh - win_.top, ox * win_.sw - win_.left, inside(oy, ox)};
      if (!at.inside && merged)
        copies = copy_window(at, table + p, tap_step, copies);
      else if (!at.inside)
        add_padding(at, table + p, tap_step);
      if (++ox == win_.ow) ox = 0, ++row;
    }
    return merged;
  }
  static void write_row(const T** __restrict to, const T* const* __restrict base, int64_t offset, int count) {
    for (int p = 0; p < count; ++p) to[p] = base[p] + offset;
  }
  // Returns where the next copy may begin.
  T* copy_window(const Position& at, const T** table, int64_t tap_step, T* to) const {
    const int64_t pitch = win_.x_pitch, before = std::clamp<int64_t>(-at.x, 0, win_.kw) * pitch,
                  end = std::clamp<int64_t>(win_.w - at.x, 0, win_.kw) * pitch, all = win_.kw * pitch;
    for (int64_t i = 0; i < win_.kh; ++i, table += tap_step) {
      const int64_t y = at.y + i * win_.dh;
      *table = padding_.data();
      if (y < 0 || y >= win_.h || before >= end) continue;
      *table = to;
      std::fill_n(to, before, padding_[0]);
      std::copy_n(address({at.image, y, at.x, false}) + before, end - before, to + before);
      std::fill_n(to + end, all - end, padding_[0]);
      to += all;
    }
    return to;
  }
  void add_padding(const Position& at, const T** table, int64_t tap_step) const {
    for (int64_t i = 0; i < win_.kh; ++i) {
      const int64_t y = at.y + i * win_.dh;
      const bool row_inside = y >= 0 && y < win_.h;
      for (int64_t j = 0; j < win_.kw; ++j, table += tap_step) {
        const int64_t x = at.x + j * win_.dw;
        if (!row_inside || x < 0 || x >= win_.w) *table = padding_.data();
      }
    }
  }

  const T* address(const Position& at) const {
    return x_ + ((at.image * win_.h + at.y) * win_.w + at.x) * win_.x_pitch;
  }

  // Positions of a run; true when all windows lie inside the input.
  bool locate(int64_t first, int count, Position* at) const {
    int64_t ox = first % win_.ow, oy = first / win_.ow % win_.oh, image = first / win_.ow / win_.oh;
    const int64_t end_y = win_.h - (win_.kh - 1) * win_.dh, end_x = win_.w - (win_.kw - 1) * win_.dw;
    bool all_inside = true;
    for (int p = 0; p < count; ++p) {
      const int64_t y = oy * win_.sh - win_.top, x = ox * win_.sw - win_.left;
      at[p] = {image, y, x, y >= 0 && x >= 0 && y < end_y && x < end_x};
      all_inside = all_inside && at[p].inside;
      if (++ox == win_.ow) {
        ox = 0;
        if (++oy == win_.oh) oy = 0, ++image;
      }
    }
    return all_inside;
  }

  void find_bordering(const Position& at, const T** table, int64_t tap_step) const {
    for (int64_t i = 0; i < win_.kh; ++i) {
      const int64_t y = at.y + i * win_.dh;
      const bool row_inside = y >= 0 && y < win_.h;
      for (int64_t j = 0; j < win_.kw; ++j) {
        const int64_t x = at.x + j * win_.dw;
        const bool inside = row_inside && x >= 0 && x < win_.w;
        table[(i * win_.kw + j) * tap_step] =
            inside ? x_ + ((at.image * win_.h + y) * win_.w + x) * win_.x_pitch : padding_.data();
      }
    }
  }

  Window win_;
  const T* x_;
  std::vector<T> padding_;
  std::vector<int64_t> offsets_;  // of the taps of a window that lies inside; none if no window can
  bool plain_ = false, copies_ = false;
  Span rows_{}, columns_{};  // of output pixels whose taps are all inside
};

}  // namespace openhb::conv
