// SPDX-License-Identifier: Apache-2.0
#include "host/ops/resize.h"

#include <algorithm>
#include <cmath>

#include "host/compiler/lowering.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

// What Resize asks for, per axis.
struct Spec {
  std::vector<float> scales;
  Shape shape;
  std::string mode, coordinates, nearest;
};

const Tensor* constant_input(const Node& node, size_t i) {
  const Value* v = node.input(i);
  if (!v) return nullptr;
  if (!v->is_constant())
    fail(ErrorCode::model_dynamic_shape,
         "{}: input {} (scales or sizes) is computed at run time; it must be constant", node.describe(), i);
  return v->constant->size() == 0 ? nullptr : v->constant.get();
}

Spec spec_of(const Node& node) {
  const Shape& in = node.input(0)->shape;
  Spec s;
  s.mode = node.attr_string("mode", "nearest");
  s.coordinates = node.attr_string("coordinate_transformation_mode", "half_pixel");
  s.nearest = node.attr_string("nearest_mode", "round_prefer_floor");
  const Tensor *scales = constant_input(node, 2), *sizes = constant_input(node, 3);
  if (scales) s.scales.assign(scales->data<float>().begin(), scales->data<float>().end());
  // From opset 18 on scales and sizes may be given for some axes only.
  const auto axes = node.attr_ints("axes", {});
  auto spread = [&]<class T>(std::vector<T>& list, std::vector<T> all) {
    if (axes.empty() || list.size() != axes.size()) return;
    for (size_t i = 0; i < axes.size(); ++i) {
      const int64_t a = axes[i] < 0 ? axes[i] + static_cast<int64_t>(in.size()) : axes[i];
      if (a < 0 || a >= static_cast<int64_t>(in.size()))
        fail(ErrorCode::model_bad_attribute, "{}: axis {} is out of range", node.describe(), axes[i]);
      all[static_cast<size_t>(a)] = list[i];
    }
    list = std::move(all);
  };
  spread(s.scales, std::vector<float>(in.size(), 1.0f));
  if (sizes) {
    s.shape.assign(sizes->data<int64_t>().begin(), sizes->data<int64_t>().end());
    spread(s.shape, in);
    if (s.shape.size() != in.size())
      fail(ErrorCode::model_bad_attribute, "{}: 'sizes' has {} values, expected {}", node.describe(),
           s.shape.size(), in.size());
    s.scales.clear();
    for (size_t i = 0; i < in.size(); ++i)
      s.scales.push_back(static_cast<float>(s.shape[i]) / static_cast<float>(in[i]));
    return s;
  }
  if (s.scales.size() != in.size())
    fail(ErrorCode::model_bad_attribute, "{}: 'scales' has {} values, expected {}", node.describe(),
         s.scales.size(), in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    if (!(s.scales[i] > 0) || s.scales[i] > 65536.0f)
      fail(ErrorCode::model_bad_attribute, "{}: scale {} of axis {} is not sensible", node.describe(),
           s.scales[i], i);
    s.shape.push_back(static_cast<int64_t>(std::floor(static_cast<float>(in[i]) * s.scales[i])));
  }
  return s;
}

// Source coordinate of output index o, in float as stock ONNX Runtime computes it.
float source(const Spec& s, int64_t o, int64_t in, int64_t out, float scale) {
  const auto x = static_cast<float>(o);
  if (s.coordinates == "asymmetric") return x / scale;
  if (s.coordinates == "align_corners")
    return out == 1 ? 0.0f : x * static_cast<float>(in - 1) / static_cast<float>(out - 1);
  if (s.coordinates == "pytorch_half_pixel" && out <= 1) return 0.0f;
  return (x + 0.5f) / scale - 0.5f;
}

int32_t nearest_index(const Spec& s, float x, int64_t in) {
  float i = 0;
  if (s.nearest == "floor")
    i = std::floor(x);
  else if (s.nearest == "ceil")
    i = std::ceil(x);
  else if (s.nearest == "round_prefer_ceil")
    i = std::floor(x + 0.5f);
  else
    i = std::ceil(x - 0.5f);  // round_prefer_floor
  return static_cast<int32_t>(std::clamp(i, 0.0f, static_cast<float>(in - 1)));
}

// Tables of one axis for linear: neighbours and weights, [2, out] each.
std::pair<std::vector<int32_t>, std::vector<float>> linear_tables(const Spec& s, int64_t in, int64_t out,
                                                                  float scale) {
  const auto n = static_cast<size_t>(out);
  std::vector<int32_t> index(2 * n);
  std::vector<float> weight(2 * n);
  for (size_t o = 0; o < n; ++o) {
    const float x =
        std::clamp(source(s, static_cast<int64_t>(o), in, out, scale), 0.0f, static_cast<float>(in - 1));
    const auto lower = std::min(static_cast<int32_t>(x), static_cast<int32_t>(in - 1));
    const auto upper = std::min(lower + 1, static_cast<int32_t>(in - 1));
    index[o] = lower, index[n + o] = upper;
    const float to_lower = std::fabs(x - static_cast<float>(lower)),
                to_upper = std::fabs(x - static_cast<float>(upper));
    weight[o] = lower == upper ? 0.5f : to_upper;
    weight[n + o] = lower == upper ? 0.5f : to_lower;
  }
  return {index, weight};
}

}  // namespace

void Resize::infer(InferContext& c) {
  const Spec s = spec_of(c.node());
  if (s.mode == "linear") c.require_type(0, {DType::f32});
  c.require_support(c.node().attr_int("antialias", 0) == 0, "antialias is not supported");
  c.require_support(c.node().attr_string("keep_aspect_ratio_policy", "stretch") == "stretch",
                    "keep_aspect_ratio_policy must be 'stretch'");
  c.require_support(c.rank(0) == 4 && s.shape[0] == c.shape(0)[0] && s.shape[1] == c.shape(0)[1],
                    "only height and width of a 4-D input can be resized");
  c.require_support(s.mode == "nearest" || s.mode == "linear",
                    fmt::format("mode '{}' is not supported (nearest, linear)", s.mode));
  for (std::string_view known : {"asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel"})
    if (s.coordinates == known) return c.set(0, c.dtype(0), s.shape);
  c.require_support(false,
                    fmt::format("coordinate_transformation_mode '{}' is not supported", s.coordinates));
}
QuantRule Resize::quant(const Node&) { return {QuantKind::passive, "", {0}, 0, true}; }
void Resize::lower(Lowering& lowering, const Node& node) {
  const Spec s = spec_of(node);
  const Shape& in = node.input(0)->shape;
  const compiler::Order order = compiler::channels_last(4);
  const TensorId x = lowering.in_order(lowering.input(0), order);
  const TensorId y = lowering.output(node.outputs[0], order);
  std::vector<TensorId> inputs{x};
  for (size_t axis : {size_t{2}, size_t{3}}) {
    const int64_t n = s.shape[axis];
    if (s.mode == "nearest") {
      std::vector<int32_t> index;
      for (int64_t o = 0; o < n; ++o)
        index.push_back(nearest_index(s, source(s, o, in[axis], n, s.scales[axis]), in[axis]));
      inputs.push_back(lowering.constant<int32_t>({n}, index));
    } else {
      const auto [index, weight] = linear_tables(s, in[axis], n, s.scales[axis]);
      inputs.push_back(lowering.constant<int32_t>({2, n}, index));
      inputs.push_back(lowering.constant<float>({2, n}, weight));
    }
  }
  lowering.emit(ResizeParams{s.mode == "nearest" ? ResizeMode::nearest : ResizeMode::linear}, inputs, {y});
}

// Two inputs (opset 10 and Upsample): the scales come second, and coordinates are asymmetric.
void Resize::upgrade(Rewriter& r, Node& node) {
  if (node.inputs.size() == 2) Upsample::upgrade(r, node);
}
void Upsample::upgrade(Rewriter& r, Node& node) {
  Value* scales = node.input(1);
  if (!scales) {
    const auto list = node.attr_floats("scales", {});
    scales = r.constant(Tensor::from<float>({static_cast<int64_t>(list.size())}, list));
    node.attributes.erase("scales");
  }
  node.op = "Resize";
  node.inputs = {node.inputs[0], nullptr, scales};
  node.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
  node.attributes["nearest_mode"] = std::string("floor");
}

}  // namespace openhb::ops
