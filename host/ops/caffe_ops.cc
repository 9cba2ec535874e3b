// SPDX-License-Identifier: Apache-2.0
#include "host/ops/caffe_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "host/compiler/lowering.h"

namespace openhb::ops {
namespace {

using compiler::identity_order;
using compiler::Lowering;
using compiler::TensorId;

constexpr std::array<std::string_view, 3> kCodes{"CORNER", "CENTER_SIZE", "CORNER_SIZE"};

int32_t number(const Node& node, const char* name, int64_t fallback, int64_t least) {
  const int64_t v = node.attr_int(name, fallback);
  if (v < least || v > std::numeric_limits<int32_t>::max())
    fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' holds {}, expected {} to 2^31", node.describe(),
         name, v, least);
  return static_cast<int32_t>(v);
}

int32_t limit(const Node& node, const char* name) {
  const int32_t v = number(node, name, -1, -1);
  if (v == 0) fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' is 0", node.describe(), name);
  return v;
}

DetectionOutputParams detection_params(const Node& node) {
  DetectionOutputParams p;
  p.classes = number(node, "num_classes", 0, 1);
  p.background = number(node, "background_label_id", 0, std::numeric_limits<int32_t>::min());
  p.share_location = node.attr_int("share_location", 1) != 0 ? 1 : 0;
  const std::string code = node.attr_string("code_type", kCodes[0]);
  const auto at = std::ranges::find(kCodes, code);
  if (at == kCodes.end())
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'code_type' is '{}', expected one of {}",
         node.describe(), code, fmt::join(kCodes, ", "));
  p.code = static_cast<BoxCode>(at - kCodes.begin());
  p.variance_encoded = node.attr_int("variance_encoded_in_target", 0) != 0 ? 1 : 0;
  p.clip = node.attr_int("clip", 0) != 0 ? 1 : 0;
  p.top_k = limit(node, "top_k"), p.keep_top_k = limit(node, "keep_top_k");
  p.nms_threshold = node.attr_float("nms_threshold", 0.3f);
  p.eta = node.attr_float("eta", 1.0f);
  p.confidence_threshold = node.attr_float("confidence_threshold", std::numeric_limits<float>::lowest());
  if (!(p.nms_threshold >= 0 && p.eta > 0 && p.eta <= 1) || std::isnan(p.confidence_threshold))
    fail(ErrorCode::model_bad_attribute,
         "{}: nms_threshold is {}, eta {} and confidence_threshold {}; expected at least 0, 0 to 1, and a "
         "number",
         node.describe(), p.nms_threshold, p.eta, p.confidence_threshold);
  return p;
}

// All inputs and the output in the order of their axes.
template <class Params>
void lower_plain(Lowering& lowering, const Node& node, const Params& params) {
  std::vector<TensorId> inputs;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    inputs.push_back(lowering.in_order(lowering.input(i), identity_order(node.input(i)->shape.size())));
  const TensorId y = lowering.output(node.outputs[0], identity_order(node.outputs[0]->shape.size()));
  lowering.emit(params, inputs, {y});
}

}  // namespace

void DetectionOutput::infer(InferContext& c) {
  for (size_t i = 0; i < 3; ++i) c.require_type(i, {DType::f32});
  const DetectionOutputParams p = detection_params(c.node());
  const Shape &loc = c.shape(0), &conf = c.shape(1), &prior = c.shape(2);
  c.require(loc.size() == 2 && conf.size() == 2 && prior.size() == 3,
            "inputs must have the ranks 2, 2 and 3");
  const int64_t n = loc[0], priors = prior[2] / 4;
  c.require(n >= 1 && priors >= 1 && (prior[0] == 1 || prior[0] == n) && prior[1] == 2 && prior[2] % 4 == 0,
            "prior boxes must be [1, 2, 4 * count]");
  c.require(conf[0] == n && conf[1] == checked_mul(priors, p.classes),
            "scores must be [N, priors * num_classes]");
  c.require(loc[1] == checked_mul(priors * 4, p.share_location != 0 ? 1 : p.classes),
            "locations must be [N, priors * 4], times num_classes unless they are shared");
  const int64_t to_find = p.classes - (p.background >= 0 && p.background < p.classes ? 1 : 0);
  const int64_t most = checked_mul(to_find, p.top_k == -1 ? priors : std::min<int64_t>(p.top_k, priors));
  const int64_t rows = checked_mul(n, p.keep_top_k == -1 ? most : p.keep_top_k);
  c.require(rows >= 1, "there is no class to detect");
  c.set(0, DType::f32, {1, 1, rows, 7});
}
QuantRule DetectionOutput::quant(const Node&) {
  return float_only("it sorts and compares scores and boxes, which integer codes would blur");
}
void DetectionOutput::lower(Lowering& lowering, const Node& node) {
  lower_plain(lowering, node, detection_params(node));
}

void PsRoiPooling::infer(InferContext& c) {
  for (size_t i = 0; i < 2; ++i) c.require_type(i, {DType::f32});
  const int64_t group = number(c.node(), "group_size", 0, 1), outputs = number(c.node(), "output_dim", 0, 1);
  const float scale = c.node().attr_float("spatial_scale", 1.0f);
  if (!(scale > 0 && scale <= std::numeric_limits<float>::max()))
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'spatial_scale' is {}", c.node().describe(), scale);
  c.require(c.rank(0) == 4 && c.rank(1) == 2 && c.shape(1)[1] == 5,
            "it needs [N, C, H, W] and regions [R, 5]");
  c.require(c.shape(0)[0] >= 1, "there is no image");
  c.require(c.shape(0)[1] == checked_mul(outputs, checked_mul(group, group)),
            "the channels must be output_dim * group_size^2");
  c.set(0, DType::f32, {c.shape(1)[0], outputs, group, group});
}
QuantRule PsRoiPooling::quant(const Node&) {
  return float_only("it averages over regions whose places are only known when it runs");
}
void PsRoiPooling::lower(Lowering& lowering, const Node& node) {
  lower_plain(lowering, node, PsRoiPoolParams{node.attr_float("spatial_scale", 1.0f)});
}

}  // namespace openhb::ops
