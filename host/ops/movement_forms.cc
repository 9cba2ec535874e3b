// SPDX-License-Identifier: Apache-2.0
// Operators that are made of movement: CenterCropPad, Col2Im.
#include <algorithm>

#include "host/ops/movement.h"
#include "host/ops/plain.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {

void CenterCropPad::upgrade(Rewriter& r, Node& node) {
  const Shape& in = node.inputs[0]->shape;
  const auto rank = static_cast<int64_t>(in.size());
  const auto wanted = constant_ints(node, 1);
  std::vector<int64_t> all(in.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  auto axes = node.attr_ints("axes", all);
  for (auto& a : axes) a = a < 0 ? a + rank : a;
  const bool in_range =
      std::all_of(axes.begin(), axes.end(), [&](int64_t a) { return a >= 0 && a < rank; }) &&
      std::all_of(wanted.begin(), wanted.end(), [](int64_t n) { return n >= 0 && n < int64_t{1} << 31; });
  if (wanted.size() != axes.size() || !in_range)
    fail(ErrorCode::model_bad_attribute, "{}: shape [{}] and axes [{}] do not fit the input {}",
         node.describe(), fmt::join(wanted, ", "), fmt::join(axes, ", "), to_string(in));
  std::vector<int64_t> first, last, pads(2 * in.size(), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto a = static_cast<size_t>(axes[i]);
    const int64_t cut = std::max<int64_t>(in[a] - wanted[i], 0),
                  add = std::max<int64_t>(wanted[i] - in[a], 0);
    first.push_back(cut / 2);
    last.push_back(cut / 2 + in[a] - cut);
    pads[a] = add / 2;
    pads[in.size() + a] = add - add / 2;
  }
  Value* cropped = r.node("Slice", {node.inputs[0], r.ints(first), r.ints(last), r.ints(axes)});
  r.result("Pad", {cropped, r.ints(pads)});
}

// Every column is a block of a picture, and overlapping blocks add up: one ScatterND over all positions of
// all blocks, with a position of its own for what falls into the padding.
void Col2Im::upgrade(Rewriter& r, Node& node) {
  Value* x = node.inputs[0];
  const auto image = constant_ints(node, 1), block = constant_ints(node, 2);
  const size_t n = image.size();
  const auto list = [&](std::string_view name, size_t size, int64_t fallback, int64_t least) {
    auto values = node.attr_ints(name, std::vector<int64_t>(size, fallback));
    const bool sensible =
        std::all_of(values.begin(), values.end(), [&](int64_t v) { return v >= least && v <= 1 << 16; });
    if (values.size() != size || !sensible)
      fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' is [{}], expected {} values from {} to 65536",
           node.describe(), name, fmt::join(values, ", "), size, least);
    return values;
  };
  const auto strides = list("strides", n, 1, 1), dilations = list("dilations", n, 1, 1),
             pads = list("pads", 2 * n, 0, 0);
  int64_t blocks = 1, pixels = 1, size = 1;
  std::vector<int64_t> counts;
  bool fits = n >= 1 && block.size() == n && x->shape.size() == 3;
  for (size_t i = 0; fits && i < n; ++i) {
    fits = image[i] > 0 && image[i] < 1 << 20 && block[i] > 0 && block[i] < 1 << 16;
    const int64_t room = image[i] + pads[i] + pads[n + i] - (block[i] - 1) * dilations[i] - 1;
    fits = fits && room >= 0;
    counts.push_back(fits ? room / strides[i] + 1 : 0);
    blocks = checked_mul(blocks, counts.back());
    pixels = checked_mul(pixels, image[i]), size = checked_mul(size, block[i]);
  }
  if (!fits || x->shape[1] % size != 0 || x->shape[2] != blocks)
    fail(ErrorCode::model_bad_shape, "{}: image [{}] and blocks [{}] do not fit the input {}",
         node.describe(), fmt::join(image, ", "), fmt::join(block, ", "), to_string(x->shape));
  require_foldable(r, {size, blocks});
  require_foldable(r, {pixels + 1, x->shape[0], x->shape[1] / size});
  std::vector<int64_t> targets;
  targets.reserve(static_cast<size_t>(size * blocks));
  for (int64_t k = 0; k < size; ++k)
    for (int64_t b = 0; b < blocks; ++b) {
      int64_t at = 0, in_block = k, which = b, stride = 1;
      bool inside = true;
      for (size_t i = n; i-- > 0;) {
        const int64_t p = which % counts[i] * strides[i] + in_block % block[i] * dilations[i] - pads[i];
        which /= counts[i], in_block /= block[i];
        inside = inside && p >= 0 && p < image[i];
        at += p * stride;
        stride *= image[i];
      }
      targets.push_back(inside ? at : pixels);
    }
  const int64_t batch = x->shape[0], channels = x->shape[1] / size;
  const auto positions = static_cast<int64_t>(targets.size());
  Value* rows = r.node("Transpose", {r.node("Reshape", {x, r.ints({batch, channels, positions})})},
                       {{"perm", std::vector<int64_t>{2, 0, 1}}});
  Value* zeros = r.constant(Tensor(x->dtype, {pixels + 1, batch, channels}));
  Value* indices = r.constant(Tensor::from<int64_t>({positions, 1}, targets));
  Value* sums = r.node("ScatterND", {zeros, indices, rows}, {{"reduction", std::string("add")}});
  sums = r.node("Slice", {sums, r.ints({0}), r.ints({pixels}), r.ints({0})});
  Shape shape{batch, channels};
  shape.insert(shape.end(), image.begin(), image.end());
  Value* planes = r.node("Transpose", {sums}, {{"perm", std::vector<int64_t>{1, 2, 0}}});
  r.result("Reshape", {planes, r.ints(shape)});
}

}  // namespace openhb::ops
