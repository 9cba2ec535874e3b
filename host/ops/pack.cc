// SPDX-License-Identifier: Apache-2.0
#include "host/ops/pack.h"

#include "device/kernels/conv/pack.h"

namespace openhb::ops {
namespace {

using compiler::Lowering;
using compiler::TensorId;

constexpr int64_t kBlock = 16;
int64_t blocks_of(int64_t extent) { return (extent + kBlock - 1) / kBlock; }

TensorId zeros(Lowering& lowering, const Shape& dims) {
  const TensorId id = lowering.scratch(DType::f32, dims, compiler::identity_order(dims.size()));
  lowering.emit(FillParams{0}, {}, {id});
  return id;
}

// The value dense and in ONNX order.
TensorId plain(Lowering& lowering, const graph::Value* value) {
  const TensorId id =
      lowering.in_order(lowering.native(value), compiler::identity_order(value->shape.size()));
  return lowering.view(id, {num_elements(value->shape)});
}

}  // namespace

TensorId padded_rows(Lowering& lowering, const graph::Value* value, int64_t rows, int64_t width) {
  const int64_t padded = blocks_of(width) * kBlock;
  if (value->is_constant()) {
    const auto data = value->constant->data<float>();
    std::vector<float> all(static_cast<size_t>(rows * padded));
    for (int64_t r = 0; r < rows; ++r)
      std::copy(data.begin() + r * width, data.begin() + (r + 1) * width, all.begin() + r * padded);
    return lowering.constant<float>({rows, padded}, all);
  }
  const TensorId to = zeros(lowering, {rows, padded});
  lowering.emit(CopyParams{{rows, width}, {width, 1}, {padded, 1}, 0, 0}, {plain(lowering, value)}, {to});
  return to;
}

TensorId packed_weights(Lowering& lowering, const graph::Value* value, int64_t groups, int64_t outputs,
                        int64_t inputs, int64_t taps) {
  const int64_t blocks = blocks_of(outputs), full = outputs / kBlock, rest = outputs % kBlock;
  const Shape dims{groups, blocks, taps, inputs, kBlock};
  if (value->is_constant())
    return lowering.constant<float>(
        dims, pack_conv_f32(value->constant->data<float>(), groups * outputs, inputs, taps, 1, groups));
  const TensorId from = plain(lowering, value);
  const TensorId to =
      rest ? zeros(lowering, dims) : lowering.scratch(DType::f32, dims, compiler::identity_order(5));
  const Shape in{outputs * inputs * taps, kBlock * inputs * taps, 1, taps, inputs * taps};
  const Shape out = dense_strides(dims);
  if (full) lowering.emit(CopyParams{{groups, full, taps, inputs, kBlock}, in, out, 0, 0}, {from}, {to});
  if (rest)
    lowering.emit(CopyParams{{groups, 1, taps, inputs, rest}, in, out, full * in[1], full * out[1]}, {from},
                  {to});
  return to;
}

TensorId packed_depthwise(Lowering& lowering, const graph::Value* value, int64_t channels, int64_t taps) {
  const int64_t padded = blocks_of(channels) * kBlock;
  if (value->is_constant())
    return lowering.constant<float>({taps, padded},
                                    pack_depthwise_f32(value->constant->data<float>(), channels, taps, 1));
  const TensorId to = zeros(lowering, {taps, padded});
  lowering.emit(CopyParams{{taps, channels}, {1, taps}, {padded, 1}, 0, 0}, {plain(lowering, value)}, {to});
  return to;
}

}  // namespace openhb::ops
