// SPDX-License-Identifier: Apache-2.0
// Layers that move, normalize and remember.
#include <algorithm>
#include <numeric>

#include "tests/host/frontend/caffe_case.h"

namespace openhb::test {
namespace {

// One layer on x; the expected values are elements of x.
void moves(const Shape& from, const std::string& type, const std::string& params, const Shape& to,
           const std::function<float(const Tensor&, int64_t, int64_t, int64_t, int64_t)>& source) {
  CaffeCase c;
  const Tensor x = c.input("x", noise(from));
  c.layer(type, "m", "x", "y", params);
  const Tensor y = c.only();
  SKIP_IF_LACKING(c);
  Tensor expected = each({to.size() > 0 ? to[0] : 1, to.size() > 1 ? to[1] : 1, to.size() > 2 ? to[2] : 1,
                          to.size() > 3 ? to[3] : 1},
                         [&](int64_t a, int64_t b, int64_t d, int64_t e) { return source(x, a, b, d, e); });
  expect_near(expected.reshaped(to), y, type + " " + params);
}

float linear(const Tensor& x, int64_t i) { return x.data<float>()[static_cast<size_t>(i)]; }

TEST(CaffeMovement, Reshape) {
  const auto run = [](const std::string& params, const Shape& to) {
    const Shape dense = to;
    moves({2, 3, 4, 5}, "Reshape", "reshape_param { " + params + " }", to,
          [&](const Tensor& x, int64_t a, int64_t b, int64_t d, int64_t e) {
            const auto extent = [&](size_t i) { return i < dense.size() ? dense[i] : 1; };
            return linear(x, ((a * extent(1) + b) * extent(2) + d) * extent(3) + e);
          });
  };
  run("shape { dim: 0 dim: -1 }", {2, 60});
  run("shape { dim: 0 dim: 0 dim: -1 }", {2, 3, 20});
  run("shape { dim: 6 dim: 20 }", {6, 20});
  run("shape { dim: -1 } axis: 1 num_axes: 2", {2, 12, 5});
}

TEST(CaffeMovement, Flatten) {
  const auto run = [](const std::string& params, const Shape& to) {
    moves({2, 3, 4, 5}, "Flatten", params, to,
          [&](const Tensor& x, int64_t a, int64_t b, int64_t d, int64_t e) {
            const auto extent = [&](size_t i) { return i < to.size() ? to[i] : 1; };
            return linear(x, ((a * extent(1) + b) * extent(2) + d) * extent(3) + e);
          });
  };
  run("", {2, 60});
  run("flatten_param { axis: 2 }", {2, 3, 20});
  run("flatten_param { axis: -4 end_axis: -3 }", {6, 4, 5});
}

TEST(CaffeMovement, Permute) {
  moves({2, 3, 4, 5}, "Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", {2, 4, 5, 3},
        [](const Tensor& x, int64_t a, int64_t b, int64_t d, int64_t e) { return at(x, a, e, b, d); });
  moves({2, 3, 4, 5}, "Permute", "permute_param { order: 1 }", {3, 2, 4, 5},
        [](const Tensor& x, int64_t a, int64_t b, int64_t d, int64_t e) { return at(x, b, a, d, e); });
}

TEST(CaffeMovement, BlocksAndChannels) {
  moves({1, 6, 2, 3}, "ShuffleChannel", "shuffle_channel_param { group: 2 }", {1, 6, 2, 3},
        [](const Tensor& x, int64_t n, int64_t c, int64_t h, int64_t w) {
          return at(x, n, c % 2 * 3 + c / 2, h, w);
        });
  for (const char* field : {"pass_through_param", "passthrough_param"})
    moves({1, 3, 4, 6}, "PassThrough", std::string(field) + " { block_height: 2 block_width: 2 }",
          {1, 12, 2, 3}, [](const Tensor& x, int64_t n, int64_t c, int64_t h, int64_t w) {
            return at(x, n, c % 3, 2 * h + c / 3 / 2, 2 * w + c / 3 % 2);
          });
  moves({1, 2, 4, 6}, "PassThrough", "passthrough_param { num_output: 12 block_height: 2 block_width: 3 }",
        {1, 12, 2, 2}, [](const Tensor& x, int64_t n, int64_t c, int64_t h, int64_t w) {
          return at(x, n, c % 2, 2 * h + c / 2 / 3, 3 * w + c / 2 % 3);
        });
}

// darknet's reorg_cpu, literally.
TEST(CaffeMovement, Reorg) {
  for (const bool reverse : {false, true}) {
    CaffeCase c;
    const int64_t s = 2, channels = 8, h = 4, w = 6, out_c = channels / (s * s);
    const Tensor x = c.input("x", noise({1, channels, h, w}));
    c.layer("Reorg", "r", "x", "y", fmt::format("reorg_param {{ stride: 2 reverse: {} }}", reverse));
    Tensor expected(DType::f32, reverse ? Shape{1, 2, 8, 12} : Shape{1, 32, 2, 3});
    for (int64_t k = 0; k < channels; ++k)
      for (int64_t j = 0; j < h; ++j)
        for (int64_t i = 0; i < w; ++i) {
          const int64_t in = i + w * (j + h * k), offset = k / out_c, w2 = i * s + offset % s,
                        h2 = j * s + offset / s, out = w2 + w * s * (h2 + h * s * (k % out_c));
          const auto to = static_cast<size_t>(reverse ? out : in),
                     from = static_cast<size_t>(reverse ? in : out);
          expected.data<float>()[to] = x.data<float>()[from];
        }
    expect_near(expected, c.only(), "Reorg");
  }
}

TEST(CaffeMovement, Crop) {
  const auto run = [](const std::string& params, int64_t h0, int64_t w0, const Shape& like, const Shape& to) {
    CaffeCase c;
    const Tensor x = c.input("x", noise({1, 3, 6, 7}));
    c.input("r", noise(like));
    c.layer("Crop", "m", "x r", "y", params);
    expect_near(
        each(to, [&](int64_t n, int64_t ch, int64_t h, int64_t w) { return at(x, n, ch, h0 + h, w0 + w); }),
        c.only(), params);
  };
  run("", 0, 0, {1, 9, 4, 5}, {1, 3, 4, 5});
  run("crop_param { offset: 1 }", 1, 1, {1, 9, 4, 5}, {1, 3, 4, 5});
  run("crop_param { axis: 2 offset: 2 offset: 1 }", 2, 1, {1, 9, 4, 5}, {1, 3, 4, 5});
  run("crop_param { axis: 3 offset: 2 }", 0, 2, {1, 9, 1, 5}, {1, 3, 6, 5});
}

TEST(CaffeMovement, SliceConcatTile) {
  CaffeCase c;
  const Tensor x = c.input("x", noise({1, 6, 2, 2}));
  c.layer("Slice", "s", "x", "a b d", "slice_param { axis: 1 slice_point: 1 slice_point: 4 }");
  c.layer("Concat", "c", "d a b", "y", "concat_param { concat_dim: 1 }");
  expect_near(each(x.shape(),
                   [&](int64_t n, int64_t ch, int64_t h, int64_t w) { return at(x, n, (ch + 4) % 6, h, w); }),
              c.only(), "slice and concat");
  moves({1, 2, 3, 2}, "Tile", "tile_param { axis: 1 tiles: 3 }", {1, 6, 3, 2},
        [](const Tensor& t, int64_t n, int64_t ch, int64_t h, int64_t w) { return at(t, n, ch % 2, h, w); });
}

TEST(CaffeMovement, UpsampleAndInterp) {
  moves(
      {1, 2, 3, 4}, "Upsample", "upsample_param { scale: 2 }", {1, 2, 6, 8},
      [](const Tensor& x, int64_t n, int64_t c, int64_t h, int64_t w) { return at(x, n, c, h / 2, w / 2); });
  moves({1, 2, 3, 4}, "Upsample", "upsample_param { scale_h: 3 scale_w: 1 }", {1, 2, 9, 4},
        [](const Tensor& x, int64_t n, int64_t c, int64_t h, int64_t w) { return at(x, n, c, h / 3, w); });
  const auto interp = [](const Shape& to, int64_t cut) {
    return [=](const Tensor& x, int64_t n, int64_t c, int64_t h, int64_t w) {
      const auto in_h = x.shape()[2] - 2 * cut, in_w = x.shape()[3] - 2 * cut;
      const auto place = [](int64_t i, int64_t in, int64_t out) {
        return out > 1 ? static_cast<float>(i) * static_cast<float>(in - 1) / static_cast<float>(out - 1)
                       : 0.0f;
      };
      const float y = place(h, in_h, to[2]), v = place(w, in_w, to[3]);
      const auto y0 = static_cast<int64_t>(y), v0 = static_cast<int64_t>(v);
      const int64_t y1 = std::min(y0 + 1, in_h - 1), v1 = std::min(v0 + 1, in_w - 1);
      const float a = y - static_cast<float>(y0), b = v - static_cast<float>(v0);
      return (1 - a) * ((1 - b) * at(x, n, c, y0 + cut, v0 + cut) + b * at(x, n, c, y0 + cut, v1 + cut)) +
             a * ((1 - b) * at(x, n, c, y1 + cut, v0 + cut) + b * at(x, n, c, y1 + cut, v1 + cut));
    };
  };
  moves({1, 2, 4, 5}, "Interp", "interp_param { height: 7 width: 11 }", {1, 2, 7, 11},
        interp({1, 2, 7, 11}, 0));
  moves({1, 2, 4, 5}, "Interp", "interp_param { zoom_factor: 2 }", {1, 2, 7, 9}, interp({1, 2, 7, 9}, 0));
  moves({1, 2, 9, 9}, "Interp", "interp_param { shrink_factor: 2 pad_beg: -1 pad_end: -1 }", {1, 2, 4, 4},
        interp({1, 2, 4, 4}, 1));
}

TEST(CaffeNormalization, BatchNormThenScale) {
  CaffeCase c;
  const Tensor x = c.input("x", noise({2, 3, 4, 4}));
  c.layer("Convolution", "conv", "x", "y",
          "convolution_param { num_output: 3 kernel_size: 1 bias_term: false }");
  c.layer("BatchNorm", "bn", "y", "y", "batch_norm_param { eps: 0.001 }");
  c.layer("Scale", "scale", "y", "y", "scale_param { bias_term: true }");
  const Tensor w = c.blob("conv", noise({3, 3, 1, 1}));
  const Tensor mean = c.blob("bn", noise({3})), variance = c.blob("bn", noise({3}, 1, 2)),
               factor = c.blob("bn", tensor_of({1}, {4}));
  const Tensor gamma = c.blob("scale", noise({3})), beta = c.blob("scale", noise({3}));
  expect_near(each(x.shape(),
                   [&](int64_t n, int64_t o, int64_t h, int64_t v) {
                     const auto i = static_cast<size_t>(o);
                     float sum = 0;
                     for (int64_t k = 0; k < 3; ++k) sum += at(w, o, k, 0, 0) * at(x, n, k, h, v);
                     return (sum - mean.data<float>()[i] / 4) /
                                std::sqrt(variance.data<float>()[i] / 4 + 0.001f) * gamma.data<float>()[i] +
                            beta.data<float>()[i];
                   }),
              c.only(), "batch norm");
}

// Mean of f over some elements.
float mean_of(const Tensor& x, const std::function<bool(int64_t, int64_t)>& same,
              const std::function<float(float)>& f) {
  double sum = 0, count = 0;
  for (int64_t n = 0; n < x.shape()[0]; ++n)
    for (int64_t c = 0; c < x.shape()[1]; ++c)
      for (int64_t i = 0; same(n, c) && i < x.shape()[2] * x.shape()[3]; ++i, ++count)
        sum += static_cast<double>(f(at(x, n, c, i / x.shape()[3], i % x.shape()[3])));
  return static_cast<float>(sum / count);
}

TEST(CaffeNormalization, OwnStatistics) {
  struct Case {
    std::string type, params;
    bool by_image, by_channel, variance;
    float eps_outside, eps_inside;
  };
  const std::vector<Case> cases{
      {"MVN", "", true, true, true, 1e-9f, 0},
      {"MVN", "mvn_param { across_channels: true eps: 0.1 }", true, false, true, 0.1f, 0},
      {"MVN", "mvn_param { normalize_variance: false }", true, true, false, 0, 0},
      {"BatchNorm", "batch_norm_param { use_global_stats: false eps: 0.01 }", false, true, true, 0, 0.01f}};
  for (const Case& k : cases) {
    CaffeCase c;
    const Tensor x = c.input("x", noise({2, 3, 4, 5}));
    c.layer(k.type, "n", "x", "y", k.params);
    expect_near(each(x.shape(),
                     [&](int64_t n, int64_t ch, int64_t h, int64_t w) {
                       const auto same = [&](int64_t i, int64_t j) {
                         return (!k.by_image || i == n) && (!k.by_channel || j == ch);
                       };
                       const float mean = mean_of(x, same, [](float v) { return v; });
                       const float d = at(x, n, ch, h, w) - mean;
                       if (!k.variance) return d;
                       const float var = mean_of(x, same, [&](float v) { return (v - mean) * (v - mean); });
                       return d / (std::sqrt(var + k.eps_inside) + k.eps_outside);
                     }),
                c.only(), k.type + k.params, 1e-4f);
  }
}

TEST(CaffeNormalization, LocalResponse) {
  for (const bool within : {false, true}) {
    CaffeCase c;
    const Tensor x = c.input("x", noise({1, 7, 5, 6}));
    c.layer("LRN", "n", "x", "y",
            fmt::format("lrn_param {{ local_size: 3 alpha: 0.5 beta: 0.75 k: {} norm_region: {} }}",
                        within ? 1 : 2, within ? "WITHIN_CHANNEL" : "ACROSS_CHANNELS"));
    const Tensor y = c.only();
    SKIP_IF_LACKING(c);
    expect_near(each(x.shape(),
                     [&](int64_t n, int64_t ch, int64_t h, int64_t w) {
                       float sum = 0;
                       for (int64_t i = -1; i <= 1; ++i)
                         for (int64_t j = -1; j <= 1; ++j) {
                           if (!within && j != 0) continue;
                           const int64_t a = within ? ch : ch + i, b = within ? h + i : h,
                                         d = within ? w + j : w;
                           if (a < 0 || a >= 7 || b < 0 || b >= 5 || d < 0 || d >= 6) continue;
                           sum += at(x, n, a, b, d) * at(x, n, a, b, d);
                         }
                       return at(x, n, ch, h, w) *
                              std::pow((within ? 1.0f : 2.0f) + 0.5f * sum / (within ? 9.0f : 3.0f), -0.75f);
                     }),
                y, "LRN");
  }
}

TEST(CaffeNormalization, NormalizeOverChannelsOrAll) {
  for (const bool spatial : {false, true})
    for (const bool shared : {false, true}) {
      CaffeCase c;
      const Tensor x = c.input("x", noise({2, 3, 4, 5}));
      c.layer(
          "Normalize", "n", "x", "y",
          fmt::format(
              "norm_param {{ across_spatial: {} channel_shared: {} scale_filler {{ type: \"constant\" value: "
              "20 }} }}",
              spatial, shared));
      const Tensor scale = c.blob("n", noise({shared ? 1 : 3}));
      expect_near(each(x.shape(),
                       [&](int64_t n, int64_t ch, int64_t h, int64_t w) {
                         float sum = 0;
                         for (int64_t k = 0; k < 3; ++k)
                           for (int64_t i = 0; i < 20; ++i)
                             if (spatial || i == h * 5 + w)
                               sum += at(x, n, k, i / 5, i % 5) * at(x, n, k, i / 5, i % 5);
                         return at(x, n, ch, h, w) / std::sqrt(sum + 1e-10f) *
                                scale.data<float>()[shared ? 0 : static_cast<size_t>(ch)];
                       }),
                  c.only(), "Normalize");
    }
}

TEST(CaffeNormalization, SoftmaxOfItsAxis) {
  for (const int axis : {1, 2, -1}) {
    CaffeCase c;
    const Tensor x = c.input("x", noise({2, 3, 4, 5}));
    c.layer("Softmax", "s", "x", "y", fmt::format("softmax_param {{ axis: {} }}", axis));
    expect_near(each(x.shape(),
                     [&](int64_t n, int64_t ch, int64_t h, int64_t w) {
                       float sum = 0;
                       for (int64_t i = 0; i < (axis == 1 ? 3 : axis == 2 ? 4 : 5); ++i)
                         sum += std::exp(at(x, n, axis == 1 ? i : ch, axis == 2 ? i : h, axis == -1 ? i : w));
                       return std::exp(at(x, n, ch, h, w)) / sum;
                     }),
                c.only(), "Softmax");
  }
}

// Caffe's LSTMLayer with its LSTMUnit, literally; gates in the order i, f, o, g.
struct Lstm {
  int64_t steps = 4, batch = 2, in = 3, hidden = 5, fixed = 0;
  Tensor x, cont, w, b, ws, wh, xs, h0, c0;
  Tensor h, last_h, last_c;

  void run() {
    h = Tensor(DType::f32, {steps, batch, hidden});
    last_h = last_c = Tensor(DType::f32, {1, batch, hidden});
    const auto dot = [](const Tensor& m, int64_t row, const Tensor& v, int64_t at, int64_t n) {
      float sum = 0;
      for (int64_t k = 0; k < n; ++k)
        sum += m.data<float>()[static_cast<size_t>(row * n + k)] *
               v.data<float>()[static_cast<size_t>(at * n + k)];
      return sum;
    };
    const auto sigmoid = [](float v) { return 1 / (1 + std::exp(-v)); };
    for (int64_t n = 0; n < batch; ++n) {
      Tensor state = Tensor::from<float>(
          {hidden}, h0.data<float>().subspan(static_cast<size_t>(n * hidden), static_cast<size_t>(hidden)));
      Tensor cell = Tensor::from<float>(
          {hidden}, c0.data<float>().subspan(static_cast<size_t>(n * hidden), static_cast<size_t>(hidden)));
      for (int64_t t = 0; t < steps; ++t) {
        const float go = cont.data<float>()[static_cast<size_t>(t * batch + n)];
        const Tensor before = map(state, [&](float v) { return v * go; });
        for (int64_t k = 0; k < hidden; ++k) {
          float gate[4];
          for (int64_t g = 0; g < 4; ++g) {
            const int64_t row = g * hidden + k;
            gate[g] = b.data<float>()[static_cast<size_t>(row)] + dot(w, row, x, t * batch + n, in) +
                      dot(wh, row, before, 0, hidden);
            if (fixed > 0) gate[g] += dot(ws, row, xs, n, fixed);
          }
          float& c = cell.data<float>()[static_cast<size_t>(k)];
          c = (go == 0 ? 0 : go * sigmoid(gate[1])) * c + sigmoid(gate[0]) * std::tanh(gate[3]);
          state.data<float>()[static_cast<size_t>(k)] = sigmoid(gate[2]) * std::tanh(c);
        }
        std::ranges::copy(state.data<float>(), h.data<float>().begin() + (t * batch + n) * hidden);
      }
      std::ranges::copy(state.data<float>(), last_h.data<float>().begin() + n * hidden);
      std::ranges::copy(cell.data<float>(), last_c.data<float>().begin() + n * hidden);
    }
  }
};

TEST(CaffeRecurrent, Lstm) {
  struct Form {
    bool markers, fixed, exposed;
  };
  for (const Form form : {Form{true, false, false}, Form{true, true, false}, Form{true, true, true},
                          Form{true, false, true}, Form{false, false, false}}) {
    CaffeCase c;
    Lstm s;
    s.fixed = form.fixed ? 4 : 0;
    s.x = c.input("x", noise({s.steps, s.batch, s.in}));
    std::string bottoms = "x";
    s.cont = map(noise({s.steps, s.batch}), [](float v) { return v > -0.3f ? 1.0f : 0.0f; });
    if (form.markers)
      c.input("cont", s.cont), bottoms += " cont";
    else
      s.cont = tensor_of({s.steps, s.batch}, std::vector<float>(8, 1.0f));
    s.xs = noise({s.batch, std::max<int64_t>(s.fixed, 1)});
    if (form.fixed) c.input("static", s.xs), bottoms += " static";
    s.h0 = s.c0 = Tensor(DType::f32, {1, s.batch, s.hidden});
    if (form.exposed) {
      s.h0 = c.input("h0", noise(s.h0.shape())), s.c0 = c.input("c0", noise(s.c0.shape()));
      bottoms += " h0 c0";
    }
    c.layer("LSTM", "lstm", bottoms, form.exposed ? "y hT cT" : "y",
            fmt::format(
                "recurrent_param {{ num_output: 5 expose_hidden: {} weight_filler {{ type: \"uniform\" }} }}",
                form.exposed));
    s.w = c.blob("lstm", noise({20, s.in})), s.b = c.blob("lstm", noise({20}));
    if (form.fixed) s.ws = c.blob("lstm", noise({20, s.fixed}));
    s.wh = c.blob("lstm", noise({20, s.hidden}));
    const auto y = c.run();
    SKIP_IF_LACKING(c);
    s.run();
    expect_near(s.h, y.at("y"), "states", 1e-4f);
    if (!form.exposed) continue;
    expect_near(s.last_h, y.at("hT"), "last state", 1e-4f);
    expect_near(s.last_c, y.at("cT"), "last cell", 1e-4f);
  }
}

}  // namespace
}  // namespace openhb::test
