// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/sample.h"

#include <algorithm>
#include <cmath>

#include "common/image/yuv.h"
#include "common/math/half.h"
#include "host/passes/preprocess.h"

namespace openhb::compiler {
namespace {

uint8_t pixel_of(float v) { return static_cast<uint8_t>(std::clamp(std::nearbyint(v), 0.0f, 255.0f)); }

// [N, A, B, C] <-> [N, C, A, B].
template <class T>
Tensor reordered(const Tensor& from, bool to_nhwc) {
  const Shape& s = from.shape();
  Tensor to(from.dtype(), to_nhwc ? Shape{s[0], s[2], s[3], s[1]} : Shape{s[0], s[3], s[1], s[2]});
  const auto n = static_cast<size_t>(s[0]), channels = static_cast<size_t>(s[to_nhwc ? 1 : 3]);
  const size_t plane = n * channels == 0 ? 0 : from.size() / n / channels;
  const T* in = reinterpret_cast<const T*>(from.bytes().data());
  T* out = reinterpret_cast<T*>(to.bytes().data());
  for (size_t i = 0; i < n; ++i)
    for (size_t c = 0; c < channels; ++c)
      for (size_t p = 0; p < plane; ++p) {
        const size_t nchw = (i * channels + c) * plane + p, nhwc = (i * plane + p) * channels + c;
        out[to_nhwc ? nhwc : nchw] = in[to_nhwc ? nchw : nhwc];
      }
  return to;
}

// Float numbers as another element type: whole ones rounded to even and clamped.
Tensor converted(Tensor t, DType dtype) {
  if (dtype == DType::f32) return t;
  Tensor result(dtype, t.shape());
  const auto from = t.data<float>();
  const auto each = [&]<class T>(T, auto value) {
    T* to = reinterpret_cast<T*>(result.bytes().data());
    for (size_t i = 0; i < from.size(); ++i) to[i] = value(from[i]);
  };
  const auto whole = [&]<class T>(T zero) {
    each(zero, [](float v) {
      const double r = std::nearbyint(static_cast<double>(v));
      if (r <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
      if (r >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
      return static_cast<T>(r);
    });
  };
  switch (dtype) {
    case DType::f64:
      each(double{}, [](float v) { return static_cast<double>(v); });
      break;
    case DType::f16:
      each(uint16_t{}, [](float v) { return math::float_to_half(v); });
      break;
    case DType::boolean:
      each(uint8_t{}, [](float v) { return static_cast<uint8_t>(v != 0); });
      break;
    case DType::i8:
      whole(int8_t{});
      break;
    case DType::u8:
      whole(uint8_t{});
      break;
    case DType::i16:
      whole(int16_t{});
      break;
    case DType::u16:
      whole(uint16_t{});
      break;
    case DType::i32:
      whole(int32_t{});
      break;
    case DType::u32:
      whole(uint32_t{});
      break;
    case DType::i64:
      whole(int64_t{});
      break;
    default:
      whole(uint64_t{});
  }
  return result;
}

bool is_yuv(InputKind kind) { return kind == InputKind::yuv444 || kind == InputKind::nv12; }

// Channels of a picture in the order of run time, unless that needs arithmetic.
Tensor in_run_time_order(const config::InputConfig& input, const Tensor& sample) {
  const auto order = passes::colour_order(input.kind_train, input.kind_rt);
  const size_t channels = order.size();
  const size_t plane = input.nhwc_train ? 1 : static_cast<size_t>(sample.shape()[2] * sample.shape()[3]);
  Tensor moved(DType::f32, sample.shape());
  const auto from = sample.data<float>();
  auto to = moved.data<float>();
  for (size_t i = 0; i < from.size(); ++i) {
    const size_t c = i / plane % channels;
    to[i + order[c] * plane - c * plane] = from[i];
  }
  return moved;
}

// A picture as bytes in run-time colours, N, H, W, C; nv12 still with a chroma pair for each pixel.
Tensor full_bytes(const config::InputConfig& input, const Tensor& sample) {
  const bool arithmetic = is_yuv(input.kind_rt) && !is_yuv(input.kind_train);
  const Tensor pixels =
      in_layout(arithmetic ? sample : in_run_time_order(input, sample), input.nhwc_train, true);
  Tensor bytes(DType::u8, pixels.shape());
  const auto from = pixels.data<float>();
  const auto to = bytes.data<uint8_t>();
  std::transform(from.begin(), from.end(), to.begin(), pixel_of);
  if (!arithmetic) return bytes;
  const size_t red = input.kind_train == InputKind::bgr ? 2 : 0;
  for (size_t i = 0; i + 2 < to.size(); i += 3) {
    const auto yuv = yuv_of(to[i + red], to[i + 1], to[i + 2 - red], input.bt601_video);
    std::copy(yuv.begin(), yuv.end(), to.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return bytes;
}

bool has_layout(const config::InputConfig& input, const Shape& shape, bool nhwc) {
  return shape.size() == 4 && shape[nhwc ? 3 : 1] == (input.kind_train == InputKind::gray ? 1 : 3);
}

}  // namespace

Tensor in_layout(Tensor t, bool is_nhwc, bool wanted_nhwc) {
  if (is_nhwc == wanted_nhwc || t.rank() != 4) return t;
  switch (dtype_size(t.dtype())) {
    case 1:
      return reordered<uint8_t>(t, wanted_nhwc);
    case 2:
      return reordered<uint16_t>(t, wanted_nhwc);
    case 4:
      return reordered<uint32_t>(t, wanted_nhwc);
    default:
      return reordered<uint64_t>(t, wanted_nhwc);
  }
}

Shape sample_shape(const config::InputConfig& input, const graph::Value& value) {
  const Shape& s = value.shape;
  if (input.kind_rt != InputKind::nv12 || has_layout(input, s, input.nhwc_train) ||
      !has_layout(input, s, !input.nhwc_train))
    return s;
  return input.nhwc_train ? Shape{s[0], s[2], s[3], s[1]} : Shape{s[0], s[3], s[1], s[2]};
}

Tensor graph_input(const config::InputConfig& input, Tensor sample, const graph::Value& value) {
  if (input.kind_rt == InputKind::featuremap) return converted(std::move(sample), value.dtype);
  if (!is_yuv(input.kind_rt) || input.kind_rt == input.kind_train) {  // as fine as the sample
    Tensor moved = in_run_time_order(input, sample);
    for (float& v : moved.data<float>()) v -= 128.0f;
    return moved;
  }
  Tensor bytes = full_bytes(input, sample);
  if (input.kind_rt == InputKind::nv12) bytes = yuv444_from_nv12(nv12_from_yuv444(bytes));
  Tensor centred(DType::f32, bytes.shape());
  std::ranges::transform(bytes.data<uint8_t>(), centred.data<float>().begin(),
                         [](uint8_t v) { return static_cast<float>(v) - 128.0f; });
  const bool as_trained = sample_shape(input, value) == value.shape;
  return in_layout(std::move(centred), true, as_trained ? input.nhwc_train : !input.nhwc_train);
}

Tensor program_input(const config::InputConfig& input, Tensor sample, const graph::Value& value) {
  if (input.kind_rt == InputKind::featuremap)
    return in_layout(converted(std::move(sample), value.dtype), input.nhwc_train, input.nhwc_rt);
  Tensor bytes = full_bytes(input, sample);
  if (input.kind_rt == InputKind::nv12) return nv12_from_yuv444(bytes);
  return in_layout(std::move(bytes), true, input.nhwc_rt);
}

}  // namespace openhb::compiler
