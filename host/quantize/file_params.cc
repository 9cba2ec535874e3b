// SPDX-License-Identifier: Apache-2.0
#include "host/quantize/file_params.h"

#include <cmath>

namespace openhb::quantize {

using graph::Node;
using graph::Value;

std::optional<std::vector<int64_t>> integers(const Value* v) {
  if (!v || !v->is_constant()) return std::nullopt;
  std::vector<int64_t> list;
  auto take = [&]<class T>(std::span<const T> data) { list.assign(data.begin(), data.end()); };
  switch (v->constant->dtype()) {
    case DType::i8:
      take(v->constant->data<int8_t>());
      return list;
    case DType::u8:
      take(v->constant->data<uint8_t>());
      return list;
    case DType::i16:
      take(v->constant->data<int16_t>());
      return list;
    case DType::i32:
      take(v->constant->data<int32_t>());
      return list;
    default:
      return std::nullopt;
  }
}

std::optional<std::vector<float>> floats(const Value* v) {
  if (!v || !v->is_constant() || v->constant->dtype() != DType::f32) return std::nullopt;
  const auto data = v->constant->data<float>();
  return std::vector<float>(data.begin(), data.end());
}

// Scale and zero point of a Q or DQ node as int8 (or int16) codes of the engine; nullopt where the engine has
// no such codes.
std::optional<LoadedParams::Entry> activation_params(const Node& node) {
  const auto scale = floats(node.input(1));
  if (!scale || scale->size() != 1 || !((*scale)[0] > 0) || !std::isfinite((*scale)[0])) return std::nullopt;
  const Value* zero = node.input(2);
  if (!zero) return LoadedParams::Entry{{*scale, {-128}, -1}, DType::i8};  // uint8, 0
  const auto codes = integers(zero);
  if (!codes || codes->size() != 1) return std::nullopt;
  const auto z = static_cast<int32_t>((*codes)[0]);
  switch (zero->constant->dtype()) {
    case DType::u8:
      return LoadedParams::Entry{{*scale, {z - 128}, -1}, DType::i8};
    case DType::i8:
      return LoadedParams::Entry{{*scale, {z}, -1}, DType::i8};
    case DType::i16:
      if (z != 0) return std::nullopt;
      return LoadedParams::Entry{{*scale, {0}, -1}, DType::i16};
    default:
      return std::nullopt;
  }
}

// The elements' channel along `axis`.
size_t channel_of(const Shape& shape, size_t axis, size_t element) {
  size_t inner = 1;
  for (size_t i = axis + 1; i < shape.size(); ++i) inner *= static_cast<size_t>(shape[i]);
  return element / inner % static_cast<size_t>(shape[axis]);
}

}  // namespace openhb::quantize
