// SPDX-License-Identifier: Apache-2.0
#include "host/ops/sampling.h"

#include <algorithm>

#include "host/ops/plain.h"
#include "host/ops/rewriter.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

// The position of a string attribute in its list of values.
template <size_t N>
int32_t choice(const Node& node, std::string_view attribute, std::string_view fallback,
               const std::string_view (&values)[N]) {
  const std::string given = node.attr_string(attribute, fallback);
  const auto* found = std::find(std::begin(values), std::end(values), given);
  if (found == std::end(values))
    fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' is '{}', expected one of: {}", node.describe(),
         attribute, given, fmt::join(values, ", "));
  return static_cast<int32_t>(found - std::begin(values));
}

GridSampleParams grid_params(const Node& node) {
  GridSampleParams p;
  p.mode = static_cast<SampleMode>(choice(node, "mode", "linear", {"nearest", "linear", "cubic"}));
  p.padding =
      static_cast<SamplePadding>(choice(node, "padding_mode", "zeros", {"zeros", "border", "reflection"}));
  p.align_corners = node.attr_int("align_corners", 0) != 0 ? 1 : 0;
  return p;
}

}  // namespace

void GridSample::upgrade(Rewriter&, Node& node) {  // names of opset 16
  const std::string mode = node.attr_string("mode", "linear");
  if (mode == "bilinear") node.attributes["mode"] = std::string("linear");
  if (mode == "bicubic") node.attributes["mode"] = std::string("cubic");
}
void GridSample::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  c.require_type(1, {DType::f32});
  grid_params(c.node());
  const Shape &x = c.shape(0), &grid = c.shape(1);
  c.require_support(c.rank(0) == 4 || c.rank(0) == 5, "only inputs of rank 4 and 5 are supported");
  c.require(grid.size() == x.size() && grid[0] == x[0] && grid.back() == c.rank(0) - 2,
            fmt::format("the grid must be [{}, ..., {}] and have rank {}", x[0], c.rank(0) - 2, c.rank(0)));
  Shape shape{x[0], x[1]};
  shape.insert(shape.end(), grid.begin() + 1, grid.end() - 1);
  c.require(num_elements(Shape(x.begin() + 2, x.end())) > 0 || num_elements(shape) == 0,
            "the input has no pixels");
  c.set(0, DType::f32, shape);
}
QuantRule GridSample::quant(const Node& node) {
  if (grid_params(node).mode == SampleMode::cubic)
    return float_only("cubic sampling leaves the range of its input; modes linear and nearest can be int8");
  if (node.input(0)->is_constant()) return float_only("its data is a constant, which it reads in float");
  return {QuantKind::passive, "", {0}, 0, true};
}
void GridSample::lower(Lowering& lowering, const Node& node) {
  const compiler::Order order = compiler::channels_last(node.input(0)->shape.size());
  const TensorId x = lowering.in_order(lowering.input(0), order), grid = plain_native(lowering, node, 1);
  lowering.emit(grid_params(node), {x, grid}, {lowering.output(node.outputs[0], order)});
}

namespace {
// Coordinates of the pixel centres along an extent, in [-1, 1].
std::vector<float> centres(int64_t n, bool align_corners) {
  std::vector<float> list;
  for (int64_t i = 0; i < n; ++i) {
    const double at = align_corners
                          ? (n > 1 ? 2.0 * static_cast<double>(i) / static_cast<double>(n - 1) : 0.0)
                          : (2.0 * static_cast<double>(i) + 1.0) / static_cast<double>(n);
    list.push_back(static_cast<float>(at - 1.0));
  }
  return list;
}
}  // namespace

// All points in homogeneous coordinates times the transposed matrices.
void AffineGrid::upgrade(Rewriter& r, Node& node) {
  const Shape& theta = node.inputs[0]->shape;
  const auto size = constant_ints(node, 1);
  const size_t n = size.size() < 2 ? 0 : size.size() - 2;
  const Shape expected =
      n < 2 ? Shape{} : Shape{size[0], static_cast<int64_t>(n), static_cast<int64_t>(n) + 1};
  if (n < 2 || n > 3 || theta != expected)
    fail(ErrorCode::model_bad_shape,
         "{}: theta is {} and size has {} values; expected N x 2 x 3 and 4, or "
         "N x 3 x 4 and 5",
         node.describe(), to_string(theta), size.size());
  const Shape spatial(size.begin() + 2, size.end());
  const int64_t points = num_elements(spatial);
  require_foldable(r, {points, static_cast<int64_t>(n) + 1});
  const bool align = node.attr_int("align_corners", 0) != 0;
  std::vector<std::vector<float>> axes;
  for (int64_t extent : spatial) axes.push_back(centres(extent, align));
  std::vector<float> base;
  base.reserve(static_cast<size_t>(points) * (n + 1));
  for (int64_t p = 0; p < points; ++p) {
    int64_t rest = p;
    for (size_t k = n; k-- > 0;) {  // the innermost dimension is the first coordinate
      base.push_back(axes[k][static_cast<size_t>(rest % spatial[k])]);
      rest /= spatial[k];
    }
    base.push_back(1);
  }
  Value* grid = r.constant(Tensor::from<float>({points, static_cast<int64_t>(n) + 1}, base));
  Value* transposed = r.node("Transpose", {node.inputs[0]}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
  Shape shape{size[0]};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  shape.push_back(static_cast<int64_t>(n));
  r.result("Reshape", {r.node("MatMul", {grid, transposed}), r.ints(shape)});
}

namespace {
int64_t bounded(const Node& node, std::string_view attribute, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most)
    fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' holds {}, expected {} to {}", node.describe(),
         attribute, value, least, most);
  return value;
}

constexpr int64_t kLargestBin = 4096;

RoiParams align_params(const Node& node) {
  RoiParams p;
  p.mode = static_cast<RoiMode>(choice(node, "mode", "avg", {"avg", "max"}));
  p.half_pixel =
      choice(node, "coordinate_transformation_mode", "half_pixel", {"output_half_pixel", "half_pixel"});
  p.scale = node.attr_float("spatial_scale", 1.0f);
  p.sampling = static_cast<int32_t>(
      bounded(node, "sampling_ratio", node.attr_int("sampling_ratio", 0), 0, kLargestBin));
  return p;
}

void infer_roi(InferContext& c, int64_t columns, int64_t height, int64_t width) {
  c.require_type(0, {DType::f32});
  c.require_type(1, {DType::f32});
  const Shape &x = c.shape(0), &rois = c.shape(1);
  c.require(x.size() == 4, "the input must have rank 4");
  c.require(rois.size() == 2 && rois[1] == columns, fmt::format("the boxes must be [boxes, {}]", columns));
  c.require(num_elements(x) > 0 || num_elements(rois) == 0, "the input has no pixels");
  c.set(0, DType::f32, {rois[0], x[1], height, width});
}
QuantRule roi_rule() {
  return float_only("its boxes are computed positions, which it pools in float; it is meant for the CPU");
}
}  // namespace

void RoiAlign::upgrade(Rewriter& r, Node& node) {
  if (r.opset() < 16) node.attributes["coordinate_transformation_mode"] = std::string("output_half_pixel");
}
void RoiAlign::infer(InferContext& c) {
  const auto extent = [&](std::string_view name) {
    return bounded(c.node(), name, c.node().attr_int(name, 1), 1, kLargestBin);
  };
  align_params(c.node());
  c.require_type(2, {DType::i32, DType::i64});
  c.require(c.rank(1) >= 1 && c.shape(2) == Shape{c.shape(1)[0]}, "there must be one image number per box");
  infer_roi(c, 4, extent("output_height"), extent("output_width"));
}
QuantRule RoiAlign::quant(const Node&) { return roi_rule(); }
void RoiAlign::lower(Lowering& lowering, const Node& node) {
  const compiler::Order order = compiler::channels_last(4);
  const TensorId x = lowering.in_order(lowering.input(0), order);
  lowering.emit(align_params(node), {x, plain_native(lowering, node, 1), plain_native(lowering, node, 2)},
                {lowering.output(node.outputs[0], order)});
}

void MaxRoiPool::infer(InferContext& c) {
  const auto pooled = c.node().attr_ints("pooled_shape", {});
  if (pooled.size() != 2)
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'pooled_shape' has {} values, expected 2",
         c.node().describe(), pooled.size());
  for (int64_t v : pooled) bounded(c.node(), "pooled_shape", v, 1, kLargestBin);
  infer_roi(c, 5, pooled[0], pooled[1]);
}
QuantRule MaxRoiPool::quant(const Node&) { return roi_rule(); }
void MaxRoiPool::lower(Lowering& lowering, const Node& node) {
  const compiler::Order order = compiler::channels_last(4);
  const TensorId x = lowering.in_order(lowering.input(0), order);
  RoiParams p;
  p.mode = RoiMode::pool;
  p.scale = node.attr_float("spatial_scale", 1.0f);
  lowering.emit(p, {x, plain_native(lowering, node, 1)}, {lowering.output(node.outputs[0], order)});
}

void Det::infer(InferContext& c) {
  c.require_type(0, {DType::f32});
  const Shape& x = c.shape(0);
  c.require(x.size() >= 2 && x[x.size() - 1] == x[x.size() - 2], "the matrices must be square");
  c.require_support(x.back() <= 1024, "matrices of more than 1024 rows are not supported");
  c.set(0, DType::f32, Shape(x.begin(), x.end() - 2));
}
QuantRule Det::quant(const Node&) { return float_only("determinants need more precision than int8 has"); }
void Det::lower(Lowering& lowering, const Node& node) {
  const TensorId x = plain(lowering, lowering.input(0));
  lowering.emit(DetParams{}, {x}, {plain_output(lowering, node.outputs[0])});
}

}  // namespace openhb::ops
