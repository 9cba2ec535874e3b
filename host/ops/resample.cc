// SPDX-License-Identifier: Apache-2.0
#include "host/ops/resample.h"

#include <algorithm>
#include <cmath>

namespace openhb::ops {
namespace {

const Tensor* constant_input(const Node& node, size_t i) {
  const Value* v = node.input(i);
  if (!v) return nullptr;
  if (!v->is_constant())
    fail(ErrorCode::model_dynamic_shape,
         "{}: input {} (roi, scales or sizes) is computed at run time; it must be constant", node.describe(),
         i);
  return v->constant->size() == 0 ? nullptr : v->constant.get();
}

std::vector<float> constant_floats(const Node& node, size_t i) {
  const Tensor* t = constant_input(node, i);
  if (!t) return {};
  if (t->dtype() != DType::f32)
    fail(ErrorCode::model_structure, "{}: its input {} is {}, expected float32", node.describe(), i,
         dtype_name(t->dtype()));
  const auto data = t->data<float>();
  return {data.begin(), data.end()};
}

void require_one_of(const Node& node, std::string_view attribute, const std::string& value,
                    std::initializer_list<std::string_view> known) {
  if (std::find(known.begin(), known.end(), value) == known.end())
    fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' is '{}', expected one of: {}", node.describe(),
         attribute, value, fmt::join(known, ", "));
}

// The axes that scales, sizes and roi are given for.
std::vector<size_t> named_axes(const Node& node, size_t rank) {
  std::vector<size_t> axes;
  for (int64_t a : node.attr_ints("axes", {})) {
    const int64_t axis = a < 0 ? a + static_cast<int64_t>(rank) : a;
    if (axis < 0 || axis >= static_cast<int64_t>(rank) ||
        std::find(axes.begin(), axes.end(), static_cast<size_t>(axis)) != axes.end())
      fail(ErrorCode::model_bad_attribute, "{}: axis {} is out of range or named twice", node.describe(), a);
    axes.push_back(static_cast<size_t>(axis));
  }
  if (axes.empty())
    for (size_t i = 0; i < rank; ++i) axes.push_back(i);
  return axes;
}

void require_count(const Node& node, std::string_view what, size_t found, size_t expected) {
  if (found != expected)
    fail(ErrorCode::model_bad_attribute, "{}: '{}' has {} values, expected {}", node.describe(), what, found,
         expected);
}

// One scale for all axes, the smallest (not_larger) or largest (not_smaller) that the sizes ask for.
void keep_aspect_ratio(ResizeSpec& s, const std::vector<size_t>& axes, bool not_larger) {
  float scale = 0;
  for (size_t k = 0; k < axes.size(); ++k) {
    const float own = s.scales[axes[k]];
    scale = k == 0 ? own : not_larger ? std::min(scale, own) : std::max(scale, own);
  }
  for (size_t a : axes) {
    s.scales[a] = scale;
    s.out[a] = static_cast<int64_t>(std::floor(scale * static_cast<float>(s.in[a]) + 0.5f));
  }
}

void read_sizes(const Node& node, ResizeSpec& s, const std::vector<size_t>& axes) {
  const auto sizes = constant_ints(node, 3);
  require_count(node, "sizes", sizes.size(), axes.size());
  for (size_t k = 0; k < axes.size(); ++k) {
    const size_t a = axes[k];
    if (sizes[k] < 0 || sizes[k] >= int64_t{1} << 31)
      fail(ErrorCode::model_bad_attribute, "{}: size {} of axis {} is not sensible", node.describe(),
           sizes[k], a);
    s.out[a] = sizes[k];
    s.scales[a] = static_cast<float>(sizes[k]) / static_cast<float>(s.in[a]);
  }
  const std::string policy = node.attr_string("keep_aspect_ratio_policy", "stretch");
  require_one_of(node, "keep_aspect_ratio_policy", policy, {"stretch", "not_larger", "not_smaller"});
  if (policy != "stretch") keep_aspect_ratio(s, axes, policy == "not_larger");
}

void read_scales(const Node& node, ResizeSpec& s, const std::vector<size_t>& axes) {
  const auto scales = constant_floats(node, 2);
  require_count(node, "scales", scales.size(), axes.size());
  for (size_t k = 0; k < axes.size(); ++k) {
    const size_t a = axes[k];
    if (!(scales[k] > 0) || scales[k] > 65536.0f)
      fail(ErrorCode::model_bad_attribute, "{}: scale {} of axis {} is not sensible", node.describe(),
           scales[k], a);
    s.scales[a] = scales[k];
    const float extent = s.extrapolates() ? s.roi_end[a] - s.roi_start[a] : 1.0f;
    const float out = std::floor(static_cast<float>(s.in[a]) * extent * scales[k]);
    if (!(out >= 0 && out < 0x1p31f))
      fail(ErrorCode::model_bad_shape, "{}: axis {} would have {} elements", node.describe(), a, out);
    s.out[a] = static_cast<int64_t>(out);
  }
}

// Source coordinate of output position o, in float as stock ONNX Runtime computes it.
float source(const ResizeSpec& s, size_t axis, int64_t o) {
  const auto x = static_cast<float>(o);
  const auto in = static_cast<float>(s.in[axis]), out = static_cast<float>(s.out[axis]);
  const float scale = s.scales[axis];
  if (s.coordinates == "asymmetric") return x / scale;
  if (s.coordinates == "tf_half_pixel_for_nn") return (x + 0.5f) / scale;
  if (s.coordinates == "align_corners") return s.out[axis] == 1 ? 0.0f : x * (in - 1) / (out - 1);
  if (s.coordinates == "pytorch_half_pixel" && s.out[axis] <= 1) return 0.0f;
  if (s.coordinates == "half_pixel_symmetric") {
    const float adjustment = out / (scale * in), centre = in / 2;
    return centre * (1 - adjustment) + (x + 0.5f) / scale - 0.5f;
  }
  if (s.coordinates == "tf_crop_and_resize") {
    const float from = s.roi_start[axis], to = s.roi_end[axis];
    return s.out[axis] > 1 ? from * (in - 1) + x * (to - from) * (in - 1) / (out - 1)
                           : 0.5f * (from + to) * (in - 1);
  }
  return (x + 0.5f) / scale - 0.5f;
}

int64_t nearest_index(const std::string& mode, float x, int64_t in) {
  float i = 0;
  if (mode == "floor")
    i = std::floor(x);
  else if (mode == "ceil")
    i = std::ceil(x);
  else if (mode == "round_prefer_ceil")
    i = std::floor(x + 0.5f);
  else
    i = std::ceil(x - 0.5f);  // round_prefer_floor
  return static_cast<int64_t>(std::clamp(i, 0.0f, static_cast<float>(in - 1)));
}

double cubic_weight(double d, double a) {
  d = std::fabs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

// A filter of `radius` around x; antialias widens it by the scale, so that every source counts.
void filter(const ResizeSpec& s, size_t axis, double radius, AxisTable& t) {
  const bool cubic = s.mode == "cubic";
  const double stretch = s.antialias ? std::min(1.0, static_cast<double>(s.scales[axis])) : 1.0;
  const auto first = static_cast<int64_t>(std::floor(-radius / stretch)) + 1;
  const int64_t n = s.in[axis], out = s.out[axis];
  t.taps = 2 - 2 * first;
  if (t.taps > 1 << 16)
    fail(ErrorCode::model_unsupported_op, "scale {} is too small for antialias", s.scales[axis]);
  t.source.assign(static_cast<size_t>(t.taps * out), 0);
  t.weight.assign(t.source.size(), 0);
  std::vector<double> weights(static_cast<size_t>(t.taps));
  for (int64_t o = 0; o < out; ++o) {
    const float x = source(s, axis, o);
    const float base = std::floor(x);
    const double fraction = static_cast<double>(x - base);
    double sum = 0;
    for (int64_t k = 0; k < t.taps; ++k) {
      const auto at = static_cast<int64_t>(base) + first + k;
      const double d = (static_cast<double>(first + k) - fraction) * stretch;
      double w = cubic ? cubic_weight(d, static_cast<double>(s.cubic_a)) : std::max(0.0, 1 - std::fabs(d));
      if (s.exclude_outside && (at < 0 || at >= n)) w = 0;
      t.source[static_cast<size_t>(k * out + o)] = static_cast<int32_t>(std::clamp<int64_t>(at, 0, n - 1));
      weights[static_cast<size_t>(k)] = w;
      sum += w;
    }
    const bool normalise = s.antialias || s.exclude_outside;
    for (int64_t k = 0; k < t.taps; ++k) {
      const double w = weights[static_cast<size_t>(k)];
      t.weight[static_cast<size_t>(k * out + o)] = static_cast<float>(normalise && sum != 0 ? w / sum : w);
    }
  }
}

// The two neighbours, as stock ONNX Runtime weighs them.
void linear(const ResizeSpec& s, size_t axis, AxisTable& t) {
  const int64_t in = s.in[axis], out = s.out[axis];
  const auto n = static_cast<size_t>(out);
  t.taps = 2;
  t.source.resize(2 * n), t.weight.resize(2 * n);
  for (size_t o = 0; o < n; ++o) {
    const float x = std::clamp(source(s, axis, static_cast<int64_t>(o)), 0.0f, static_cast<float>(in - 1));
    const auto lower = std::min(static_cast<int32_t>(x), static_cast<int32_t>(in - 1));
    const auto upper = std::min(lower + 1, static_cast<int32_t>(in - 1));
    t.source[o] = lower, t.source[n + o] = upper;
    t.weight[o] = lower == upper ? 0.5f : std::fabs(x - static_cast<float>(upper));
    t.weight[n + o] = lower == upper ? 0.5f : std::fabs(x - static_cast<float>(lower));
  }
}

}  // namespace

ResizeSpec resize_spec(const Node& node) {
  ResizeSpec s;
  s.in = s.out = node.input(0)->shape;
  const size_t rank = s.in.size();
  s.scales.assign(rank, 1.0f);
  s.mode = node.attr_string("mode", "nearest");
  s.coordinates = node.attr_string("coordinate_transformation_mode", "half_pixel");
  s.nearest = node.attr_string("nearest_mode", "round_prefer_floor");
  require_one_of(node, "mode", s.mode, {"nearest", "linear", "cubic"});
  require_one_of(node, "coordinate_transformation_mode", s.coordinates,
                 {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                  "tf_half_pixel_for_nn", "tf_crop_and_resize"});
  require_one_of(node, "nearest_mode", s.nearest,
                 {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  s.cubic_a = node.attr_float("cubic_coeff_a", -0.75f);
  s.outside = node.attr_float("extrapolation_value", 0.0f);
  s.antialias = node.attr_int("antialias", 0) != 0 && s.mode != "nearest";
  s.exclude_outside = node.attr_int("exclude_outside", 0) != 0;
  for (int64_t n : s.in)
    if (n < 1 || n >= int64_t{1} << 31)
      fail(ErrorCode::model_bad_shape, "{}: its input {} cannot be resized", node.describe(),
           to_string(s.in));
  const auto axes = named_axes(node, rank);
  if (s.extrapolates()) {
    const auto roi = constant_floats(node, 1);
    require_count(node, "roi", roi.size(), 2 * axes.size());
    s.roi_start.assign(rank, 0.0f), s.roi_end.assign(rank, 1.0f);
    for (size_t k = 0; k < axes.size(); ++k)
      s.roi_start[axes[k]] = roi[k], s.roi_end[axes[k]] = roi[axes.size() + k];
  }
  const bool sizes = constant_input(node, 3) != nullptr;
  if (sizes == (constant_input(node, 2) != nullptr))
    fail(ErrorCode::model_structure, "{}: it needs either scales or sizes", node.describe());
  sizes ? read_sizes(node, s, axes) : read_scales(node, s, axes);
  return s;
}

AxisTable axis_table(const ResizeSpec& s, size_t axis) {
  AxisTable t;
  const int64_t in = s.in[axis], out = s.out[axis];
  if (s.mode == "nearest") {
    for (int64_t o = 0; o < out; ++o)
      t.source.push_back(static_cast<int32_t>(nearest_index(s.nearest, source(s, axis, o), in)));
    t.weight.assign(t.source.size(), 1.0f);
  } else if (s.mode == "linear" && !s.antialias && !s.exclude_outside) {
    linear(s, axis, t);
  } else {
    filter(s, axis, s.mode == "cubic" ? 2.0 : 1.0, t);
  }
  if (s.extrapolates())
    for (int64_t o = 0; o < out; ++o) {
      const float x = source(s, axis, o);
      if (!(x >= 0 && x <= static_cast<float>(in - 1))) t.source[static_cast<size_t>(o)] = -1;
    }
  return t;
}

bool AxisTable::copies(int64_t in) const {
  const auto out = static_cast<int64_t>(source.size()) / taps;
  if (out != in) return false;
  for (int64_t k = 0; k < taps; ++k)
    for (int64_t o = 0; o < out; ++o) {
      const auto at = static_cast<size_t>(k * out + o);
      if (source[at] != o && weight[at] != 0) return false;
    }
  return !leaves();
}

bool AxisTable::leaves() const {
  return std::any_of(source.begin(), source.end(), [](int32_t i) { return i < 0; });
}

}  // namespace openhb::ops
