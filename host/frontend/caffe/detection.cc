// SPDX-License-Identifier: Apache-2.0
// Boxes: the SSD family's layers, pooling of regions.
#include <algorithm>
#include <array>
#include <cmath>

#include "host/frontend/caffe/layer.h"

namespace openhb::caffe_frontend {
namespace {

constexpr const char* kOwnDomain = "horizon";

// Width and height of the boxes around every point, in pixels. Sizes are cut to whole numbers, as the layer's
// authors do.
std::vector<std::array<float, 2>> box_sizes(const Layer& l) {
  const auto& p = l.param.prior_box_param();
  l.require(p.min_size_size() > 0, "it has no min_size");
  l.require(p.max_size_size() == 0 || p.max_size_size() == p.min_size_size(),
            "it has {} min_size, but {} max_size", p.min_size_size(), p.max_size_size());
  std::vector<float> ratios{1.0f};
  for (const float ratio : p.aspect_ratio()) {
    l.require(ratio > 0, "aspect_ratio is {}", ratio);
    if (std::ranges::any_of(ratios, [&](float r) { return std::fabs(ratio - r) < 1e-6f; })) continue;
    ratios.push_back(ratio);
    if (p.flip()) ratios.push_back(1.0f / ratio);
  }
  const auto whole = [&](float size) {
    l.require(size >= 1 && size < (1 << 24), "its size {} is out of range", size);
    if (size != std::floor(size)) l.notice(fmt::format("its size {} counts as {}", size, std::floor(size)));
    return std::floor(size);
  };
  std::vector<std::array<float, 2>> sizes;
  for (int s = 0; s < p.min_size_size(); ++s) {
    const float min = whole(p.min_size(s));
    sizes.push_back({min, min});
    if (p.max_size_size() > 0) {
      l.require(p.max_size(s) > p.min_size(s), "max_size {} is not above min_size {}", p.max_size(s),
                p.min_size(s));
      const float side = std::sqrt(min * whole(p.max_size(s)));
      sizes.push_back({side, side});
    }
    for (size_t r = 1; r < ratios.size(); ++r)
      sizes.push_back({min * std::sqrt(ratios[r]), min / std::sqrt(ratios[r])});
  }
  return sizes;
}

std::array<float, 4> variances(const Layer& l) {
  const auto& p = l.param.prior_box_param();
  l.require(p.variance_size() == 0 || p.variance_size() == 1 || p.variance_size() == 4,
            "it has {} variance, expected 1 or 4", p.variance_size());
  std::array<float, 4> result;
  result.fill(p.variance_size() == 0 ? 0.1f : p.variance(0));
  for (int i = 0; i < p.variance_size(); ++i) {
    l.require(p.variance(i) > 0, "variance is {}", p.variance(i));
    result[static_cast<size_t>(i)] = p.variance(i);
  }
  if (p.variance_size() == 1) result.fill(p.variance(0));
  return result;
}

// Depends on shapes only: a constant.
void prior_box(Layer& l) {
  const auto& p = l.param.prior_box_param();
  l.require_rank(0, 4), l.require_rank(1, 4);
  const auto sizes = box_sizes(l);
  const auto variance = variances(l);
  const int64_t rows = l.shape()[2], columns = l.shape()[3];
  l.require(!p.has_img_size() || !(p.has_img_h() || p.has_img_w()), "give img_size, or img_h and img_w");
  l.require(!p.has_step() || !(p.has_step_h() || p.has_step_w()), "give step, or step_h and step_w");
  int64_t height = p.has_img_size() ? p.img_size() : p.img_h(),
          width = p.has_img_size() ? p.img_size() : p.img_w();
  if (height == 0 || width == 0) height = l.shape(1)[2], width = l.shape(1)[3];
  float step_h = p.has_step() ? p.step() : p.step_h(), step_w = p.has_step() ? p.step() : p.step_w();
  l.require(step_h >= 0 && step_w >= 0, "its step is negative");
  if (step_h == 0 || step_w == 0) {
    step_h = static_cast<float>(height) / static_cast<float>(rows);
    step_w = static_cast<float>(width) / static_cast<float>(columns);
  }
  const int64_t count = checked_mul(checked_mul(rows, columns), static_cast<int64_t>(sizes.size()) * 4);
  l.require_shape(count <= (int64_t{1} << 24), "it would make {} numbers", count);
  Tensor tensor(DType::f32, {1, 2, count});
  auto out = tensor.data<float>().begin();
  const auto put = [&](float v) { *out++ = p.clip() ? std::clamp(v, 0.0f, 1.0f) : v; };
  const auto w = static_cast<float>(width), h = static_cast<float>(height);
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t x = 0; x < columns; ++x) {
      const float cx = (static_cast<float>(x) + p.offset()) * step_w;
      const float cy = (static_cast<float>(y) + p.offset()) * step_h;
      for (const auto& [bw, bh] : sizes) {
        put((cx - bw / 2) / w), put((cy - bh / 2) / h);
        put((cx + bw / 2) / w), put((cy + bh / 2) / h);
      }
    }
  for (int64_t i = 0; i < count; ++i) *out++ = variance[static_cast<size_t>(i % 4)];
  l.top_constant(0, std::move(tensor));
}

// One node of our own: no combination of ONNX operators has a static result with these rules.
void detection_output(Layer& l) {
  const auto& p = l.param.detection_output_param();
  const Shape &loc = l.shape(0), &conf = l.shape(1), &prior = l.shape(2);
  const int64_t classes = p.num_classes(), n = loc.empty() ? 0 : loc[0];
  l.require(classes >= 1 && classes <= (1 << 20), "num_classes is {}", classes);
  l.require_shape(prior.size() == 3 && (prior[0] == 1 || prior[0] == n) && prior[1] == 2 && prior[2] % 4 == 0,
                  "the third bottom must be prior boxes 1x2x4*count");
  const int64_t priors = prior[2] / 4, sets = p.share_location() ? 1 : classes;
  const int64_t boxes = checked_mul(n, priors);
  l.require_shape(num_elements(loc) == checked_mul(checked_mul(boxes, sets), 4),
                  "{} prior boxes need {} locations", priors, priors * sets * 4);
  l.require_shape(!conf.empty() && conf[0] == n && num_elements(conf) == checked_mul(boxes, classes),
                  "{} prior boxes and {} classes need {} scores", priors, classes, priors * classes);
  const auto& nms = p.nms_param();
  l.require(nms.nms_threshold() >= 0, "nms_threshold is {}", nms.nms_threshold());
  l.require(nms.eta() > 0 && nms.eta() <= 1, "eta is {}, expected more than 0 and at most 1", nms.eta());
  const int64_t top_k = nms.has_top_k() ? nms.top_k() : -1, keep = p.keep_top_k();
  l.require(top_k >= -1 && top_k != 0 && keep >= -1 && keep != 0,
            "top_k and keep_top_k must be positive or -1");
  l.require(!std::isnan(p.confidence_threshold()), "confidence_threshold is not a number");
  const bool has_background = p.background_label_id() >= 0 && p.background_label_id() < classes;
  const int64_t possible =
      checked_mul(classes - (has_background ? 1 : 0), top_k == -1 ? priors : std::min(top_k, priors));
  const int64_t rows = checked_mul(n, keep == -1 ? possible : keep);
  l.require(rows >= 1, "it has no class to detect");
  if (keep == -1)
    l.notice(fmt::format("keep_top_k is not given: its result has room for all {} boxes", rows));
  constexpr std::array<const char*, 3> kCodes{"CORNER", "CENTER_SIZE", "CORNER_SIZE"};
  const float confidence =
      p.has_confidence_threshold() ? p.confidence_threshold() : std::numeric_limits<float>::lowest();
  const Attributes attributes{{"num_classes", classes},
                              {"share_location", int64_t{p.share_location()}},
                              {"background_label_id", int64_t{p.background_label_id()}},
                              {"nms_threshold", nms.nms_threshold()},
                              {"top_k", top_k},
                              {"eta", nms.eta()},
                              {"code_type", std::string(kCodes[static_cast<size_t>(p.code_type()) - 1])},
                              {"variance_encoded_in_target", int64_t{p.variance_encoded_in_target()}},
                              {"keep_top_k", keep},
                              {"confidence_threshold", confidence},
                              {"clip", int64_t{p.clip()}}};
  Value* locations = l.reshape(l.bottom(0), {n, priors * sets * 4});
  Value* scores = l.reshape(l.bottom(1), {n, priors * classes});
  l.top(0, l.nodes("DetectionOutput", {locations, scores, l.bottom(2)}, {{1, 1, rows, 7}}, attributes,
                   kOwnDomain)[0]);
}

// Regions are rows of batch index, x1, y1, x2, y2.
Value* regions(Layer& l) {
  const Shape& rois = l.shape(1);
  l.require_rank(0, 4);
  l.require_shape(!rois.empty() && num_elements(rois) == rois[0] * 5,
                  "the second bottom must have rows of 5 numbers");
  return l.reshape(l.bottom(1), {rois[0], 5});
}

void roi_pooling(Layer& l) {
  const auto& p = l.param.roi_pooling_param();
  const int64_t h = p.pooled_h(), w = p.pooled_w();
  l.require(h >= 1 && w >= 1 && p.spatial_scale() > 0,
            "pooled_h, pooled_w and spatial_scale must be positive");
  Value* rois = regions(l);
  l.top(0, l.node("MaxRoiPool", {l.bottom(0), rois}, {rois->shape[0], l.shape()[1], h, w},
                  {{"pooled_shape", std::vector<int64_t>{h, w}}, {"spatial_scale", p.spatial_scale()}}));
}

void psroi_pooling(Layer& l) {
  const auto& p = l.param.psroi_pooling_param();
  const int64_t group = p.group_size(), outputs = p.output_dim();
  l.require(group >= 1 && group <= (1 << 10) && outputs >= 1 && p.spatial_scale() > 0,
            "group_size, output_dim and spatial_scale must be positive");
  Value* rois = regions(l);
  l.require_shape(l.shape()[1] == outputs * group * group, "it needs {} channels", outputs * group * group);
  l.top(0, l.nodes("PSROIPooling", {l.bottom(0), rois}, {{rois->shape[0], outputs, group, group}},
                   {{"group_size", group}, {"output_dim", outputs}, {"spatial_scale", p.spatial_scale()}},
                   kOwnDomain)[0]);
}

constexpr LayerRow kRows[] = {
    {"DetectionOutput", 3, 3, 1, 1, detection_output},
    {"PSROIPooling", 2, 2, 1, 1, psroi_pooling},
    {"PriorBox", 2, 2, 1, 1, prior_box},
    {"ROIPooling", 2, 2, 1, 1, roi_pooling},
};

}  // namespace

std::span<const LayerRow> detection_layers() { return kRows; }

}  // namespace openhb::caffe_frontend
