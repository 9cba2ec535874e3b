// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/values.h"

#include <algorithm>
#include <cmath>

namespace openhb::model_exec {
namespace {

size_t width_axis(const hbDNNTensorProperties& p) { return p.tensorLayout == HB_DNN_LAYOUT_NHWC ? 2 : 3; }

bool is_nv12(const hbDNNTensorProperties& p) { return p.tensorType == HB_DNN_IMG_TYPE_NV12; }

// Byte distances along the axes of dense_shape().
Shape byte_strides(const hbDNNTensorProperties& p) {
  if (!is_nv12(p)) return {p.stride, p.stride + p.validShape.numDimensions};
  const int64_t row = p.alignedShape.dimensionSize[width_axis(p)], rows = dense_shape(p)[2];
  return {rows * row, rows * row, row, 1};
}

// Calls fn(memory, dense, bytes) for every run of elements that lie together in both, as byte offsets.
template <class Fn>
void walk(const Shape& shape, const Shape& strides, size_t element, Fn fn) {
  if (num_elements(shape) == 0) return;
  size_t dense = 0;
  const auto visit = [&](const auto& self, size_t axis, int64_t memory) -> void {
    const bool last = axis + 1 >= shape.size();
    const int64_t extent = shape.empty() ? 1 : shape[axis];
    if (shape.empty() || (last && strides[axis] == static_cast<int64_t>(element))) {
      const size_t bytes = static_cast<size_t>(extent) * element;
      fn(static_cast<size_t>(memory), dense, bytes);
      dense += bytes;
      return;
    }
    for (int64_t i = 0; i < extent; ++i) {
      const int64_t at = memory + i * strides[axis];
      if (last) {
        fn(static_cast<size_t>(at), dense, element);
        dense += element;
      } else {
        self(self, axis + 1, at);
      }
    }
  };
  visit(visit, 0, 0);
}

}  // namespace

Shape dense_shape(const hbDNNTensorProperties& p) {
  const Shape valid = shape_of(p.validShape);
  if (!is_nv12(p)) return valid;
  const int64_t height = valid[width_axis(p) - 1], width = valid[width_axis(p)];
  return {valid[0], 1, height + height / 2, width};
}

void store(const Tensor& dense, hbDNNTensor& tensor) {
  auto* to = static_cast<std::byte*>(tensor.sysMem[0].virAddr);
  walk(dense.shape(), byte_strides(tensor.properties), dtype_size(dense.dtype()),
       [&](size_t memory, size_t from, size_t bytes) {
         std::memcpy(to + memory, dense.bytes().data() + from, bytes);
       });
}

Tensor load(const hbDNNTensor& tensor) {
  const hbDNNTensorProperties& p = tensor.properties;
  Tensor dense(element_type(p), dense_shape(p));
  const auto* from = static_cast<const std::byte*>(tensor.sysMem[0].virAddr);
  walk(dense.shape(), byte_strides(p), dtype_size(dense.dtype()),
       [&](size_t memory, size_t to, size_t bytes) {
         std::memcpy(dense.bytes().data() + to, from + memory, bytes);
       });
  return dense;
}

Tensor load_aligned(const hbDNNTensor& tensor) {
  const hbDNNTensorProperties& p = tensor.properties;
  Tensor all(element_type(p), shape_of(p.alignedShape));
  const size_t size = std::min<size_t>(all.bytes().size(), tensor.sysMem[0].memSize);
  if (size > 0) std::memcpy(all.bytes().data(), tensor.sysMem[0].virAddr, size);
  return all;
}

QuantParams quant_of(const hbDNNTensorProperties& p) {
  QuantParams quant;
  if (p.quantiType == SCALE) {
    const hbDNNQuantiScale& scale = p.scale;
    quant.scales.assign(scale.scaleData, scale.scaleData + scale.scaleLen);
    quant.zero_points.assign(scale.zeroPointData, scale.zeroPointData + scale.zeroPointLen);
  } else if (p.quantiType == SHIFT) {
    for (int32_t i = 0; i < p.shift.shiftLen; ++i)
      quant.scales.push_back(std::ldexp(1.0f, -static_cast<int>(p.shift.shiftData[i])));
  }
  quant.zero_points.resize(quant.scales.size());
  if (quant.scales.size() > 1) quant.axis = p.quantizeAxis;
  return quant;
}

}  // namespace openhb::model_exec
