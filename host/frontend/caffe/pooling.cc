// SPDX-License-Identifier: Apache-2.0
// Pooling by Caffe's rules, which differ from ONNX's in how they round and what they average.
#include <algorithm>
#include <array>

#include "host/frontend/caffe/layer.h"

namespace openhb::caffe_frontend {
namespace {

constexpr int64_t kLargest = 1 << 16;

struct Pool {
  bool average = false, floor = false;
  std::array<int64_t, 2> kernel{}, stride{1, 1}, pad{0, 0};
};

struct Windows {
  Shape shape;                     // of the result
  std::array<int64_t, 2> reach{};  // how far the last windows reach beyond the end of the data; at least 0
};

// The number of windows rounds up; then one that would begin in the padding behind the data is dropped
// (Caffe: PoolingLayer::Reshape).
Windows windows(const Layer& l, const Shape& x, const Pool& p) {
  Windows w{{x[0], x[1]}, {}};
  for (size_t d = 0; d < 2; ++d) {
    const int64_t in = x[d + 2], k = p.kernel[d], s = p.stride[d], pad = p.pad[d];
    l.require(k >= 1 && k <= kLargest && s >= 1 && s <= kLargest && pad >= 0 && pad < k,
              "kernel {}, stride {} and pad {} are not possible together", k, s, pad);
    // Windows may be larger than the data; division rounds towards 0.
    const int64_t room = in + 2 * pad - k;
    const int64_t rounding = p.floor ? (room < 0 ? 1 - s : 0) : (room > 0 ? s - 1 : 0);
    int64_t n = (room + rounding) / s + 1;
    l.require_shape(n >= 1, "a window of {} with pad {} does not fit an extent of {}", k, pad, in);
    if (pad > 0 && (n - 1) * s >= in + pad) --n;
    l.require_shape((n - 1) * s < in + pad,
                    "its last window begins behind the data (kernel {}, stride {}, extent {})", k, s, in);
    w.shape.push_back(n);
    w.reach[d] = std::max<int64_t>((n - 1) * s + k - in - pad, 0);
  }
  return w;
}

// Results and, with `mask`, the indices of the maxima.
std::vector<Value*> pool(Layer& l, Value* x, const Pool& p, bool mask, Attributes& attributes) {
  const Windows w = windows(l, x->shape, p);
  attributes = {{"kernel_shape", std::vector<int64_t>(p.kernel.begin(), p.kernel.end())},
                {"strides", std::vector<int64_t>(p.stride.begin(), p.stride.end())}};
  std::vector<int64_t> pads{p.pad[0], p.pad[1], w.reach[0], w.reach[1]};
  if (!p.average) {
    attributes["pads"] = pads;
    const Attributes all = attributes;
    return mask ? l.nodes("MaxPool", {x}, {w.shape, w.shape}, all) : l.nodes("MaxPool", {x}, {w.shape}, all);
  }
  // An average counts the pad on both sides, but not what lies behind that.
  const bool padded = p.pad[0] > 0 || p.pad[1] > 0;
  const bool beyond = w.reach[0] > p.pad[0] || w.reach[1] > p.pad[1];
  if (padded && beyond) {
    const std::vector<int64_t> zeros{0, 0, p.pad[0], p.pad[1], 0, 0, p.pad[0], p.pad[1]};
    Shape shape = x->shape;
    shape[2] += 2 * p.pad[0], shape[3] += 2 * p.pad[1];
    x = l.node("Pad", {x, l.ints(zeros)}, shape);
    pads = {0, 0, std::max<int64_t>(w.reach[0] - p.pad[0], 0), std::max<int64_t>(w.reach[1] - p.pad[1], 0)};
  }
  attributes["pads"] = pads;
  attributes["count_include_pad"] = int64_t{padded && !beyond};
  return l.nodes("AveragePool", {x}, {w.shape}, attributes);
}

Pool pool_of(Layer& l) {
  l.require(l.param.has_pooling_param(), "it has no pooling_param");
  const auto& p = l.param.pooling_param();
  using Method = caffe::PoolingParameter;
  if (p.pool() == Method::STOCHASTIC)
    l.refuse(ErrorCode::model_unsupported_op, "pool: STOCHASTIC is not supported; train with MAX or AVE");
  Pool result{.average = p.pool() == Method::AVE, .floor = p.round_mode() == Method::FLOOR || !p.ceil_mode()};
  if (p.global_pooling()) {
    l.require(!p.has_kernel_size() && !p.has_kernel_h() && !p.has_kernel_w(),
              "global_pooling has the whole plane as its window; remove the kernel size");
    result.kernel = {l.shape()[2], l.shape()[3]};
    l.require(p.pad() == 0 && p.pad_h() == 0 && p.pad_w() == 0 && p.stride() == 1 &&
                  (!p.has_stride_h() || p.stride_h() == 1) && (!p.has_stride_w() || p.stride_w() == 1),
              "global_pooling needs pad 0 and stride 1");
    return result;
  }
  const bool pair = p.has_kernel_h() || p.has_kernel_w();
  l.require(p.has_kernel_size() != pair, "give kernel_size, or kernel_h and kernel_w");
  result.kernel = {pair ? p.kernel_h() : p.kernel_size(), pair ? p.kernel_w() : p.kernel_size()};
  result.stride = {p.has_stride_h() ? p.stride_h() : p.stride(),
                   p.has_stride_w() ? p.stride_w() : p.stride()};
  result.pad = {p.has_pad_h() ? p.pad_h() : p.pad(), p.has_pad_w() ? p.pad_w() : p.pad()};
  return result;
}

void pooling(Layer& l) {
  l.require_rank(0, 4);
  const Pool p = pool_of(l);
  Attributes window;
  if (l.tops() == 1 && l.param.pooling_param().global_pooling()) {
    const char* op = p.average ? "GlobalAveragePool" : "GlobalMaxPool";
    return l.top(0, l.node(op, {l.bottom(0)}, {l.shape()[0], l.shape()[1], 1, 1}));
  }
  l.require(l.tops() == 1 || !p.average, "only a max pooling has a second top");
  const auto made = pool(l, l.bottom(0), p, l.tops() == 2, window);
  l.top(0, made[0]);
  if (l.tops() == 2) l.top_mask(1, made[1], l.shape(), window);
}

// Spatial pyramid: level i has 2^i x 2^i windows (Caffe: SPPLayer::GetPoolingParam).
void spp(Layer& l) {
  l.require_rank(0, 4);
  const auto& p = l.param.spp_param();
  if (p.pool() == caffe::SPPParameter::STOCHASTIC)
    l.refuse(ErrorCode::model_unsupported_op, "pool: STOCHASTIC is not supported; train with MAX or AVE");
  const int64_t height = p.pyramid_height();
  l.require(height >= 1 && height <= 7, "pyramid_height is {}, expected 1 to 7", height);
  std::vector<Value*> levels;
  int64_t columns = 0;
  for (int64_t level = 0; level < height; ++level) {
    const int64_t bins = int64_t{1} << level;
    Pool spec{.average = p.pool() == caffe::SPPParameter::AVE};
    for (size_t d = 0; d < 2; ++d) {
      const int64_t extent = l.shape()[d + 2];
      spec.kernel[d] = spec.stride[d] = (extent + bins - 1) / bins;
      spec.pad[d] = (spec.kernel[d] * bins - extent + 1) / 2;
    }
    Attributes window;
    Value* y = pool(l, l.bottom(0), spec, false, window)[0];
    if (height == 1) return l.top(0, y);
    const int64_t each = num_elements(y->shape) / y->shape[0];
    levels.push_back(l.reshape(y, {y->shape[0], each}));
    columns += each;
  }
  l.top(0, l.node("Concat", levels, {l.shape()[0], columns}, {{"axis", int64_t{1}}}));
}

Value* unpooled(Layer& l, const Blob& mask) {
  l.require_shape(mask.value->shape == l.shape(), "the data and the mask must have the same shape");
  return l.node("MaxUnpool", {l.bottom(0), mask.value, l.ints(mask.pooled)}, mask.pooled, mask.window);
}

void max_unpool(Layer& l) { l.top(0, unpooled(l, l.mask(1))); }

// With a mask: the inverse of a max pooling. Without: every element becomes a block.
void upsample(Layer& l) {
  l.require_rank(0, 4);
  const auto& p = l.param.upsample_param();
  const std::array<int64_t, 2> scale{p.has_scale_h() ? p.scale_h() : p.scale(),
                                     p.has_scale_w() ? p.scale_w() : p.scale()};
  Shape y = l.shape();
  const std::array<int64_t, 2> given{p.upsample_h(), p.upsample_w()};
  for (size_t d = 0; d < 2; ++d) {
    l.require(given[d] > 0 || (scale[d] >= 1 && scale[d] <= kLargest),
              "it needs scale, or upsample_h and upsample_w");
    y[d + 2] =
        given[d] > 0 ? given[d] : y[d + 2] * scale[d] - ((d == 0 ? p.pad_out_h() : p.pad_out_w()) ? 1 : 0);
  }
  if (l.bottoms() == 2) {
    const Blob& mask = l.mask(1);
    l.require_shape(mask.pooled == y, "it makes the shape {}, but the pooling that made its mask read {}",
                    to_string(y), to_string(mask.pooled));
    return l.top(0, unpooled(l, mask));
  }
  std::vector<float> scales{1, 1};
  for (size_t d = 0; d < 2; ++d) {
    l.require(y[d + 2] % l.shape()[d + 2] == 0,
              "without a mask the result {} must be a multiple of the bottom {}", y[d + 2], l.shape()[d + 2]);
    scales.push_back(static_cast<float>(y[d + 2] / l.shape()[d + 2]));
  }
  Value* factors = l.constant("scales", Tensor::from<float>({4}, scales));
  l.top(0, l.node("Resize", {l.bottom(0), nullptr, factors}, y,
                  {{"mode", std::string("nearest")},
                   {"coordinate_transformation_mode", std::string("asymmetric")},
                   {"nearest_mode", std::string("floor")}}));
}

// Bilinear, corners on corners; pads cut off (they are negative).
void interp(Layer& l) {
  l.require_rank(0, 4);
  const auto& p = l.param.interp_param();
  l.require(p.pad_beg() <= 0 && p.pad_end() <= 0, "pad_beg and pad_end must not be positive");
  Value* x = l.bottom(0);
  const int64_t cut_first = -int64_t{p.pad_beg()}, cut_last = -int64_t{p.pad_end()};
  Shape cut = l.shape();
  for (size_t d = 2; d < 4; ++d) {
    l.require_shape(cut[d] > cut_first + cut_last, "pad_beg and pad_end cut off everything");
    cut[d] -= cut_first + cut_last;
  }
  if (cut != l.shape())
    x = l.node(
        "Slice",
        {x, l.ints({cut_first, cut_first}), l.ints({cut_first + cut[2], cut_first + cut[3]}), l.ints({2, 3})},
        cut);
  l.require(p.zoom_factor() >= 1 && p.shrink_factor() >= 1,
            "zoom_factor and shrink_factor must be at least 1");
  Shape y = cut;
  const std::array<int64_t, 2> given{p.height(), p.width()};
  for (size_t d = 0; d < 2; ++d) {
    int64_t& extent = y[d + 2];
    if (p.has_shrink_factor() || p.has_zoom_factor()) {
      extent = (extent - 1) / p.shrink_factor() + 1;
      extent += (extent - 1) * (int64_t{p.zoom_factor()} - 1);
    } else {
      l.require(given[d] >= 1, "it needs height and width, or zoom_factor, or shrink_factor");
      extent = given[d];
    }
  }
  l.top(0, l.node("Resize", {x, nullptr, nullptr, l.ints(y)}, y,
                  {{"mode", std::string("linear")},
                   {"coordinate_transformation_mode", std::string("align_corners")}}));
}

constexpr LayerRow kRows[] = {
    {"Interp", 1, 1, 1, 1, interp}, {"MaxUnpool", 2, 2, 1, 1, max_unpool}, {"Pooling", 1, 1, 1, 2, pooling},
    {"SPP", 1, 1, 1, 1, spp},       {"Unpooling", 2, 2, 1, 1, max_unpool}, {"Upsample", 1, 2, 1, 1, upsample},
};

}  // namespace

std::span<const LayerRow> pooling_layers() { return kRows; }

}  // namespace openhb::caffe_frontend
