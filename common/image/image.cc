// SPDX-License-Identifier: Apache-2.0
#include "common/image/image.h"

#include <algorithm>
#include <array>

#include "common/image/yuv.h"

namespace openhb {
namespace {

struct Pixel {
  uint8_t r, g, b;
};

std::array<uint8_t, 3> components(Pixel p, InputKind kind, bool bt601_video) {
  switch (kind) {
    case InputKind::rgb:
      return {p.r, p.g, p.b};
    case InputKind::bgr:
      return {p.b, p.g, p.r};
    default:
      return yuv_of(p.r, p.g, p.b, bt601_video);  // gray: the luma of it
  }
}

// Where output index o of `out` reads from `in` samples: neighbours `first`, `second`, weight of the second
// in 1/2048.
struct Tap {
  int first, second;
  int32_t weight;
};

std::vector<Tap> make_taps(int in, int out) {
  std::vector<Tap> taps(static_cast<size_t>(out));
  for (int64_t o = 0; o < out; ++o) {
    // ((o + 1/2) * in / out - 1/2) * 2048, rounded half up, clamped to the centres of the outer samples.
    const int64_t centre = ((2 * o + 1) * in * 2048 + out) / (2 * int64_t{out}) - 1024;
    const int64_t position = std::clamp<int64_t>(centre, 0, (int64_t{in} - 1) * 2048);
    const int first = static_cast<int>(position >> 11);
    taps[static_cast<size_t>(o)] = {first, std::min(first + 1, in - 1),
                                    static_cast<int32_t>(position & 2047)};
  }
  return taps;
}

void check(const Image& image) {
  const bool sound = image.width > 0 && image.height > 0 && (image.channels == 1 || image.channels == 3) &&
                     image.pixels.size() == static_cast<size_t>(image.width) *
                                                static_cast<size_t>(image.height) *
                                                static_cast<size_t>(image.channels);
  if (!sound)
    fail(ErrorCode::internal, "a picture of {} x {} x {} holds {} bytes", image.width, image.height,
         image.channels, image.pixels.size());
}

}  // namespace

// y = (sum over the four neighbours of wy * wx * p + 2^21) >> 22 with weights in 1/2048: no intermediate
// rounding, so the order of the two directions does not matter. Shrinking does not average beyond the four
// neighbours.
Image resize_bilinear(const Image& image, int width, int height) {
  check(image);
  if (width <= 0 || height <= 0)
    fail(ErrorCode::internal, "cannot resize a picture to {} x {}", width, height);
  if (width == image.width && height == image.height) return image;

  const auto channels = static_cast<size_t>(image.channels);
  const std::vector<Tap> columns = make_taps(image.width, width), rows = make_taps(image.height, height);
  const size_t row_values = static_cast<size_t>(width) * channels;

  const auto stretch = [&](int y, std::vector<int32_t>& out) {
    const uint8_t* row =
        image.pixels.data() + static_cast<size_t>(y) * static_cast<size_t>(image.width) * channels;
    int32_t* value = out.data();
    for (const Tap& tap : columns) {
      const uint8_t* a = row + static_cast<size_t>(tap.first) * channels;
      const uint8_t* b = row + static_cast<size_t>(tap.second) * channels;
      for (size_t c = 0; c < channels; ++c) *value++ = a[c] * (2048 - tap.weight) + b[c] * tap.weight;
    }
  };

  Image result{width, height, image.channels, std::vector<uint8_t>(row_values * static_cast<size_t>(height))};
  std::vector<int32_t> first(row_values), second(row_values);
  int first_y = -1, second_y = -1;  // the source rows that the two buffers hold
  uint8_t* out = result.pixels.data();
  for (const Tap& tap : rows) {
    if (tap.first == second_y) {
      std::swap(first, second);
      std::swap(first_y, second_y);
    }
    if (tap.first != first_y) stretch(first_y = tap.first, first);
    if (tap.second != second_y) stretch(second_y = tap.second, second);
    for (size_t i = 0; i < row_values; ++i) {
      const int32_t sum = first[i] * (2048 - tap.weight) + second[i] * tap.weight;  // at most 255 * 2^22
      *out++ = static_cast<uint8_t>((sum + (1 << 21)) >> 22);
    }
  }
  return result;
}

Tensor image_to_tensor(const Image& image, InputKind kind, bool nhwc, bool bt601_video) {
  check(image);
  if (kind == InputKind::featuremap)
    fail(ErrorCode::internal, "a picture cannot become a tensor of this input type");
  if (kind == InputKind::nv12)
    return nv12_from_yuv444(image_to_tensor(image, InputKind::yuv444, true, bt601_video));
  const size_t channels = kind == InputKind::gray ? 1 : 3;
  const size_t plane = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  const auto c = static_cast<int64_t>(channels);
  Tensor tensor(DType::u8,
                nhwc ? Shape{1, image.height, image.width, c} : Shape{1, c, image.height, image.width});
  const std::span<uint8_t> out = tensor.data<uint8_t>();
  const uint8_t* in = image.pixels.data();
  for (size_t i = 0; i < plane; ++i, in += image.channels) {
    // A grey picture's luma is its own value: the coefficients sum to 65536.
    const Pixel pixel = image.channels == 3 ? Pixel{in[0], in[1], in[2]} : Pixel{in[0], in[0], in[0]};
    const std::array<uint8_t, 3> values = components(pixel, kind, bt601_video);
    for (size_t k = 0; k < channels; ++k) out[nhwc ? i * channels + k : k * plane + i] = values[k];
  }
  return tensor;
}

}  // namespace openhb
