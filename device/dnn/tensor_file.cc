// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/tensor_file.h"

#include <algorithm>
#include <iterator>

#include "common/math/half.h"
#include "device/engine/model.h"

namespace openhb::dnn {
namespace {

template <class T>
T element(const Tensor& tensor, size_t i) {
  T value{};
  std::memcpy(&value, tensor.bytes().data() + i * sizeof(T), sizeof(T));
  return value;
}

// Calls fn(value) with element i in its own type (binary16 as float, bool as 0 or 1).
template <class Fn>
auto visit_element(const Tensor& tensor, size_t i, Fn fn) {
  switch (tensor.dtype()) {
    case DType::f32:
      return fn(element<float>(tensor, i));
    case DType::f64:
      return fn(element<double>(tensor, i));
    case DType::f16:
      return fn(math::half_to_float(element<uint16_t>(tensor, i)));
    case DType::i8:
      return fn(element<int8_t>(tensor, i));
    case DType::i16:
      return fn(element<int16_t>(tensor, i));
    case DType::i32:
      return fn(element<int32_t>(tensor, i));
    case DType::i64:
      return fn(element<int64_t>(tensor, i));
    case DType::u16:
      return fn(element<uint16_t>(tensor, i));
    case DType::u32:
      return fn(element<uint32_t>(tensor, i));
    case DType::u64:
      return fn(element<uint64_t>(tensor, i));
    case DType::u8:
    case DType::boolean:
      break;
  }
  return fn(element<uint8_t>(tensor, i));
}

}  // namespace

Tensor read_tensor(const TensorDesc& desc, const std::byte* storage) {
  Tensor tensor(desc.dtype, desc.logical_shape());
  engine::load_tensor(desc, storage, tensor.bytes());
  return tensor;
}

Tensor read_aligned(const TensorDesc& desc, const std::byte* storage) {
  Shape shape = desc.dims;
  if (desc.rank() > 1) shape.back() = desc.pitch;
  Tensor tensor(desc.dtype, std::move(shape));
  // The last row's padding need not be the tensor's own memory: it reads as 0.
  const auto size = std::min(static_cast<size_t>(desc.byte_extent()), tensor.bytes().size());
  if (size > 0) std::memcpy(tensor.bytes().data(), storage, size);
  return tensor;
}

double number_at(const Tensor& tensor, size_t i) {
  return visit_element(tensor, i, [](auto value) { return static_cast<double>(value); });
}

QuantParams logical_quant(const TensorDesc& desc) {
  QuantParams quant = desc.quant;
  if (quant.axis >= 0) quant.axis = desc.order[static_cast<size_t>(quant.axis)];
  return quant;
}

Tensor dequantize(const Tensor& codes, const QuantParams& quant) {
  if (quant.empty()) return codes;
  Tensor real(DType::f32, codes.shape());
  // Elements that share a scale lie together, as many as the axes behind the scales' axis have.
  const bool one = quant.axis < 0 || quant.scales.size() == 1;
  size_t inner = 1;
  for (size_t k = one ? codes.rank() : static_cast<size_t>(quant.axis) + 1; k < codes.rank(); ++k)
    inner *= static_cast<size_t>(codes.shape()[k]);
  const auto out = real.data<float>();
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t c = one ? 0 : i / inner % quant.scales.size();
    const int32_t zero_point = quant.zero_points.empty() ? 0 : quant.zero_points[c];
    out[i] = static_cast<float>(number_at(codes, i) - static_cast<double>(zero_point)) * quant.scales[c];
  }
  return real;
}

Tensor to_real(const Tensor& tensor, const QuantParams& quant) {
  if (!quant.empty()) return dequantize(tensor, quant);
  if (tensor.dtype() == DType::f32) return tensor;
  Tensor real(DType::f32, tensor.shape());
  const auto out = real.data<float>();
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(number_at(tensor, i));
  return real;
}

std::string tensor_text(const Tensor& tensor, int precision, int axis) {
  size_t per_line = 1;
  const size_t first = axis < 0 ? tensor.rank() : static_cast<size_t>(axis);
  for (size_t k = first; k < tensor.rank(); ++k) per_line *= static_cast<size_t>(tensor.shape()[k]);
  fmt::memory_buffer text;
  const auto out = std::back_inserter(text);
  for (size_t i = 0; i < tensor.size(); ++i) {
    visit_element(tensor, i, [&]<class T>(T value) {
      if constexpr (std::is_floating_point_v<T>)
        fmt::format_to(out, "{:.{}f}", value, precision);
      else
        fmt::format_to(out, "{}", value);
    });
    text.push_back((i + 1) % per_line == 0 ? '\n' : ' ');
  }
  return fmt::to_string(text);
}

}  // namespace openhb::dnn
