// SPDX-License-Identifier: Apache-2.0
// Layers that move elements or stand for nothing.
#include <algorithm>
#include <numeric>

#include "host/frontend/caffe/layer.h"

namespace openhb::caffe_frontend {
namespace {

void identity(Layer& l) {
  for (size_t i = 0; i < l.tops(); ++i) l.top(i, l.bottom(0));
}

void silence(Layer&) {}

// Old files say concat_dim and slice_dim.
template <class Param>
size_t axis_of(const Layer& l, const Param& p, bool has_old, uint32_t old) {
  l.require(!(has_old && p.has_axis()), "give its axis once");
  return l.axis(has_old ? int64_t{old} : p.axis());
}

void concat(Layer& l) {
  const auto& p = l.param.concat_param();
  const size_t axis = axis_of(l, p, p.has_concat_dim(), p.concat_dim());
  Shape y = l.shape();
  std::vector<Value*> inputs{l.bottom(0)};
  for (size_t i = 1; i < l.bottoms(); ++i) {
    Shape other = l.shape(i);
    l.require_shape(other.size() == y.size(), "all bottoms must have the same number of axes");
    y[axis] += other[axis];
    other[axis] = y[axis];
    l.require_shape(other == y, "all bottoms must have the same extents except on axis {}", axis);
    inputs.push_back(l.bottom(i));
  }
  if (inputs.size() == 1) return identity(l);
  l.top(0, l.node("Concat", inputs, y, {{"axis", static_cast<int64_t>(axis)}}));
}

void slice(Layer& l) {
  const auto& p = l.param.slice_param();
  const size_t axis = axis_of(l, p, p.has_slice_dim(), p.slice_dim());
  const int64_t extent = l.shape()[axis], parts = static_cast<int64_t>(l.tops());
  std::vector<int64_t> sizes;
  if (p.slice_point_size() > 0) {
    l.require(p.slice_point_size() == parts - 1, "it has {} tops, but {} slice points", parts,
              p.slice_point_size());
    int64_t before = 0;
    for (const int64_t point : p.slice_point()) sizes.push_back(point - before), before = point;
    sizes.push_back(extent - before);
  } else {
    l.require_shape(extent % parts == 0, "axis {} cannot be cut into {} equal parts", axis, parts);
    sizes.assign(static_cast<size_t>(parts), extent / parts);
  }
  std::vector<Shape> shapes;
  for (const int64_t size : sizes) {
    l.require(size > 0, "its slice points must rise and lie inside of the extent {}", extent);
    shapes.push_back(l.shape());
    shapes.back()[axis] = size;
  }
  if (parts == 1) return identity(l);
  const auto made =
      l.nodes("Split", {l.bottom(0), l.ints(sizes)}, shapes, {{"axis", static_cast<int64_t>(axis)}});
  for (size_t i = 0; i < made.size(); ++i) l.top(i, made[i]);
}

// Caffe: ReshapeLayer. The axes [axis, axis + num_axes) are replaced; 0 copies, one -1 is computed.
void reshape(Layer& l) {
  const auto& p = l.param.reshape_param();
  const Shape& x = l.shape();
  const auto rank = static_cast<int64_t>(x.size());
  const int64_t first = p.axis() < 0 ? p.axis() + rank + 1 : p.axis();
  l.require(first >= 0 && first <= rank, "axis is {}, out of range for {}", p.axis(), to_string(x));
  l.require(p.num_axes() >= -1 && first + std::max(p.num_axes(), 0) <= rank, "num_axes is {}", p.num_axes());
  const int64_t end = p.num_axes() == -1 ? rank : first + p.num_axes();
  Shape y(x.begin(), x.begin() + first);
  int64_t open = -1, known = 1;
  for (int i = 0; i < p.shape().dim_size(); ++i) {
    int64_t d = p.shape().dim(i);
    if (d == 0) {
      l.require(first + i < rank, "dim {} is 0, but the bottom {} has no such axis to copy", i, to_string(x));
      d = x[static_cast<size_t>(first + i)];
    }
    l.require(d >= -1 && !(d == -1 && open >= 0), "its dims must be positive, 0, or once -1");
    if (d == -1) open = static_cast<int64_t>(y.size());
    y.push_back(d);
  }
  y.insert(y.end(), x.begin() + end, x.end());
  for (const int64_t d : y)
    if (d != -1) known = checked_mul(known, d);
  const int64_t total = num_elements(x);
  if (open >= 0 && known > 0 && total % known == 0)
    y[static_cast<size_t>(open)] = total / known, known = total;
  l.require_shape(known == total, "cannot reshape {} into {}", to_string(x), to_string(y));
  l.top(0, l.reshape(l.bottom(0), y));
}

void flatten(Layer& l) {
  const auto& p = l.param.flatten_param();
  const size_t first = l.axis(p.axis()), last = l.axis(p.end_axis());
  l.require(first <= last, "axis {} lies behind end_axis {}", p.axis(), p.end_axis());
  const auto begin = l.shape().begin() + static_cast<std::ptrdiff_t>(first),
             end = l.shape().begin() + static_cast<std::ptrdiff_t>(last) + 1;
  Shape y(l.shape().begin(), begin);
  y.push_back(num_elements(Shape(begin, end)));
  y.insert(y.end(), end, l.shape().end());
  l.top(0, l.reshape(l.bottom(0), y));
}

// The axes that are not named follow in order.
void permute(Layer& l) {
  std::vector<int64_t> order;
  const auto rank = static_cast<int64_t>(l.shape().size());
  for (const int64_t axis : l.param.permute_param().order()) {
    l.require(axis < rank, "its order names axis {}, but the bottom has {} axes", axis, rank);
    l.require(std::ranges::count(order, axis) == 0, "its order names axis {} twice", axis);
    order.push_back(axis);
  }
  for (int64_t axis = 0; axis < rank; ++axis)
    if (std::ranges::count(order, axis) == 0) order.push_back(axis);
  Shape y;
  for (const int64_t axis : order) y.push_back(l.shape()[static_cast<size_t>(axis)]);
  l.top(0, l.node("Transpose", {l.bottom(0)}, y, {{"perm", order}}));
}

void crop(Layer& l) {
  const auto& p = l.param.crop_param();
  const size_t rank = l.shape().size(), first = l.axis(p.axis());
  l.require_shape(l.shape(1).size() == rank, "both bottoms must have the same number of axes");
  l.require(p.offset_size() <= 1 || static_cast<size_t>(p.offset_size()) == rank - first,
            "it has {} offsets, expected 1 or {}", p.offset_size(), rank - first);
  std::vector<int64_t> starts, ends, axes;
  Shape y = l.shape();
  for (size_t i = first; i < rank; ++i) {
    const int64_t offset = p.offset_size() == 0   ? 0
                           : p.offset_size() == 1 ? p.offset(0)
                                                  : p.offset(static_cast<int>(i - first));
    y[i] = l.shape(1)[i];
    l.require_shape(offset + y[i] <= l.shape()[i], "offset {} and extent {} do not fit axis {}", offset, y[i],
                    i);
    starts.push_back(offset), ends.push_back(offset + y[i]), axes.push_back(static_cast<int64_t>(i));
  }
  l.top(0, l.node("Slice", {l.bottom(0), l.ints(starts), l.ints(ends), l.ints(axes)}, y));
}

void tile(Layer& l) {
  const auto& p = l.param.tile_param();
  const size_t axis = l.axis(p.axis());
  l.require(p.tiles() >= 1, "tiles is {}", p.tiles());
  std::vector<int64_t> repeats(l.shape().size(), 1);
  repeats[axis] = p.tiles();
  Shape y = l.shape();
  y[axis] *= p.tiles();
  l.top(0, l.node("Tile", {l.bottom(0), l.ints(repeats)}, y));
}

void shuffle_channel(Layer& l) {
  l.require_rank(0, 4);
  const Shape& x = l.shape();
  const int64_t group = l.param.shuffle_channel_param().group();
  l.require(group >= 1 && x[1] % group == 0, "group is {}, which does not divide {} channels", group, x[1]);
  const Shape split{x[0], group, x[1] / group, x[2], x[3]}, turned{x[0], x[1] / group, group, x[2], x[3]};
  Value* y = l.node("Transpose", {l.reshape(l.bottom(0), split)}, turned,
                    {{"perm", std::vector<int64_t>{0, 2, 1, 3, 4}}});
  l.top(0, l.reshape(y, x));
}

// A block of h x w pixels becomes channels, the pixels in row order outermost.
Value* blocks_to_channels(Layer& l, Value* x, int64_t h, int64_t w) {
  const Shape& s = x->shape;
  l.require_shape(h >= 1 && w >= 1 && s[2] % h == 0 && s[3] % w == 0, "blocks of {}x{} do not fit {}", h, w,
                  to_string(s));
  const Shape y{s[0], checked_mul(s[1], h * w), s[2] / h, s[3] / w};
  if (h == w) return l.node("SpaceToDepth", {x}, y, {{"blocksize", h}});
  const Shape split{s[0], s[1], s[2] / h, h, s[3] / w, w}, turned{s[0], h, w, s[1], s[2] / h, s[3] / w};
  Value* t =
      l.node("Transpose", {l.reshape(x, split)}, turned, {{"perm", std::vector<int64_t>{0, 3, 5, 1, 2, 4}}});
  return l.reshape(t, y);
}

void pass_through(Layer& l) {
  l.require_rank(0, 4);
  l.require(!(l.param.has_pass_through_param() && l.param.has_passthrough_param()),
            "give its parameters once");
  const auto& p =
      l.param.has_passthrough_param() ? l.param.passthrough_param() : l.param.pass_through_param();
  Value* y = blocks_to_channels(l, l.bottom(0), p.block_height(), p.block_width());
  l.require(!p.has_num_output() || p.num_output() == y->shape[1],
            "num_output is {}, but its blocks make {} channels", p.num_output(), y->shape[1]);
  l.top(0, y);
}

// Darknet's: it reads the data as if it had 1/stride^2 of the channels on a plane stride times as wide and
// high, and takes blocks from there.
void reorg(Layer& l) {
  l.require_rank(0, 4);
  const auto& p = l.param.reorg_param();
  const int64_t s = p.stride();
  const Shape& x = l.shape();
  l.require(s >= 1 && s <= 256, "stride is {}, expected 1 to 256", s);
  l.require_shape(x[1] % (s * s) == 0, "{} channels cannot be divided by {}", x[1], s * s);
  const Shape wide{x[0], x[1] / (s * s), x[2] * s, x[3] * s};
  if (p.reverse()) return l.top(0, l.node("DepthToSpace", {l.bottom(0)}, wide, {{"blocksize", s}}));
  l.require_shape(x[2] % s == 0 && x[3] % s == 0, "the plane cannot be divided by {}", s);
  Value* y = l.node("SpaceToDepth", {l.reshape(l.bottom(0), wide)}, x, {{"blocksize", s}});
  l.top(0, l.reshape(y, {x[0], x[1] * s * s, x[2] / s, x[3] / s}));
}

void parameter(Layer& l) {
  const auto& dims = l.param.parameter_param().shape().dim();
  l.top_constant(0, l.blob(0, Shape(dims.begin(), dims.end()), "values"));
}

constexpr LayerRow kRows[] = {
    {"Concat", 1, kAny, 1, 1, concat},    {"Crop", 2, 2, 1, 1, crop},
    {"Dropout", 1, 1, 1, 1, identity},    {"Flatten", 1, 1, 1, 1, flatten},
    {"Parameter", 0, 0, 1, 1, parameter}, {"PassThrough", 1, 1, 1, 1, pass_through},
    {"Permute", 1, 1, 1, 1, permute},     {"Reorg", 1, 1, 1, 1, reorg},
    {"Reshape", 1, 1, 1, 1, reshape},     {"ShuffleChannel", 1, 1, 1, 1, shuffle_channel},
    {"Silence", 1, kAny, 0, 0, silence},  {"Slice", 1, 1, 1, kAny, slice},
    {"Split", 1, 1, 1, kAny, identity},   {"Tile", 1, 1, 1, 1, tile},
};

}  // namespace

std::span<const LayerRow> movement_layers() { return kRows; }

}  // namespace openhb::caffe_frontend
