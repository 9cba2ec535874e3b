// SPDX-License-Identifier: Apache-2.0
// Steps that sample or pool at computed positions, and determinants: naive computations in the order that
// docs/numerics.md defines.
#include <algorithm>

#include "device/kernels/sampling/sampling.h"

#include "tests/device/steps/harness.h"
#include "tests/device/steps/hostile.h"

namespace openhb::test {
namespace {

int64_t gap() { return chance(50) ? 0 : random_int(1, 5); }
size_t index_of(const Shape& shape, std::initializer_list<int64_t> at) { return flat(shape, Shape(at)); }

TEST(Resample, EqualsTheNaiveSum) {
  for (int round = 0; round < 100; ++round) {
    StepCase<ResampleParams> c;
    const auto rank = static_cast<size_t>(random_int(1, 4));
    const Tensor x = random_tensor(DType::f32, random_shape(rank, 9));
    const auto axis = static_cast<size_t>(random_int(0, static_cast<int64_t>(rank) - 1));
    Shape dims = x.shape();
    dims[axis] = random_int(1, 20);
    const int64_t taps = random_int(1, 6), out = dims[axis];
    Tensor source(DType::i32, {taps, out});
    const Tensor weights = random_tensor(DType::f32, {taps, out});
    for (int32_t& i : source.data<int32_t>())
      i = chance(10) ? -1 : static_cast<int32_t>(random_int(0, x.shape()[axis] - 1));
    c.params = {static_cast<int32_t>(axis), 2.5f};
    Tensor expected(DType::f32, dims);
    for_each_index(dims, [&](const Shape& at) {
      float sum = 0;
      for (int64_t t = 0; t < taps; ++t) {
        const auto k = static_cast<size_t>(t * out + at[axis]);
        if (source.data<int32_t>()[k] < 0) continue;
        Shape from = at;
        from[axis] = source.data<int32_t>()[k];
        sum = std::fma(x.data<float>()[flat(x.shape(), from)], weights.data<float>()[k], sum);
      }
      const bool outside = source.data<int32_t>()[static_cast<size_t>(at[axis])] < 0;
      expected.data<float>()[flat(dims, at)] = outside ? 2.5f : sum;
    });
    c.input(x, {}, gap()), c.constant(source), c.constant(weights), c.output(DType::f32, dims, {}, gap());
    expect_same<float>(expected, c.run_everywhere(), to_string(dims));
  }
}

// ---- GridSample ----

float reflected(float v, float lo, float hi) {
  if (hi <= lo) return lo;
  while (v < lo || v > hi) v = v < lo ? lo + (lo - v) : hi - (v - hi);
  return v;
}
struct Points {
  std::vector<int64_t> source;
  std::vector<float> weight;
};
// Neighbours of a coordinate; tested coordinates are multiples of 1/64 on extents up to 8: exact.
Points points_of(float g, int64_t extent, const GridSampleParams& p) {
  const auto n = static_cast<float>(extent);
  const float lo = p.align_corners != 0 ? 0.0f : -0.5f, hi = p.align_corners != 0 ? n - 1 : n - 0.5f;
  float v = p.align_corners != 0 ? (g + 1) / 2 * (n - 1) : ((g + 1) * n - 1) / 2;
  if (p.mode == SampleMode::nearest) v = std::nearbyint(v);
  if (p.padding == SamplePadding::border && p.mode != SampleMode::cubic && (v < lo || v > hi))
    v = std::clamp(v, 0.0f, n - 1);
  if (p.padding == SamplePadding::reflection) v = reflected(v, lo, hi);
  const auto fold = [&](float at) -> int64_t {
    if (at >= 0 && at < n) return static_cast<int64_t>(at);
    if (p.padding == SamplePadding::zeros) return -1;
    if (p.padding == SamplePadding::reflection) at = std::nearbyint(reflected(at, lo, hi));
    return static_cast<int64_t>(std::clamp(at, 0.0f, n - 1));
  };
  if (p.mode == SampleMode::nearest) return {{fold(std::nearbyint(v))}, {1.0f}};
  const float first = std::floor(v), t = v - first;
  if (p.mode == SampleMode::linear) return {{fold(first), fold(first + 1)}, {first + 1 - v, t}};
  const auto cubic = [](float d) {
    constexpr float a = -0.75f;
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  };
  return {{fold(first - 1), fold(first), fold(first + 1), fold(first + 2)},
          {cubic(t + 1), cubic(t), cubic(1 - t), cubic(2 - t)}};
}

// `real` and `code` convert elements.
template <class T, class Real, class Code>
void test_grid_sample(DType dtype, bool cubic, const QuantParams& quant, Real real, Code code) {
  for (int round = 0; round < 80; ++round) {
    StepCase<GridSampleParams> c;
    c.params.mode = static_cast<SampleMode>(random_int(0, cubic ? 2 : 1));
    c.params.padding = static_cast<SamplePadding>(random_int(0, 2));
    c.params.align_corners = chance(50) ? 1 : 0;
    const size_t n = chance(70) ? 2 : 3;
    Shape x_shape{random_int(1, 2)}, y_shape = x_shape;
    for (size_t i = 0; i < n; ++i) x_shape.push_back(random_int(1, 8)), y_shape.push_back(random_int(1, 5));
    const int64_t channels = chance(30) ? random_int(1, 40) : random_int(1, 5);
    x_shape.push_back(channels), y_shape.push_back(channels);
    Shape grid_shape = y_shape;
    grid_shape.back() = static_cast<int64_t>(n);
    const Tensor x = random_tensor(dtype, x_shape);
    Tensor grid(DType::f32, grid_shape);
    for (float& g : grid.data<float>()) g = static_cast<float>(random_int(-160, 160)) / 64;
    Tensor expected(dtype, y_shape);
    for_each_index(y_shape, [&](const Shape& at) {
      std::vector<Points> axes;  // outermost dimension first
      for (size_t k = 0; k < n; ++k) {
        Shape g = at;
        g.back() = static_cast<int64_t>(n - 1 - k);
        axes.push_back(points_of(grid.data<float>()[flat(grid_shape, g)], x_shape[k + 1], c.params));
      }
      const auto read = [&](const Shape& from) {
        return std::ranges::any_of(from, [](int64_t i) { return i < 0; })
                   ? 0.0f
                   : real(x.data<T>()[flat(x_shape, from)]);
      };
      const std::function<float(size_t, Shape)> sum = [&](size_t k, Shape from) {
        if (k == n) {
          from.push_back(at.back());
          return read(from);
        }
        float total = 0;
        for (size_t i = 0; i < axes[k].source.size(); ++i) {
          Shape next = from;
          next.push_back(axes[k].source[i]);
          const float part = axes[k].weight[i] * sum(k + 1, next);
          total += part;
        }
        return total;
      };
      if (c.params.mode == SampleMode::nearest) {
        Shape from{at[0]};
        for (const Points& p : axes) from.push_back(p.source[0]);
        from.push_back(at.back());
        const bool outside = std::ranges::any_of(from, [](int64_t i) { return i < 0; });
        expected.data<T>()[flat(y_shape, at)] = outside ? code(0.0f) : x.data<T>()[flat(x_shape, from)];
      } else {
        expected.data<T>()[flat(y_shape, at)] = code(sum(0, {at[0]}));
      }
    });
    c.input(x, quant, gap()), c.input(grid, {}, gap()), c.output(dtype, y_shape, quant, gap());
    expect_same<T>(expected, c.run_everywhere(),
                   fmt::format("mode {}, padding {}", static_cast<int>(c.params.mode),
                               static_cast<int>(c.params.padding)));
  }
}

TEST(GridSample, EqualsTheNaiveSum) {
  test_grid_sample<float>(DType::f32, true, {}, [](float v) { return v; }, [](float v) { return v; });
  const QuantParams q8{{0.125f}, {-7}, -1}, q16{{0.0078125f}, {0}, -1};
  test_grid_sample<int8_t>(
      DType::i8, false, q8, [&](int8_t q) { return static_cast<float>(q + 7) * 0.125f; },
      [&](float v) {
        return static_cast<int8_t>(std::clamp(std::nearbyint(v / 0.125f) - 7, -128.0f, 127.0f));
      });
  test_grid_sample<int16_t>(
      DType::i16, false, q16, [&](int16_t q) { return static_cast<float>(q) * 0.0078125f; },
      [&](float v) {
        return static_cast<int16_t>(std::clamp(std::nearbyint(v / 0.0078125f), -32768.0f, 32767.0f));
      });
}

// ---- Roi ----

TEST(Roi, AlignEqualsTheNaiveSum) {
  for (int round = 0; round < 60; ++round) {
    StepCase<RoiParams> c;
    const int64_t images = random_int(1, 3), h = random_int(1, 9), w = random_int(1, 9),
                  channels = random_int(1, 6);
    const int64_t boxes = random_int(1, 4), rows = random_int(1, 4), columns = random_int(1, 4);
    c.params = {chance(50) ? RoiMode::align_average : RoiMode::align_max, 0.5f,
                static_cast<int32_t>(random_int(0, 3)), chance(50) ? 1 : 0};
    const Tensor x = random_tensor(DType::f32, {images, h, w, channels});
    Tensor rois(DType::f32, {boxes, 4}), numbers(DType::i64, {boxes});
    for (float& v : rois.data<float>()) v = random_float(-4, 24);
    for (int64_t& v : numbers.data<int64_t>()) v = random_int(0, images - 1);
    const Shape dims{boxes, rows, columns, channels};
    Tensor expected(DType::f32, dims);
    for_each_index(dims, [&](const Shape& at) {
      const float* roi = &rois.data<float>()[static_cast<size_t>(at[0] * 4)];
      const float offset = c.params.half_pixel != 0 ? 0.5f : 0.0f;
      struct Span {
        float start, bin;
        int64_t samples;
      };
      const auto span = [&](float from, float to, int64_t bins) {
        const float a = from * c.params.scale - offset, b = to * c.params.scale - offset;
        const float extent = c.params.half_pixel != 0 ? b - a : std::max(b - a, 1.0f);
        const float bin = extent / static_cast<float>(bins);
        const auto own = static_cast<int64_t>(std::max(std::ceil(bin), 0.0f));
        return Span{a, bin, c.params.sampling > 0 ? c.params.sampling : own};
      };
      const Span sy = span(roi[1], roi[3], rows), sx = span(roi[0], roi[2], columns);
      float sum = 0;
      bool first = true;
      for (int64_t i = 0; i < sy.samples; ++i)
        for (int64_t j = 0; j < sx.samples; ++j) {
          const auto position = [](const Span& s, int64_t bin, int64_t k) {
            const float step = static_cast<float>(bin) * s.bin;
            const float inside = (static_cast<float>(k) + 0.5f) * s.bin / static_cast<float>(s.samples);
            return s.start + step + inside;
          };
          float py = position(sy, at[1], i), px = position(sx, at[2], j);
          float part[4] = {};
          if (py >= -1 && py <= static_cast<float>(h) && px >= -1 && px <= static_cast<float>(w)) {
            py = std::clamp(py, 0.0f, static_cast<float>(h - 1));
            px = std::clamp(px, 0.0f, static_cast<float>(w - 1));
            const auto y0 = static_cast<int64_t>(py), x0 = static_cast<int64_t>(px);
            const int64_t y1 = std::min(y0 + 1, h - 1), x1 = std::min(x0 + 1, w - 1);
            const float ly = py - static_cast<float>(y0), lx = px - static_cast<float>(x0);
            const int64_t image = numbers.data<int64_t>()[static_cast<size_t>(at[0])];
            const auto v = [&](int64_t r, int64_t k) {
              return x.data<float>()[index_of(x.shape(), {image, r, k, at[3]})];
            };
            const float hy = 1 - ly, hx = 1 - lx;
            const float w00 = hy * hx, w01 = hy * lx, w10 = ly * hx, w11 = ly * lx;
            part[0] = w00 * v(y0, x0), part[1] = w01 * v(y0, x1);
            part[2] = w10 * v(y1, x0), part[3] = w11 * v(y1, x1);
          }
          if (c.params.mode == RoiMode::align_average)
            sum += ((part[0] + part[1]) + part[2]) + part[3];
          else
            sum = std::max(first ? *std::ranges::max_element(part) : sum, *std::ranges::max_element(part));
          first = false;
        }
      if (c.params.mode == RoiMode::align_average)
        sum /= static_cast<float>(std::max<int64_t>(sy.samples * sx.samples, 1));
      expected.data<float>()[flat(dims, at)] = sum + 0.0f;
    });
    c.input(x, {}, gap()), c.input(rois, {}, gap()), c.input(numbers), c.output(DType::f32, dims, {}, gap());
    Tensor y = c.run_everywhere();
    for (float& v : y.data<float>()) v += 0.0f;  // max of zeros of both signs
    expect_same<float>(expected, y, "align");
  }
}

TEST(Roi, PoolEqualsTheNaiveMaximum) {
  for (int round = 0; round < 60; ++round) {
    StepCase<RoiParams> c;
    const int64_t images = random_int(1, 3), h = random_int(1, 9), w = random_int(1, 9),
                  channels = random_int(1, 6);
    const int64_t boxes = random_int(1, 4), rows = random_int(1, 4), columns = random_int(1, 4);
    c.params.mode = RoiMode::pool;
    c.params.scale = 0.5f;
    const Tensor x = random_tensor(DType::f32, {images, h, w, channels});
    Tensor rois(DType::f32, {boxes, 5});
    for (int64_t b = 0; b < boxes; ++b)
      for (int64_t k = 0; k < 5; ++k)
        rois.data<float>()[static_cast<size_t>(b * 5 + k)] =
            static_cast<float>(k == 0 ? random_int(0, images - 1) : random_int(-3, 22));
    const Shape dims{boxes, rows, columns, channels};
    Tensor expected(DType::f32, dims);
    for_each_index(dims, [&](const Shape& at) {
      const float* roi = &rois.data<float>()[static_cast<size_t>(at[0] * 5)];
      const auto bin = [&](float from, float to, int64_t k, int64_t bins, int64_t extent) {
        const float a = std::round(from * 0.5f), b = std::round(to * 0.5f);
        const float size = std::max(b - a + 1, 1.0f) / static_cast<float>(bins);
        const auto clip = [&](float v) {
          return static_cast<int64_t>(std::clamp(v, 0.0f, static_cast<float>(extent)));
        };
        return std::pair{clip(std::floor(static_cast<float>(k) * size) + a),
                         clip(std::ceil(static_cast<float>(k + 1) * size) + a)};
      };
      const auto [y0, y1] = bin(roi[2], roi[4], at[1], rows, h);
      const auto [x0, x1] = bin(roi[1], roi[3], at[2], columns, w);
      float most = y1 <= y0 || x1 <= x0 ? 0.0f : -std::numeric_limits<float>::infinity();
      for (int64_t i = y0; i < y1; ++i)
        for (int64_t j = x0; j < x1; ++j)
          most = std::max(most,
                          x.data<float>()[index_of(x.shape(), {static_cast<int64_t>(roi[0]), i, j, at[3]})]);
      expected.data<float>()[flat(dims, at)] = most;
    });
    c.input(x, {}, gap()), c.input(rois, {}, gap()), c.output(DType::f32, dims, {}, gap());
    expect_same<float>(expected, c.run_everywhere(), "pool");
  }
}

// ---- WindowPool ----

template <class T>
void test_window_pool(DType dtype, std::vector<WindowFunction> functions) {
  for (int round = 0; round < 80; ++round) {
    StepCase<WindowPoolParams> c;
    WindowPoolParams& p = c.params;
    p.function = functions[static_cast<size_t>(random_int(0, std::ssize(functions) - 1))];
    p.count_include_pad = chance(50) ? 1 : 0, p.column_major = chance(50) ? 1 : 0;
    const auto n = static_cast<size_t>(random_int(1, 3));
    Shape x_shape{random_int(1, 2)}, y_shape = x_shape;
    p.pads.assign(2 * n, 0);
    for (size_t i = 0; i < n; ++i) {
      p.kernel.push_back(random_int(1, 3)), p.stride.push_back(random_int(1, 3));
      p.dilation.push_back(random_int(1, 2));
      // At least one position of every window lies inside.
      const int64_t span = (p.kernel[i] - 1) * p.dilation[i] + 1;
      if (p.kernel[i] > 1 && p.dilation[i] == 1)
        p.pads[i] = random_int(0, 1), p.pads[n + i] = random_int(0, 1);
      x_shape.push_back(span + random_int(0, 5));
      const int64_t room = x_shape.back() + p.pads[i] + p.pads[n + i] - span;
      int64_t out = room / p.stride[i] + 1;
      if (chance(50) && p.dilation[i] == 1 && out * p.stride[i] < x_shape.back() + p.pads[i])
        ++out;  // ceil_mode
      y_shape.push_back(out);
    }
    const int64_t channels = chance(30) ? random_int(1, 40) : random_int(1, 5);
    x_shape.push_back(channels), y_shape.push_back(channels);
    const bool position = p.function == WindowFunction::position,
               average = p.function == WindowFunction::average;
    const QuantParams qx = average && dtype == DType::i8 ? QuantParams{{0.25f}, {5}, -1} : QuantParams{},
                      qy = average && dtype == DType::i8 ? QuantParams{{0.125f}, {-9}, -1} : QuantParams{};
    Tensor x = random_tensor(dtype, x_shape);
    Tensor expected(position ? DType::i64 : dtype, y_shape);
    for_each_index(y_shape, [&](const Shape& at) {
      float sum = 0;
      T most = 0;
      int64_t valid = 0, padded = 0, where = 0;
      for_each_index(p.kernel, [&](const Shape& k) {
        Shape from = at;
        bool inside = true, counted = true;
        for (size_t i = 0; i < n; ++i) {
          from[i + 1] = at[i + 1] * p.stride[i] - p.pads[i] + k[i] * p.dilation[i];
          inside = inside && from[i + 1] >= 0 && from[i + 1] < x_shape[i + 1];
          counted = counted && from[i + 1] < x_shape[i + 1] + p.pads[n + i];
        }
        padded += counted ? 1 : 0;
        if (!inside) return;
        const T v = x.data<T>()[flat(x_shape, from)];
        sum += average && dtype == DType::i8 ? 0.25f * (static_cast<float>(v) - 5) : static_cast<float>(v);
        if (valid++ == 0 || v > most) {
          most = v, where = at[0] * channels + at.back();
          for (size_t i = 0; i < n; ++i) where *= x_shape[i + 1];
          int64_t in_plane = 0;
          for (size_t i = 0; i < n; ++i) {
            const size_t d = p.column_major != 0 ? n - i : i + 1;
            in_plane = in_plane * x_shape[d] + from[d];
          }
          where += in_plane;
        }
      });
      const size_t to = flat(y_shape, at);
      const float mean = sum / static_cast<float>(p.count_include_pad != 0 ? padded : valid);
      if (position)
        expected.data<int64_t>()[to] = where;
      else if (p.function == WindowFunction::max)
        expected.data<T>()[to] = most;
      else if (dtype == DType::i8)
        expected.data<T>()[to] =
            static_cast<T>(std::clamp(std::nearbyint(mean / 0.125f + 119.0f), 0.0f, 255.0f) - 128);
      else
        expected.data<T>()[to] = static_cast<T>(average ? mean : sum);
    });
    c.input(x, qx, gap()), c.output(expected.dtype(), y_shape, qy, gap());
    const Tensor y = c.run_everywhere();
    unify_nans(expected);
    EXPECT_TRUE(std::ranges::equal(expected.bytes(), y.bytes())) << static_cast<int>(p.function);
  }
}

TEST(WindowPool, EqualsTheNaiveLoop) {
  using enum WindowFunction;
  test_window_pool<float>(DType::f32, {max, average, sum, position});
  test_window_pool<int8_t>(DType::i8, {max, average, position});
  test_window_pool<uint8_t>(DType::u8, {max, position});
  test_window_pool<int16_t>(DType::i16, {max, position});
}

// ---- DeformSample, Det ----

TEST(DeformSample, EqualsTheNaiveSamples) {
  for (int round = 0; round < 60; ++round) {
    StepCase<DeformSampleParams> c;
    DeformSampleParams& p = c.params;
    p.kernel = {static_cast<int32_t>(random_int(1, 3)), static_cast<int32_t>(random_int(1, 3))};
    p.stride = {1, static_cast<int32_t>(random_int(1, 2))};
    p.dilation = {static_cast<int32_t>(random_int(1, 2)), 1};
    p.pads = {1, 0, 0, 1};
    p.groups = static_cast<int32_t>(random_int(1, 2)),
    p.offset_groups = static_cast<int32_t>(random_int(1, 2));
    const int64_t images = random_int(1, 2), h = random_int(1, 6), w = random_int(1, 6),
                  channels = 2 * random_int(1, 4), rows = random_int(1, 4), columns = random_int(1, 4);
    const int64_t kernel = int64_t{p.kernel[0]} * p.kernel[1], per_group = channels / p.groups;
    const Tensor x = random_tensor(DType::f32, {images, h, w, channels});
    const Tensor offsets =
        random_tensor(DType::f32, {images, rows, columns, p.offset_groups * kernel * 2}, 2);
    const Tensor factors = random_tensor(DType::f32, {images, rows, columns, p.offset_groups * kernel});
    const bool scaled = chance(50);
    const int64_t points = images * rows * columns;
    const Shape dims{p.groups, points, kernel * per_group};
    Tensor expected(DType::f32, dims);
    for_each_index(dims, [&](const Shape& at) {
      const int64_t k = at[2] / per_group, channel = at[0] * per_group + at[2] % per_group;
      const int64_t g = channel / (channels / p.offset_groups);
      const int64_t image = at[1] / columns / rows, row = at[1] / columns % rows, column = at[1] % columns;
      const auto offset = [&](int64_t i) {
        return offsets
            .data<float>()[index_of(offsets.shape(), {image, row, column, (g * kernel + k) * 2 + i})];
      };
      const float y =
          static_cast<float>(row * p.stride[0] - p.pads[0] + k / p.kernel[1] * p.dilation[0]) + offset(0);
      const float z =
          static_cast<float>(column * p.stride[1] - p.pads[1] + k % p.kernel[1] * p.dilation[1]) + offset(1);
      const float y0 = std::floor(y), x0 = std::floor(z), ly = y - y0, lx = z - x0, hy = 1 - ly, hx = 1 - lx;
      const float weights[] = {hy * hx, hy * lx, ly * hx, ly * lx};
      float sum = 0;
      for (int64_t i = 0; i < 4; ++i) {
        const int64_t r = static_cast<int64_t>(y0) + i / 2, s = static_cast<int64_t>(x0) + i % 2;
        if (r < 0 || r >= h || s < 0 || s >= w) continue;
        const float part = weights[i] * x.data<float>()[index_of(x.shape(), {image, r, s, channel})];
        sum += part;
      }
      if (scaled)
        sum *= factors.data<float>()[index_of(factors.shape(), {image, row, column, g * kernel + k})];
      expected.data<float>()[flat(dims, at)] = sum;
    });
    c.input(x, {}, gap()), c.input(offsets, {}, gap());
    if (scaled) c.input(factors, {}, gap());
    c.output(DType::f32, dims, {}, gap());
    expect_same<float>(expected, c.run_everywhere(), "samples");
  }
}

// Leibniz' formula in exact integers.
int64_t determinant(const std::vector<int64_t>& a, size_t n) {
  std::vector<size_t> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = i;
  int64_t sum = 0;
  do {
    int64_t term = 1;
    for (size_t i = 0; i < n; ++i) {
      term *= a[i * n + order[i]];
      for (size_t j = 0; j < i; ++j)
        if (order[j] > order[i]) term = -term;
    }
    sum += term;
  } while (std::ranges::next_permutation(order).found);
  return sum;
}
TEST(Det, IsTheDeterminant) {
  for (int round = 0; round < 60; ++round) {
    StepCase<DetParams> c;
    const int64_t n = random_int(1, 5);
    Shape batch = random_shape(static_cast<size_t>(random_int(0, 2)), 4), dims = batch;
    dims.insert(dims.end(), {n, n});
    Tensor x(DType::f32, dims);
    for (float& v : x.data<float>()) v = static_cast<float>(random_int(-4, 4));
    c.input(x, {}, gap()), c.output(DType::f32, batch, {}, gap());
    const Tensor y = c.run_everywhere();
    const auto size = static_cast<size_t>(n * n);
    for (size_t m = 0; m < y.size(); ++m) {
      std::vector<int64_t> a;
      for (size_t i = 0; i < size; ++i) a.push_back(static_cast<int64_t>(x.data<float>()[m * size + i]));
      // Elimination divides: a few units in the last place of binary64 vanish in float, except around 0.
      EXPECT_NEAR(y.data<float>()[m], static_cast<float>(determinant(a, static_cast<size_t>(n))), 1e-10);
    }
  }
}

TEST(HostileSampling, RefusedOrHarmless) {
  attack<ResampleParams>("Resample", [] {
    StepCase<ResampleParams> c;
    c.params.axis = static_cast<int32_t>(random_int(0, 2));
    c.input(random_tensor(DType::f32, {4, 4, 4}), {}, 1);
    Shape y{4, 4, 4};
    y[static_cast<size_t>(c.params.axis)] = 6;
    Tensor source(DType::i32, {2, 6});
    for (int32_t& v : source.data<int32_t>()) v = static_cast<int32_t>(random_int(-1, 3));
    c.constant(source), c.constant(random_tensor(DType::f32, {2, 6})), c.output(DType::f32, y, {}, 2);
    return c;
  });
  attack<GridSampleParams>("GridSample", [] {
    auto c = simple<GridSampleParams>({{DType::f32, {2, 4, 5, 3}}, {DType::f32, {2, 3, 2, 2}}}, DType::f32,
                                      {2, 3, 2, 3});
    for (int k = 0; k < 2; ++k) c.params.mode = static_cast<SampleMode>(random_int(0, 2));
    c.params.padding = static_cast<SamplePadding>(random_int(0, 2));
    return c;
  });
  attack<RoiParams>("Roi", [] {
    const bool pool = chance(50);
    auto c =
        pool ? simple<RoiParams>({{DType::f32, {2, 4, 5, 3}}, {DType::f32, {3, 5}}}, DType::f32, {3, 2, 2, 3})
             : simple<RoiParams>({{DType::f32, {2, 4, 5, 3}}, {DType::f32, {3, 4}}, {DType::i64, {3}}},
                                 DType::f32, {3, 2, 2, 3});
    c.params.mode = pool ? RoiMode::pool : RoiMode::align_average;
    c.params.sampling = 2;
    return c;
  });
  attack<WindowPoolParams>("WindowPool", [] {
    auto c = simple<WindowPoolParams>({{DType::i8, {1, 4, 6, 7, 5}}}, DType::i8, {1, 4, 6, 7, 5});
    c.params.kernel = {3, 3, 3}, c.params.stride = c.params.dilation = {1, 1, 1};
    c.params.pads = {1, 1, 1, 1, 1, 1};
    c.params.function = chance(50) ? WindowFunction::max : WindowFunction::average;
    return c;
  });
  attack<DeformSampleParams>("DeformSample", [] {
    auto c = simple<DeformSampleParams>(
        {{DType::f32, {1, 4, 5, 4}}, {DType::f32, {1, 2, 3, 16}}, {DType::f32, {1, 2, 3, 8}}}, DType::f32,
        {2, 6, 8});
    c.params.kernel = {2, 2};
    c.params.groups = 2, c.params.offset_groups = 2;
    return c;
  });
  attack<DetParams>("Det", [] { return simple<DetParams>({{DType::f32, {3, 4, 4}}}, DType::f32, {3}); });
}

}  // namespace
}  // namespace openhb::test
