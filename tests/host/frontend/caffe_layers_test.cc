// SPDX-License-Identifier: Apache-2.0
// Caffe layers against plain computations of what Caffe's documentation and sources say.
#include <algorithm>
#include <numeric>

#include "tests/host/frontend/caffe_case.h"

namespace openhb::test {
namespace {

TEST(CaffeConvolution, EqualsTheNaiveSum) {
  for (int round = 0; round < 30; ++round) {
    CaffeCase c;
    const bool depthwise = pick(0, 3) == 0;
    const int64_t group = pick(1, 3), channels = group * pick(1, 3),
                  outputs = depthwise ? channels : group * pick(1, 3);
    const int64_t groups = depthwise ? channels : group;
    const int64_t kh = pick(1, 3), kw = pick(1, 3), sh = pick(1, 2), sw = pick(1, 3), ph = pick(0, 2),
                  pw = pick(0, 2), d = pick(1, 2);
    const bool bias = pick(0, 1) == 1;
    const Tensor x = c.input("x", noise({pick(1, 2), channels, pick(6, 9), pick(6, 9)}));
    c.layer(
        depthwise ? "ConvolutionDepthwise" : "Convolution", "conv", "x", "y",
        fmt::format(
            "convolution_param {{ num_output: {} group: {} kernel_h: {} kernel_w: {} stride_h: {} stride_w: "
            "{} pad_h: {} pad_w: {} dilation: {} bias_term: {} weight_filler {{ type: \"msra\" }} }}",
            outputs, depthwise ? 1 : group, kh, kw, sh, sw, ph, pw, d, bias));
    const Tensor w = c.blob("conv", noise({outputs, channels / groups, kh, kw}));
    const Tensor b = bias ? c.blob("conv", noise({outputs})) : Tensor(DType::f32, {outputs});
    const int64_t h = (x.shape()[2] + 2 * ph - d * (kh - 1) - 1) / sh + 1,
                  wd = (x.shape()[3] + 2 * pw - d * (kw - 1) - 1) / sw + 1;
    const Tensor expected =
        each({x.shape()[0], outputs, h, wd}, [&](int64_t n, int64_t o, int64_t i, int64_t j) {
          float sum = b.data<float>()[static_cast<size_t>(o)];
          const int64_t in_group = channels / groups, g = o / (outputs / groups);
          for (int64_t k = 0; k < in_group; ++k)
            for (int64_t u = 0; u < kh; ++u)
              for (int64_t v = 0; v < kw; ++v) {
                const int64_t row = i * sh - ph + u * d, column = j * sw - pw + v * d;
                if (row >= 0 && row < x.shape()[2] && column >= 0 && column < x.shape()[3])
                  sum += at(w, o, k, u, v) * at(x, n, g * in_group + k, row, column);
              }
          return sum;
        });
    expect_near(expected, c.only(), "convolution");
  }
}

TEST(CaffeConvolution, SeveralBottomsShareWeights) {
  CaffeCase c;
  const Tensor a = c.input("a", noise({1, 1, 3, 3})), b = c.input("b", noise({1, 1, 2, 2}));
  c.layer("Convolution", "conv", "a b", "ya yb",
          "convolution_param { num_output: 1 kernel_size: 1 bias_term: false }");
  c.blob("conv", tensor_of({1, 1, 1, 1}, {2}));
  const auto y = c.run();
  expect_near(map(a, [](float v) { return 2 * v; }), y.at("ya"), "first");
  expect_near(map(b, [](float v) { return 2 * v; }), y.at("yb"), "second");
}

TEST(CaffeDeconvolution, ScattersEveryElement) {
  for (int round = 0; round < 20; ++round) {
    CaffeCase c;
    const int64_t group = pick(1, 2), channels = 2 * group, outputs = group * pick(1, 2), k = pick(2, 4),
                  s = pick(1, 2), p = pick(0, 1);
    const Tensor x = c.input("x", noise({1, channels, 3, 4}));
    c.layer("Deconvolution", "up", "x", "y",
            fmt::format("convolution_param {{ num_output: {} group: {} kernel_size: {} stride: {} pad: {} }}",
                        outputs, group, k, s, p));
    const Tensor w = c.blob("up", noise({channels, outputs / group, k, k})),
                 b = c.blob("up", noise({outputs}));
    const Shape shape{1, outputs, s * 2 + k - 2 * p, s * 3 + k - 2 * p};
    const Tensor expected = each(shape, [&](int64_t, int64_t o, int64_t i, int64_t j) {
      float sum = b.data<float>()[static_cast<size_t>(o)];
      const int64_t each_out = outputs / group, g = o / each_out;
      for (int64_t ic = g * 2; ic < g * 2 + 2; ++ic)
        for (int64_t h = 0; h < 3; ++h)
          for (int64_t v = 0; v < 4; ++v) {
            const int64_t u = i + p - h * s, t = j + p - v * s;
            if (u >= 0 && u < k && t >= 0 && t < k) sum += at(x, 0, ic, h, v) * at(w, ic, o % each_out, u, t);
          }
      return sum;
    });
    const Tensor y = c.only();
    SKIP_IF_LACKING(c);
    expect_near(expected, y, "deconvolution");
  }
}

TEST(CaffeInnerProduct, AxisAndTranspose) {
  for (const bool transpose : {false, true})
    for (const int axis : {1, 2, -1}) {
      CaffeCase c;
      const Tensor x = c.input("x", noise({2, 3, 4}));
      const int64_t rows = axis == 1 ? 2 : 6, columns = axis == 1 ? 12 : 4, outputs = 5;
      c.layer("InnerProduct", "fc", "x", "y",
              fmt::format("inner_product_param {{ num_output: 5 axis: {} transpose: {} }}", axis, transpose));
      const Tensor w = c.blob("fc", noise(transpose ? Shape{columns, outputs} : Shape{outputs, columns}));
      const Tensor b = c.blob("fc", noise({1, 1, 1, outputs}));  // as old files have it
      Tensor expected(DType::f32, axis == 1 ? Shape{2, 5} : Shape{2, 3, 5});
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t o = 0; o < outputs; ++o) {
          float sum = b.data<float>()[static_cast<size_t>(o)];
          for (int64_t k = 0; k < columns; ++k)
            sum += x.data<float>()[static_cast<size_t>(r * columns + k)] *
                   w.data<float>()[static_cast<size_t>(transpose ? k * outputs + o : o * columns + k)];
          expected.data<float>()[static_cast<size_t>(r * outputs + o)] = sum;
        }
      expect_near(expected, c.only(), "inner product");
    }
}

TEST(CaffeEmbed, LooksUpRows) {
  CaffeCase c;
  c.input("x", tensor_of({2, 2}, {2, 0, 1, 2}));
  c.layer("Embed", "embed", "x", "y", "embed_param { input_dim: 3 num_output: 2 }");
  c.blob("embed", tensor_of({3, 2}, {1, 2, 3, 4, 5, 6}));
  c.blob("embed", tensor_of({2}, {10, 20}));
  expect_near(tensor_of({2, 2, 2}, {15, 26, 11, 22, 13, 24, 15, 26}), c.only(), "embed");
}

struct PoolCase {
  int64_t k, s, p;
  bool average;
  bool floor = false;
};

// Caffe's PoolingLayer, literally.
Tensor naive_pool(const Tensor& x, const PoolCase& p) {
  const auto extent = [&](int64_t in) {
    const double windows = static_cast<double>(in + 2 * p.p - p.k) / static_cast<double>(p.s);
    auto n = static_cast<int64_t>(p.floor ? std::floor(windows) : std::ceil(windows)) + 1;
    if (p.p > 0 && (n - 1) * p.s >= in + p.p) --n;
    return n;
  };
  const int64_t height = x.shape()[2], width = x.shape()[3];
  return each({x.shape()[0], x.shape()[1], extent(height), extent(width)},
              [&](int64_t n, int64_t c, int64_t i, int64_t j) {
                int64_t h0 = i * p.s - p.p, w0 = j * p.s - p.p;
                int64_t h1 = std::min(h0 + p.k, height + (p.average ? p.p : 0)),
                        w1 = std::min(w0 + p.k, width + (p.average ? p.p : 0));
                const auto count = static_cast<float>((h1 - h0) * (w1 - w0));
                h0 = std::max<int64_t>(h0, 0), w0 = std::max<int64_t>(w0, 0);
                h1 = std::min(h1, height), w1 = std::min(w1, width);
                float sum = 0, max = -INFINITY;
                for (int64_t h = h0; h < h1; ++h)
                  for (int64_t w = w0; w < w1; ++w)
                    sum += at(x, n, c, h, w), max = std::max(max, at(x, n, c, h, w));
                return p.average ? sum / count : max;
              });
}

TEST(CaffePooling, RoundsAndAveragesAsCaffe) {
  for (int64_t k = 1; k <= 4; ++k)
    for (int64_t s = 1; s <= k; ++s)
      for (int64_t p = 0; p < k; ++p)
        for (const bool average : {false, true})
          for (const int64_t extent : {5, 6, 7, 8}) {
            const PoolCase spec{k, s, p, average, pick(0, 4) == 0};
            CaffeCase c;
            const Tensor x = c.input("x", noise({1, 2, extent, extent + 1}));
            c.layer("Pooling", "pool", "x", "y",
                    fmt::format("pooling_param {{ pool: {} kernel_size: {} stride: {} pad: {} {} }}",
                                average ? "AVE" : "MAX", k, s, p, spec.floor ? "round_mode: FLOOR" : ""));
            expect_near(naive_pool(x, spec), c.only(),
                        fmt::format("pool k {} s {} p {} {}", k, s, p, average));
          }
}

// A window larger than the data is cut to it.
TEST(CaffePooling, WindowsLargerThanTheData) {
  for (const bool average : {false, true})
    for (const int64_t pad : {0, 1}) {
      const PoolCase spec{8, 4, pad, average};
      CaffeCase c;
      const Tensor x = c.input("x", noise({1, 2, 5, 6}));
      c.layer("Pooling", "pool", "x", "y",
              fmt::format("pooling_param {{ pool: {} kernel_size: 8 stride: 4 pad: {} }}",
                          average ? "AVE" : "MAX", pad));
      expect_near(naive_pool(x, spec), c.only(), fmt::format("pad {} {}", pad, average));
    }
}

TEST(CaffePooling, Global) {
  for (const bool average : {true, false}) {
    CaffeCase c;
    const Tensor x = c.input("x", noise({2, 3, 5, 4}));
    c.layer("Pooling", "pool", "x", "y",
            fmt::format("pooling_param {{ pool: {} global_pooling: true }}", average ? "AVE" : "MAX"));
    const Tensor y = c.only();
    SKIP_IF_LACKING(c);
    expect_near(each({2, 3, 1, 1},
                     [&](int64_t n, int64_t ch, int64_t, int64_t) {
                       float sum = 0, max = -INFINITY;
                       for (int64_t i = 0; i < 20; ++i)
                         sum += at(x, n, ch, i / 4, i % 4), max = std::max(max, at(x, n, ch, i / 4, i % 4));
                       return average ? sum / 20 : max;
                     }),
                y, "global");
  }
}

TEST(CaffePooling, SpatialPyramid) {
  CaffeCase c;
  const Tensor x = c.input("x", noise({2, 3, 7, 10}));
  c.layer("SPP", "spp", "x", "y", "spp_param { pyramid_height: 3 pool: AVE }");
  Tensor expected(DType::f32, {2, 3 * (1 + 4 + 16)});
  size_t column = 0;
  for (int64_t bins : {1, 2, 4}) {
    const int64_t kh = (7 + bins - 1) / bins, kw = (10 + bins - 1) / bins, ph = (kh * bins - 7 + 1) / 2,
                  pw = (kw * bins - 10 + 1) / 2;
    for (int64_t ch = 0; ch < 3; ++ch)
      for (int64_t i = 0; i < bins; ++i)
        for (int64_t j = 0; j < bins; ++j, ++column)
          for (int64_t n = 0; n < 2; ++n) {
            const int64_t h0 = i * kh - ph, w0 = j * kw - pw, h1 = std::min(h0 + kh, 7 + ph),
                          w1 = std::min(w0 + kw, 10 + pw);
            float sum = 0;
            for (int64_t h = std::max<int64_t>(h0, 0); h < std::min<int64_t>(h1, 7); ++h)
              for (int64_t w = std::max<int64_t>(w0, 0); w < std::min<int64_t>(w1, 10); ++w)
                sum += at(x, n, ch, h, w);
            expected.data<float>()[static_cast<size_t>(n) * 63 + column] =
                sum / static_cast<float>((h1 - h0) * (w1 - w0));
          }
  }
  expect_near(expected, c.only(), "SPP");
}

TEST(CaffePooling, UnpoolingPutsMaximaBack) {
  CaffeCase c;
  const Tensor x = c.input("x", noise({1, 2, 4, 6}));
  c.layer("Pooling", "pool", "x", "p m", "pooling_param { kernel_size: 2 stride: 2 }");
  c.layer("Upsample", "up", "p m", "y", "upsample_param { scale: 2 }");
  const Tensor y = c.only();
  SKIP_IF_LACKING(c);
  expect_near(each({1, 2, 4, 6},
                   [&](int64_t, int64_t ch, int64_t h, int64_t w) {
                     float max = -INFINITY;
                     for (int64_t i = 0; i < 4; ++i)
                       max = std::max(max, at(x, 0, ch, h / 2 * 2 + i / 2, w / 2 * 2 + i % 2));
                     return at(x, 0, ch, h, w) == max ? max : 0.0f;
                   }),
              y, "unpooled");
}

struct FunctionCase {
  std::string type, params;
  std::function<float(float)> f;
  float lo = -3, hi = 3;
};

TEST(CaffeActivation, Functions) {
  const std::vector<FunctionCase> cases{
      {"ReLU", "", [](float v) { return std::max(v, 0.0f); }},
      {"ReLU", "relu_param { negative_slope: 0.1 engine: CUDNN }",
       [](float v) { return v > 0 ? v : 0.1f * v; }},
      {"ReLU6", "", [](float v) { return std::clamp(v, 0.0f, 6.0f); }, -10, 10},
      {"Clip", "clip_param { min: -1 max: 2 }", [](float v) { return std::clamp(v, -1.0f, 2.0f); }},
      {"ELU", "elu_param { alpha: 0.5 }", [](float v) { return v > 0 ? v : 0.5f * (std::exp(v) - 1); }},
      {"Sigmoid", "sigmoid_param { engine: CAFFE }", [](float v) { return 1 / (1 + std::exp(-v)); }},
      {"TanH", "", [](float v) { return std::tanh(v); }},
      {"AbsVal", "", [](float v) { return std::fabs(v); }},
      {"BNLL", "", [](float v) { return std::log(1 + std::exp(v)); }},
      {"Swish", "swish_param { beta: 2 }", [](float v) { return v / (1 + std::exp(-2 * v)); }},
      {"Mish", "", [](float v) { return v * std::tanh(std::log(1 + std::exp(v))); }},
      {"RReLU", "rrelu_param { lower: 0.1 upper: 0.3 }", [](float v) { return v > 0 ? v : 0.2f * v; }},
      {"Exp", "", [](float v) { return std::exp(v); }},
      {"Exp", "exp_param { base: 2 scale: 0.5 shift: 3 }",
       [](float v) { return std::pow(2.0f, 3 + 0.5f * v); }},
      {"Log", "", [](float v) { return std::log(v); }, 0.1f, 5},
      {"Log", "log_param { base: 10 scale: 3 shift: 1 }", [](float v) { return std::log10(1 + 3 * v); }, 0.1f,
       5},
      {"Power", "power_param { power: 3 scale: 2 shift: 1 }",
       [](float v) { return std::pow(1 + 2 * v, 3.0f); }},
      {"Power", "power_param { scale: 2 }", [](float v) { return 2 * v; }},
      {"Power", "", [](float v) { return v; }},
      {"Power", "power_param { power: 0 }", [](float) { return 1.0f; }},
      {"Power", "power_param { scale: 0 shift: 3 power: 2 }", [](float) { return 9.0f; }},
      {"Threshold", "threshold_param { threshold: 0.5 }", [](float v) { return v > 0.5f ? 1.0f : 0.0f; }},
      {"Dropout", "dropout_param { dropout_ratio: 0.5 }", [](float v) { return v; }},
  };
  for (const auto& f : cases)
    for (const bool in_place : {false, true}) {
      CaffeCase c;
      const Tensor x = c.input("x", noise({1, 3, 4, 5}, f.lo, f.hi));
      c.layer("Power", "before", "x", in_place ? "y" : "z");
      c.layer(f.type, "f", in_place ? "y" : "z", "y", f.params);
      expect_near(map(x, f.f), c.only(), f.type + " " + f.params);
    }
}

TEST(CaffeActivation, ThresholdIsExact) {
  CaffeCase c;
  c.input("x", tensor_of({1, 3}, {0.5f, std::nextafter(0.5f, 1.0f), std::nextafter(0.5f, 0.0f)}));
  c.layer("Threshold", "f", "x", "y", "threshold_param { threshold: 0.5 }");
  expect_near(tensor_of({1, 3}, {0, 1, 0}), c.only(), "threshold");
}

TEST(CaffeActivation, SlopesPerChannelOrShared) {
  for (const bool shared : {false, true}) {
    CaffeCase c;
    const Tensor x = c.input("x", noise({2, 3, 4, 5}));
    c.layer("PReLU", "f", "x", "y", fmt::format("prelu_param {{ channel_shared: {} }}", shared));
    const Tensor slopes = c.blob("f", noise({shared ? 1 : 3}));
    const Tensor y = c.only();
    SKIP_IF_LACKING(c);
    expect_near(each(x.shape(),
                     [&](int64_t n, int64_t ch, int64_t h, int64_t w) {
                       const float v = at(x, n, ch, h, w);
                       return v > 0 ? v : v * slopes.data<float>()[shared ? 0 : static_cast<size_t>(ch)];
                     }),
                y, "PReLU");
  }
}

TEST(CaffeActivation, ConcatenatedRelu) {
  CaffeCase c;
  const Tensor x = c.input("x", noise({1, 3, 2, 2}));
  c.layer("CReLU", "f", "x", "y");
  expect_near(each({1, 6, 2, 2},
                   [&](int64_t n, int64_t ch, int64_t h, int64_t w) {
                     return std::max(0.0f, ch < 3 ? at(x, n, ch, h, w) : -at(x, n, ch - 3, h, w));
                   }),
              c.only(), "CReLU");
}

TEST(CaffeArithmetic, Eltwise) {
  const auto run = [](const std::string& params, const std::function<float(float, float, float)>& f) {
    CaffeCase c;
    const Tensor a = c.input("a", noise({1, 2, 3, 3})), b = c.input("b", noise({1, 2, 3, 3})),
                 d = c.input("d", noise({1, 2, 3, 3}));
    c.layer("Eltwise", "e", "a b d", "y", params);
    Tensor expected = a;
    for (size_t i = 0; i < a.size(); ++i)
      expected.data<float>()[i] = f(a.data<float>()[i], b.data<float>()[i], d.data<float>()[i]);
    expect_near(expected, c.only(), params);
  };
  run("", [](float a, float b, float d) { return a + b + d; });
  run("eltwise_param { operation: SUM coeff: 1 coeff: -1 coeff: 0.5 }",
      [](float a, float b, float d) { return a - b + 0.5f * d; });
  run("eltwise_param { operation: PROD }", [](float a, float b, float d) { return a * b * d; });
  run("eltwise_param { operation: MAX }", [](float a, float b, float d) { return std::max({a, b, d}); });
}

TEST(CaffeArithmetic, ScaleAndBiasFollowTheirAxis) {
  for (const bool learned : {true, false})
    for (const int axis : {0, 1, 2, -1})
      for (const int axes : {1, 2}) {
        if ((axis == -1 || axis == 3) && axes == 2) continue;
        CaffeCase c;
        const Tensor x = c.input("x", noise({2, 3, 4, 5}));
        const auto first = static_cast<size_t>(axis < 0 ? 3 : axis);
        const Shape shape(x.shape().begin() + static_cast<std::ptrdiff_t>(first),
                          x.shape().begin() + static_cast<std::ptrdiff_t>(first) + axes);
        const Tensor factors = learned ? c.blob("s", noise(shape)) : c.input("f", noise(shape));
        const Tensor terms = c.blob("s", noise(shape));
        c.layer("Scale", "s", learned ? "x" : "x f", "y",
                fmt::format("scale_param {{ axis: {} {} bias_term: true }}", axis,
                            learned ? fmt::format("num_axes: {}", axes) : ""));
        const int64_t inner =
            num_elements(x.shape()) /
            num_elements(
                Shape(x.shape().begin(), x.shape().begin() + static_cast<std::ptrdiff_t>(first) + axes));
        Tensor expected = x;
        for (size_t i = 0; i < x.size(); ++i) {
          const size_t k = i / static_cast<size_t>(inner) % factors.size();
          expected.data<float>()[i] = x.data<float>()[i] * factors.data<float>()[k] + terms.data<float>()[k];
        }
        expect_near(expected, c.only(), fmt::format("scale axis {} axes {} {}", axis, axes, learned));
      }
  CaffeCase c;
  const Tensor x = c.input("x", noise({2, 3, 2, 2}));
  c.layer("Bias", "b", "x", "y");
  const Tensor terms = c.blob("b", noise({3}));
  expect_near(each(x.shape(),
                   [&](int64_t n, int64_t ch, int64_t h, int64_t w) {
                     return at(x, n, ch, h, w) + terms.data<float>()[static_cast<size_t>(ch)];
                   }),
              c.only(), "bias");
}

TEST(CaffeArithmetic, Axpy) {
  CaffeCase c;
  const Tensor a = c.input("a", noise({2, 3, 1, 1})), x = c.input("x", noise({2, 3, 4, 4})),
               z = c.input("z", noise({2, 3, 4, 4}));
  c.layer("Axpy", "f", "a x z", "y");
  expect_near(each(x.shape(),
                   [&](int64_t n, int64_t ch, int64_t h, int64_t w) {
                     return at(a, n, ch, 0, 0) * at(x, n, ch, h, w) + at(z, n, ch, h, w);
                   }),
              c.only(), "Axpy");
}

TEST(CaffeArithmetic, Reduction) {
  const std::map<std::string, std::function<float(std::span<const float>)>> cases{
      {"SUM", [](auto v) { return std::accumulate(v.begin(), v.end(), 0.0f); }},
      {"MEAN",
       [](auto v) { return std::accumulate(v.begin(), v.end(), 0.0f) / static_cast<float>(v.size()); }},
      {"ASUM",
       [](auto v) {
         return std::accumulate(v.begin(), v.end(), 0.0f, [](float s, float x) { return s + std::fabs(x); });
       }},
      {"SUMSQ",
       [](auto v) {
         return std::accumulate(v.begin(), v.end(), 0.0f, [](float s, float x) { return s + x * x; });
       }},
      {"MAX", [](auto v) { return *std::ranges::max_element(v); }},
      {"MIN", [](auto v) { return *std::ranges::min_element(v); }},
      {"PROD", [](auto v) { return std::accumulate(v.begin(), v.end(), 1.0f, std::multiplies<>()); }},
      {"LOGSUM", [](auto v) { return std::log(std::accumulate(v.begin(), v.end(), 0.0f)); }},
  };
  for (const auto& [op, f] : cases)
    for (const int axis : {0, 1, -1}) {
      CaffeCase c;
      const Tensor x = c.input("x", noise({2, 3, 4}, op == "LOGSUM" ? 0.1f : -1.0f));
      c.layer("Reduction", "r", "x", "y",
              fmt::format("reduction_param {{ operation: {} axis: {} coeff: 2 }}", op, axis));
      const size_t each_size = axis == 0 ? 24 : axis == 1 ? 12 : 4;
      Tensor expected(DType::f32, axis == 0 ? Shape{} : axis == 1 ? Shape{2} : Shape{2, 3});
      for (size_t i = 0; i < expected.size(); ++i)
        expected.data<float>()[i] = 2 * f(x.data<float>().subspan(i * each_size, each_size));
      const Tensor y = c.only();
      SKIP_IF_LACKING(c);
      expect_near(expected, y, op);
    }
}

TEST(CaffeArithmetic, MatMul) {
  CaffeCase c;
  const Tensor a = c.input("a", noise({1, 2, 3, 4})), b = c.input("b", noise({1, 2, 4, 5}));
  c.layer("MatMul", "m", "a b", "y");
  expect_near(each({1, 2, 3, 5},
                   [&](int64_t, int64_t g, int64_t i, int64_t j) {
                     float sum = 0;
                     for (int64_t k = 0; k < 4; ++k) sum += at(a, 0, g, i, k) * at(b, 0, g, k, j);
                     return sum;
                   }),
              c.only(), "MatMul");
}

// Ties: the largest index wins.
TEST(CaffeArgMax, TakesTheLastOfEqualValues) {
  const std::vector<float> x{1, 5, 5, 2, 7, 3, 7, 7};
  const auto run = [&](const std::string& params, const Tensor& expected) {
    CaffeCase c;
    c.input("x", tensor_of({2, 4}, x));
    c.layer("ArgMax", "a", "x", "y", "argmax_param { " + params + " }");
    const Tensor y = c.only();
    SKIP_IF_LACKING(c);
    expect_near(expected, y, params);
  };
  run("", tensor_of({2, 1, 1}, {2, 3}));
  run("axis: 1", tensor_of({2, 1}, {2, 3}));
  run("axis: 1 out_max_val: true", tensor_of({2, 1}, {5, 7}));
  run("out_max_val: true", tensor_of({2, 2, 1}, {2, 5, 3, 7}));
  run("top_k: 3", tensor_of({2, 1, 3}, {2, 1, 3, 3, 2, 0}));
  run("top_k: 2 out_max_val: true", tensor_of({2, 2, 2}, {2, 1, 5, 5, 3, 2, 7, 7}));
  run("axis: -1 top_k: 2 out_max_val: true", tensor_of({2, 2}, {5, 5, 7, 7}));
}

}  // namespace
}  // namespace openhb::test
