// SPDX-License-Identifier: Apache-2.0
#include "host/ops/operands.h"

#include <algorithm>
#include <cstring>

#include "device/kernels/elementwise/convert.h"

namespace openhb::ops {

using compiler::Lowering;
using compiler::Order;
using compiler::TensorId;

Tensor scalar_of(DType t, int64_t v) {
  Tensor result(t, {});
  kernels::with_element_type(t, [&]<class T>() {
    const T value = kernels::convert<T>(v);
    std::memcpy(result.bytes().data(), &value, sizeof value);
  });
  return result;
}

double number_at(const Tensor& t, size_t i) {
  return kernels::with_element_type(t.dtype(), [&]<class T>() {
    T value;
    std::memcpy(&value, t.bytes().data() + i * sizeof value, sizeof value);
    return kernels::convert<double>(value);
  });
}

const Tensor& constant_number(const Node& node, size_t input) {
  const Value* v = node.input(input);
  if (!v || !v->is_constant())
    fail(ErrorCode::model_dynamic_shape,
         "{}: its input {} ('{}') is computed at run time but decides a shape or an axis; it must be "
         "constant. Fix "
         "the input shape (input_shape in the configuration) or simplify the model",
         node.describe(), input, v ? v->name : "");
  if (v->constant->size() != 1)
    fail(ErrorCode::model_bad_shape, "{}: its input {} ('{}') has shape {}, expected one number",
         node.describe(), input, v->name, to_string(v->shape));
  return *v->constant;
}

int64_t onnx_type(DType t) {
  constexpr std::pair<DType, int64_t> kTypes[] = {{DType::f32, 1},  {DType::u8, 2},      {DType::i8, 3},
                                                  {DType::u16, 4},  {DType::i16, 5},     {DType::i32, 6},
                                                  {DType::i64, 7},  {DType::boolean, 9}, {DType::f16, 10},
                                                  {DType::f64, 11}, {DType::u32, 12},    {DType::u64, 13}};
  for (const auto& [dtype, number] : kTypes)
    if (dtype == t) return number;
  fail(ErrorCode::internal, "no ONNX type for {}", dtype_name(t));
}

TensorId cast_to(Lowering& lowering, TensorId id, DType dtype) {
  const TensorDesc d = lowering.desc(id);
  if (d.dtype == dtype) return id;
  const TensorId converted = lowering.scratch(dtype, d.dims, d.order);
  lowering.emit(CastParams{}, {id}, {converted});
  return converted;
}

TensorId codes_as(Lowering& lowering, const Value* value, const QuantParams& quant) {
  if (value->is_constant()) return lowering.constant_codes(*value->constant, quant);
  const TensorId id = lowering.as_codes(value);
  const TensorDesc d = lowering.desc(id);
  if (d.quant == quant) return id;
  const TensorId codes = lowering.scratch(DType::i8, d.dims, d.order, quant);
  lowering.emit_table(id, codes, compiler::requantize_table(d.quant, quant));
  return codes;
}

namespace {
// `id` with leading extents of 1 so that it has `rank` dimensions.
TensorId raise_rank(Lowering& lowering, TensorId id, size_t rank) {
  const TensorDesc d = lowering.desc(id);
  const size_t missing = rank - d.rank();
  if (missing == 0) return id;
  Shape dims(missing, 1);
  Order order = compiler::identity_order(missing);
  dims.insert(dims.end(), d.dims.begin(), d.dims.end());
  for (uint8_t a : d.order) order.push_back(static_cast<uint8_t>(a + missing));
  return lowering.view(id, dims, order);
}
}  // namespace

void align(Lowering& lowering, std::vector<TensorId>& operands) {
  size_t rank = 0;
  for (TensorId id : operands) rank = std::max(rank, lowering.desc(id).rank());
  for (TensorId& id : operands) id = raise_rank(lowering, id, rank);
  const auto weight = [&](TensorId id) {
    const TensorDesc& d = lowering.desc(id);
    return std::pair(d.storage != Storage::weights, d.elements());
  };
  TensorId leader = operands[0];
  for (TensorId id : operands)
    if (weight(id) > weight(leader)) leader = id;
  const Order order = lowering.desc(leader).order;
  for (TensorId& id : operands) id = lowering.in_order(id, order);
}

Shape broadcast_dims(const Lowering& lowering, const std::vector<TensorId>& operands) {
  Shape dims = lowering.desc(operands[0]).dims;
  for (TensorId id : operands)
    for (size_t k = 0; k < dims.size(); ++k)
      if (dims[k] == 1) dims[k] = lowering.desc(id).dims[k];
  return dims;
}

void lower_along(Lowering& lowering, const Node& node, TensorId x, const std::vector<int64_t>& axes,
                 const std::function<void(TensorId)>& emit, std::optional<DType> dtype) {
  const TensorDesc in = lowering.desc(x);
  Shape dims = in.dims;
  for (int64_t a : axes) dims[compiler::memory_dim(in, a)] = 1;
  // The output in ONNX order is a reshape of the reduced tensor: extents of 1 can stand anywhere.
  const Value* result = node.outputs[0];
  const TensorId y = lowering.output(result, compiler::identity_order(result->shape.size()));
  const TensorDesc out = lowering.desc(y);
  const DType written = dtype.value_or(out.dtype);
  Order kept;
  for (auto axis : in.order)
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) kept.push_back(axis);
  const bool direct = std::is_sorted(kept.begin(), kept.end());
  if (direct && written == out.dtype) return emit(lowering.view(y, dims, in.order));
  const TensorId full = lowering.scratch(written, dims, in.order, out.quant);
  emit(full);
  TensorId sorted = lowering.in_order(full, compiler::identity_order(in.rank()));
  sorted = lowering.view(sorted, out.dims);
  if (written == out.dtype)
    lowering.emit_copy(sorted, y);
  else
    lowering.emit(CastParams{}, {sorted}, {y});
}

namespace {
// Lut with an int16 side: 256 codes from int8, interpolation from int16.
void lower_int16_table(Lowering& lowering, const Node& node, size_t i,
                       const std::function<double(double)>& g) {
  const Value *from = node.input(i), *result = node.outputs[0];
  const QuantParams& to = *result->quant;
  const TensorId x = lowering.input(i);
  TensorId table = 0;
  if (from->codes == DType::i16) {
    const auto knots = compiler::interpolation_table(g, from->quant->scale(), to, result->codes);
    table = lowering.constant<int32_t>({static_cast<int64_t>(knots.size())}, knots);
  } else {
    std::vector<float> real;
    for (int q = -128; q < 128; ++q) {
      const float v = static_cast<float>(q - from->quant->zero_point()) * from->quant->scale();
      real.push_back(static_cast<float>(g(static_cast<double>(v))));
    }
    table = lowering.constant<int16_t>({256}, compiler::quantize_codes_int16(real, to));
  }
  lowering.emit(LutParams{}, {x, table}, {lowering.output(result, lowering.desc(x).order)});
}
}  // namespace

void lower_table(Lowering& lowering, const Node& node, size_t i, const std::function<double(double)>& g) {
  if (lowering.int16()) return lower_int16_table(lowering, node, i, g);
  const auto pending = lowering.deferred(node.input(i));
  const TensorId base = pending ? pending->base : lowering.input(i);
  const QuantParams& from = pending ? *node.input(i)->quant : lowering.desc(base).quant;
  compiler::Table table{};
  for (int q = -128; q < 128; ++q) {
    const int code = pending ? pending->table[static_cast<size_t>(q + 128)] : q;
    const float x = static_cast<float>(code - from.zero_point()) * from.scale();
    const auto y = static_cast<float>(g(static_cast<double>(x)));
    table[static_cast<size_t>(q + 128)] = compiler::quantize_codes({&y, 1}, *node.outputs[0]->quant)[0];
  }
  lowering.defer_table(node.outputs[0], base, table);
}

}  // namespace openhb::ops
