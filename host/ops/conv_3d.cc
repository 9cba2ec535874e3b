// SPDX-License-Identifier: Apache-2.0
// A 3-D convolution is a 2-D one per output plane: the planes under the kernel's depth taps stand beside each
// other as channels.
#include <algorithm>

#include "host/ops/convolution.h"
#include "host/ops/expand.h"

namespace openhb::ops {

void expand_conv_3d(Rewriter& r, const Node& node) {
  const Shape x = node.input(0)->shape, w = node.input(1)->shape;
  for (size_t i = 0; i < 3; ++i)
    if (node.input(i)) expand::require_type(node, i, {DType::f32});
  expand::require(node, w.size() == 5 && num_elements(w) > 0, "the weights must have rank 5");
  const int64_t groups = node.attr_int("group", 1);
  expand::require(
      node, groups >= 1 && w[0] % groups == 0 && x[1] == checked_mul(w[1], groups),
      fmt::format("weights {} do not fit {} input channels in {} groups", to_string(w), x[1], groups));
  auto list = [&](std::string_view name, size_t size, int64_t fallback, int64_t least) {
    auto v = node.attr_ints(name, std::vector<int64_t>(size, fallback));
    expand::require_attribute(
        node,
        v.size() == size && std::ranges::all_of(v, [&](int64_t n) { return n >= least && n <= (1 << 16); }),
        fmt::format("attribute '{}' must have {} values from {} to 65536", name, size, least));
    return v;
  };
  const Shape kernel(w.begin() + 2, w.end());
  expand::require_attribute(node, node.attr_ints("kernel_shape", kernel) == kernel,
                            "attribute 'kernel_shape' is not that of the weights");
  const auto strides = list("strides", 3, 1, 1), dilations = list("dilations", 3, 1, 1),
             pads = list("pads", 6, 0, 0);
  // Depth is padded here; the plane's own padding stays an attribute of the 2-D convolution.
  const int64_t depth = x[2], taps = w[2], span = checked_mul(taps - 1, dilations[0]) + 1;
  const std::string mode = node.attr_string("auto_pad", "NOTSET");
  int64_t before = pads[0], after = pads[3];
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const int64_t out = (depth + strides[0] - 1) / strides[0];
    const int64_t total = std::max<int64_t>((out - 1) * strides[0] + span - depth, 0);
    before = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    after = total - before;
  } else if (mode == "VALID") {
    before = after = 0;
  }
  const int64_t room = depth + before + after - span;
  expand::require(node, room >= 0, fmt::format("a window of {} does not fit a depth of {}", span, depth));
  const int64_t planes = room / strides[0] + 1, each = w[1];

  // [N, groups, taps * C, planes, H, W], then planes beside N.
  Value* y = expand::pad(r, node.input(0), {0, 0, before, 0, 0}, {0, 0, after, 0, 0});
  y = expand::reshape(r, y, {x[0], groups, each, depth + before + after, x[3], x[4]});
  std::vector<Value*> under;
  for (int64_t k = 0; k < taps; ++k) {
    const int64_t first = k * dilations[0];
    under.push_back(expand::slice(r, y, 3, first, first + (planes - 1) * strides[0] + 1, strides[0]));
  }
  y = expand::transpose(r, expand::concat(r, under, 2), {0, 3, 1, 2, 4, 5});
  y = expand::reshape(r, y, {x[0] * planes, groups * taps * each, x[3], x[4]});
  Value* weights = expand::transpose(r, node.input(1), {0, 2, 1, 3, 4});
  weights = expand::reshape(r, weights, {w[0], taps * each, w[3], w[4]});
  std::vector<Value*> inputs{y, weights};
  if (node.input(2)) inputs.push_back(node.input(2));
  Attributes attributes{{"group", groups},
                        {"strides", std::vector<int64_t>{strides[1], strides[2]}},
                        {"dilations", std::vector<int64_t>{dilations[1], dilations[2]}},
                        {"auto_pad", mode}};
  if (mode == "NOTSET") attributes["pads"] = std::vector<int64_t>{pads[1], pads[2], pads[4], pads[5]};
  y = r.node("Conv", inputs, attributes);
  y = expand::reshape(r, y, {x[0], planes, w[0], y->shape[2], y->shape[3]});
  r.result("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3, 4}}});
}

}  // namespace openhb::ops
