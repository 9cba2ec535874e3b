// SPDX-License-Identifier: Apache-2.0
#include "host/ops/quantized.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "host/compiler/lowering.h"
#include "host/ops/expand.h"
#include "host/ops/narrow.h"
#include "host/ops/window.h"

namespace openhb::ops {
namespace {

using namespace expand;
using compiler::Lowering;
using compiler::TensorId;

struct CodeRange {
  DType dtype;
  float lo, hi;
};
constexpr CodeRange kCodes[] = {
    {DType::u8, 0, 255}, {DType::i8, -128, 127}, {DType::u16, 0, 65535}, {DType::i16, -32768, 32767}};

// The extents that a scale or zero point has beside the tensor: [1], [1, .., D, .., 1], or all.
Shape beside(const Node& node, const Shape& scale) {
  const Shape& x = node.input(0)->shape;
  Shape shape(x.size(), 1);
  if (num_elements(scale) == 1 && scale.size() <= 1) return shape;
  if (scale.size() == 1) {
    const int64_t axis = axis_of(node, node.attr_int("axis", 1), x.size());
    shape[static_cast<size_t>(axis)] = scale[0];
    return shape;
  }
  return scale;
}

// Blocks of values that share a scale: the canonical form has one scale per value (blocks of 1).
void upgrade_blocks(Rewriter& r, Node& node) {
  const int64_t block = node.attr_int("block_size", 0);
  const Shape x = node.input(0)->shape;
  require_attribute(node, block >= 0, "attribute 'block_size' must not be negative");
  if (block <= 1) return;
  const auto axis = static_cast<size_t>(axis_of(node, node.attr_int("axis", 1), x.size()));
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    Value* v = node.input(i);
    if (!v) continue;
    Shape expected = x;
    expected[axis] = (x[axis] + block - 1) / block;
    require(node, v->shape == expected,
            fmt::format("scales in blocks of {} must be {}", block, to_string(expected)));
    Shape split = expected, joined = expected;
    split.insert(split.begin() + static_cast<std::ptrdiff_t>(axis) + 1, 1);
    v = reshape(r, v, split);
    split[axis + 1] = block;
    joined[axis] = checked_mul(expected[axis], block);
    v = reshape(r, spread(r, v, split), joined);
    r.set_input(i, slice(r, v, static_cast<int64_t>(axis), 0, x[axis]));
  }
  node.attributes["block_size"] = int64_t{1};
}

void check_parameters(InferContext& c) {
  c.require_type(1, {DType::f32});
  const Shape scale = beside(c.node(), c.shape(1));
  const Shape& x = c.shape(0);
  bool fits = scale.size() == x.size();
  for (size_t i = 0; fits && i < x.size(); ++i) fits = scale[i] == 1 || scale[i] == x[i];
  c.require(fits, "the scales do not fit the tensor and the axis");
  if (c.has(2))
    c.require(c.shape(2) == c.shape(1) || (num_elements(c.shape(2)) == 1 && num_elements(c.shape(1)) == 1),
              "scale and zero point must have the same shape");
}

TensorId cast_to(Lowering& lowering, TensorId id, DType dtype) {
  const TensorDesc d = lowering.desc(id);
  if (d.dtype == dtype) return id;
  const TensorId to = lowering.scratch(dtype, d.dims, d.order);
  lowering.emit(CastParams{}, {id}, {to});
  return to;
}

// Scale or zero point (input i) with the extents to broadcast.
TensorId parameter(Lowering& lowering, const Node& node, size_t i, DType dtype) {
  const Value* v = node.input(i);
  const TensorId id = lowering.in_order(lowering.native(v), compiler::identity_order(v->shape.size()));
  return cast_to(lowering, lowering.view(id, beside(node, v->shape)), dtype);
}

TensorId combine(Lowering& lowering, BinaryFunction function, TensorId a, TensorId b) {
  const TensorDesc d = lowering.desc(a);
  const TensorId y = lowering.scratch(d.dtype, d.dims, d.order);
  lowering.emit(BinaryParams{function, 0, 0, 0}, {a, b}, {y});
  return y;
}

TensorId plain_input(Lowering& lowering, const Node& node) {
  return lowering.in_order(lowering.native(node.input(0)),
                           compiler::identity_order(node.input(0)->shape.size()));
}

const char* const kReason =
    "it is a conversion that the model itself contains; with calibration_type: load its scales drive the "
    "integer engine instead";

DType code_type(const Node& node) {
  if (node.input(2)) return node.input(2)->dtype;
  const int64_t wanted = node.attr_int("output_dtype", 0);
  return wanted == 0 ? DType::u8 : dtype_of_onnx(node, wanted);
}

}  // namespace

namespace {
// Codes of a narrow type (float8, int4...): arithmetic that ends in the conversion.
void quantize_to_narrow(Rewriter& r, Node& node, const graph::NarrowType& type) {
  Value* y = cast(r, node.input(0), DType::f32);
  y = div(r, y, reshape(r, node.input(1), beside(node, node.input(1)->shape)));
  if (!type.is_float()) {
    y = r.node("Round", {y});
    if (Value* zero = node.input(2))
      y = add(r, y, cast(r, reshape(r, zero, beside(node, zero->shape)), DType::f32));
  }
  r.result(0, cast_to_narrow(r, y, type, node.attr_int("saturate", 1) != 0, "up"));
}
}  // namespace

void QuantizeLinear::upgrade(Rewriter& r, Node& node) {
  upgrade_blocks(r, node);
  const int64_t type = node.input(2) ? node.input(2)->onnx_type : node.attr_int("output_dtype", 0);
  if (const auto* narrow = graph::find_narrow_type(type)) quantize_to_narrow(r, node, *narrow);
}
void QuantizeLinear::infer(InferContext& c) {
  c.require_type(0, {DType::f32, DType::i32});
  check_parameters(c);
  const DType to = code_type(c.node());
  c.require_support(
      std::ranges::any_of(kCodes, [&](const CodeRange& r) { return r.dtype == to; }),
      fmt::format("codes of type {} are not supported, only int8, uint8, int16 and uint16", dtype_name(to)));
  c.set(0, to, c.shape(0));
}
QuantRule QuantizeLinear::quant(const Node&) { return float_only(kReason); }
namespace {
// The parameters when they are one int8 or int16 pair, which a Quantize step takes; nothing otherwise.
std::optional<QuantParams> step_params(const Node& node) {
  const Value *scale = node.input(1), *zero = node.input(2);
  if (!zero || !scale->is_constant() || !zero->is_constant() || scale->constant->size() != 1)
    return std::nullopt;
  const float s = scale->constant->data<float>()[0];
  if (!(s > 0) || !std::isfinite(s) || node.input(0)->dtype != DType::f32) return std::nullopt;
  if (zero->dtype == DType::i8) return QuantParams{{s}, {zero->constant->data<int8_t>()[0]}, -1};
  if (zero->dtype == DType::i16 && zero->constant->data<int16_t>()[0] == 0) return QuantParams{{s}, {0}, -1};
  return std::nullopt;
}
}  // namespace

void QuantizeLinear::lower(Lowering& lowering, const Node& node) {
  if (const auto quant = step_params(node)) {
    const TensorId x = plain_input(lowering, node);
    const TensorDesc d = lowering.desc(x);
    const TensorId codes = lowering.scratch(node.outputs[0]->dtype, d.dims, d.order, *quant);
    lowering.emit(QuantizeParams{}, {x}, {codes});
    return lowering.bind(node.outputs[0], codes);
  }
  const auto range =
      *std::ranges::find_if(kCodes, [&](const CodeRange& r) { return r.dtype == node.outputs[0]->dtype; });
  const TensorId x = cast_to(lowering, plain_input(lowering, node), DType::f32);
  auto unary = [&](UnaryParams params, TensorId from) {
    const TensorDesc d = lowering.desc(from);
    const TensorId to = lowering.scratch(DType::f32, d.dims, d.order);
    lowering.emit(params, {from}, {to});
    return to;
  };
  TensorId code = combine(lowering, BinaryFunction::div, x, parameter(lowering, node, 1, DType::f32));
  code = unary({UnaryFunction::round, 0, 0}, code);
  if (node.input(2))
    code = combine(lowering, BinaryFunction::add, code, parameter(lowering, node, 2, DType::f32));
  code = unary({UnaryFunction::clip, range.lo, range.hi}, code);
  lowering.emit(CastParams{}, {code}, {lowering.output(node.outputs[0], lowering.desc(code).order)});
}

void DequantizeLinear::upgrade(Rewriter& r, Node& node) {
  upgrade_blocks(r, node);
  const Value* x = node.input(0);
  if (x->dtype != DType::f32) return;  // float32: the values of a narrow float type
  Value* y = node.input(0);
  if (Value* zero = node.input(2)) y = sub(r, y, reshape(r, zero, beside(node, zero->shape)));
  r.result("Mul", {y, reshape(r, node.input(1), beside(node, node.input(1)->shape))});
}
void DequantizeLinear::infer(InferContext& c) {
  c.require_type(0, {DType::u8, DType::i8, DType::u16, DType::i16, DType::i32});
  check_parameters(c);
  if (c.has(2)) c.require(c.dtype(2) == c.dtype(0), "codes and zero point must have the same type");
  c.set(0, DType::f32, c.shape(0));
}
QuantRule DequantizeLinear::quant(const Node&) { return float_only(kReason); }
void DequantizeLinear::lower(Lowering& lowering, const Node& node) {
  TensorId x = plain_input(lowering, node);
  if (node.input(2))
    x = combine(lowering, BinaryFunction::sub, cast_to(lowering, x, DType::i32),
                parameter(lowering, node, 2, DType::i32));
  x = cast_to(lowering, x, DType::f32);
  const TensorId y = lowering.output(node.outputs[0], lowering.desc(x).order);
  lowering.emit(BinaryParams{BinaryFunction::mul, 0, 0, 0}, {x, parameter(lowering, node, 1, DType::f32)},
                {y});
}

// As the function body in ONNX; a tensor of zeros takes the smallest scale instead of 0.
void DynamicQuantizeLinear::upgrade(Rewriter& r, Node& node) {
  require_type(node, 0, {DType::f32});
  Value* x = node.input(0);
  std::vector<int64_t> axes;
  for (size_t i = 0; i < x->shape.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  Value* zero = r.scalar(0);
  Value* lo = r.node("Min", {reduce(r, "ReduceMin", x, axes, false), zero});
  Value* hi = r.node("Max", {reduce(r, "ReduceMax", x, axes, false), zero});
  Value* scale = div(r, sub(r, hi, lo), r.scalar(255));
  scale = r.node("Max", {scale, r.scalar(std::numeric_limits<float>::min())});
  Value* code = r.node("Clip", {sub(r, zero, div(r, lo, scale)), zero, r.scalar(255)});
  Value* zero_point = cast(r, r.node("Round", {code}), DType::u8);
  if (node.outputs.size() > 1) r.result(1, scale);
  if (node.outputs.size() > 2) r.result(2, zero_point);
  r.result(0, r.node("QuantizeLinear", {x, scale, zero_point}));
}

// The quantized operators are their float operators between DequantizeLinear and QuantizeLinear.
void QLinearConv::upgrade(Rewriter& r, Node& node) {
  const auto in = node.inputs;
  require(node, in[0]->shape.size() >= 3 && in[3]->shape.size() == in[0]->shape.size(),
          "input and weights must have the same rank, 3 or more");
  Value* x = r.node("DequantizeLinear", {in[0], in[1], in[2]});
  Value* w = r.node("DequantizeLinear", {in[3], in[4], in[5]}, {{"axis", int64_t{0}}});
  std::vector<Value*> inputs{x, w};
  if (Value* bias = node.input(8)) {
    Value* scale = mul(r, reshape(r, in[1], {}), in[4]);
    inputs.push_back(r.node("DequantizeLinear", {bias, scale}, {{"axis", int64_t{0}}}));
  }
  r.result("QuantizeLinear", {r.node("Conv", inputs, node.attributes), in[6], in[7]});
}

void QLinearMatMul::upgrade(Rewriter& r, Node& node) {
  const auto in = node.inputs;
  // One scale, or one per row of A and column of B.
  auto real = [&](size_t i, int64_t from_end) {
    const auto rank = static_cast<int64_t>(in[i]->shape.size());
    return r.node("DequantizeLinear", {in[i], in[i + 1], in[i + 2]},
                  {{"axis", std::max<int64_t>(rank - from_end, 0)}});
  };
  Value* product = matmul(r, real(0, 2), real(3, 1));
  r.result("QuantizeLinear", {product, in[6], in[7]});
}

namespace {
// x - zero point as int32; a list of zero points runs along `axis`.
Value* centred(Rewriter& r, const Node& node, size_t input, size_t zero_point, int64_t axis) {
  require_type(node, input, {DType::u8, DType::i8});
  Value* x = cast(r, node.input(input), DType::i32);
  Value* zero = node.input(zero_point);
  if (!zero) return x;
  require_type(node, zero_point, {DType::u8, DType::i8});
  Shape shape(x->shape.size(), 1);
  const int64_t count = num_elements(zero->shape);
  if (count != 1 && zero->shape.size() == 1) {
    require(node, axis >= 0 && count == x->shape[static_cast<size_t>(axis)],
            "the zero points do not fit the tensor");
    shape[static_cast<size_t>(axis)] = count;
  } else if (count != 1) {
    shape = zero->shape;
  }
  return sub(r, x, reshape(r, cast(r, zero, DType::i32), shape));
}
}  // namespace

void MatMulInteger::upgrade(Rewriter& r, Node& node) {
  const auto rank = [&](size_t i) { return static_cast<int64_t>(node.input(i)->shape.size()); };
  Value* a = centred(r, node, 0, 2, rank(0) - 2);
  Value* b = centred(r, node, 1, 3, rank(1) - 1);
  r.result("MatMul", {a, b});
}

// The windows stand as columns of a matrix: exact in int32.
void ConvInteger::upgrade(Rewriter& r, Node& node) {
  const Shape x = node.input(0)->shape, w = node.input(1)->shape;
  require_support(node, x.size() == 3 || x.size() == 4, "it must be a 1-D or 2-D convolution");
  require(node, w.size() == x.size() && num_elements(w) > 0, "weights and input must have the same rank");
  const size_t n = x.size() - 2;
  const int64_t groups = node.attr_int("group", 1);
  require(node, groups >= 1 && w[0] % groups == 0 && x[1] == checked_mul(w[1], groups),
          fmt::format("weights {} do not fit {} input channels in {} groups", to_string(w), x[1], groups));
  const Window window = window_of(node, x, Shape(w.begin() + 2, w.end()));
  Value* data = centred(r, node, 0, 2, -1);
  Value* weights = centred(r, node, 1, 3, 0);
  Shape before(x.size(), 0), after(x.size(), 0), out(n);
  int64_t pixels = 1, taps = 1;
  for (size_t i = 0; i < n; ++i) {
    const size_t d = i + 2 - n;
    before[i + 2] = window.pads[d], after[i + 2] = window.pads[d + 2];
    const int64_t span = int64_t{window.kernel[d] - 1} * window.dilation[d] + 1;
    const int64_t room = x[i + 2] + before[i + 2] + after[i + 2] - span;
    require(node, room >= 0, fmt::format("a window of {} does not fit an extent of {}", span, x[i + 2]));
    out[i] = room / window.stride[d] + 1;
    pixels *= out[i], taps *= window.kernel[d];
  }
  require_support(node, taps <= 1024, "its kernel has more than 1024 taps");
  data = pad(r, data, before, after);
  std::vector<Value*> columns;
  for (int64_t t = 0; t < taps; ++t) {
    Value* part = data;
    int64_t rest = t;
    for (size_t i = n; i-- > 0;) {
      const size_t d = i + 2 - n;
      const int64_t first = rest % window.kernel[d] * window.dilation[d];
      rest /= window.kernel[d];
      part = slice(r, part, static_cast<int64_t>(i) + 2, first, first + (out[i] - 1) * window.stride[d] + 1,
                   window.stride[d]);
    }
    columns.push_back(reshape(r, part, {x[0], groups, 1, w[1], pixels}));
  }
  data = reshape(r, concat(r, columns, 2), {x[0], groups, taps * w[1], pixels});
  weights = transpose(r, reshape(r, weights, {w[0], w[1], taps}), {0, 2, 1});
  weights = reshape(r, weights, {groups, w[0] / groups, taps * w[1]});
  Shape shape{x[0], w[0]};
  shape.insert(shape.end(), out.begin(), out.end());
  r.result(0, reshape(r, matmul(r, weights, data), shape));
}

}  // namespace openhb::ops
