// SPDX-License-Identifier: Apache-2.0
// Operators that expand: normalizations, Einsum, Attention, RotaryEmbedding, transforms, and those of
// quantized models, in random forms against their definitions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>

#include "tests/device/steps/harness.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb {
namespace {

using test::SmallGraph;
using test::Value;
using Ints = std::vector<int64_t>;

double value(const Tensor& t, const Shape& index) {
  return static_cast<double>(t.data<float>()[test::flat(t.shape(), index)]);
}

void expect_near(const std::vector<double>& expected, const Tensor& got, double bound,
                 const std::string& what) {
  ASSERT_EQ(expected.size(), got.size()) << what;
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(expected[i], got.data<float>()[i], bound) << what << ", element " << i;
}

// All assignments of extents to the labels of an equation.
std::vector<double> einsum(const std::vector<std::string>& terms, const std::string& output,
                           const std::vector<Tensor>& operands) {
  std::map<char, int64_t> extent;
  for (size_t i = 0; i < terms.size(); ++i)
    for (size_t k = 0; k < terms[i].size(); ++k) {
      int64_t& n = extent.try_emplace(terms[i][k], 1).first->second;
      n = std::max(n, operands[i].shape()[k]);
    }
  std::string labels;
  Shape loop, shape;
  for (const auto& [label, n] : extent) labels += label, loop.push_back(n);
  for (char c : output) shape.push_back(extent.at(c));
  std::vector<double> y(static_cast<size_t>(num_elements(shape)));
  test::for_each_index(loop, [&](const Shape& index) {
    auto index_of = [&](const std::string& term, const Shape& own) {
      Shape i;
      for (size_t k = 0; k < term.size(); ++k) i.push_back(own[k] == 1 ? 0 : index[labels.find(term[k])]);
      return i;
    };
    double product = 1;
    for (size_t i = 0; i < terms.size(); ++i)
      product *= value(operands[i], index_of(terms[i], operands[i].shape()));
    y[test::flat(shape, index_of(output, shape))] += product;
  });
  return y;
}

TEST(Composite, EinsumEqualsItsDefinition) {
  // Upper-case letters of the plain form are the axes of an ellipsis.
  struct Form {
    const char *equation, *plain;
  };
  const Form forms[] = {{"ij,jk->ik", "ij,jk->ik"},
                        {"bij,bjk->bik", "bij,bjk->bik"},
                        {"ii->i", "ii->i"},
                        {"bii->b", "bii->b"},
                        {"ij->ji", "ij->ji"},
                        {"ij->", "ij->"},
                        {"i,j->ij", "i,j->ij"},
                        {"ij,ij->ij", "ij,ij->ij"},
                        {"ij,jk,kl->il", "ij,jk,kl->il"},
                        {"ij,j", "ij,j->i"},
                        {"ba", "ba->ab"},
                        {"...ij,...jk->...ik", "Yij,Yjk->Yik"},
                        {"...i->...", "XYi->XY"},
                        {"b...,b...->b...", "bX,bX->bX"},
                        {"...j,j...", "Xj,jX->X"},
                        {"i...i->...i", "iXi->Xi"},
                        {"bhwc,hkc->bhwk", "bhwc,hkc->bhwk"},
                        {"iij,jkk->ik", "iij,jkk->ik"},
                        {" i j , k j -> k i ", "ij,kj->ki"}};
  for (uint32_t seed = 0; seed < 8; ++seed)
    for (const Form& form : forms) {
      SmallGraph g(seed);
      const std::string plain = form.plain;
      const size_t arrow = plain.find("->");
      std::vector<std::string> terms(1);
      for (char c : plain.substr(0, arrow))
        if (c == ',')
          terms.emplace_back();
        else
          terms.back() += c;
      std::map<char, int64_t> extent;
      std::vector<Tensor> fed;
      std::vector<Value*> inputs;
      for (const std::string& term : terms) {
        Shape shape;
        for (char c : term) shape.push_back(extent.try_emplace(c, g.integer(1, 5)).first->second);
        fed.push_back(g.data(shape));
        inputs.push_back(g.input(shape));
      }
      g.output(g.value("Einsum", inputs, {{"equation", std::string(form.equation)}}));
      expect_near(einsum(terms, plain.substr(arrow + 2), fed), test::run_float(g.graph, fed)[0], 1e-4,
                  fmt::format("{}, seed {}", form.equation, seed));
      if (HasFatalFailure()) return;
    }
}

TEST(Composite, EinsumRefusesNonsense) {
  auto build = [](const char* equation, std::vector<Shape> shapes) {
    SmallGraph g(1);
    std::vector<Value*> inputs;
    for (const Shape& s : shapes) inputs.push_back(g.input(s));
    g.output(g.value("Einsum", inputs, {{"equation", std::string(equation)}}));
  };
  EXPECT_NO_THROW(build("ij,jk", {{2, 3}, {3, 4}}));
  EXPECT_THROW(build("ij,jk", {{2, 3}, {4, 4}}), Error);
  EXPECT_THROW(build("ij", {{2, 3}, {3, 4}}), Error);
  EXPECT_THROW(build("ijk->i", {{2, 3}}), Error);
  EXPECT_THROW(build("ij->z", {{2, 3}}), Error);
  EXPECT_THROW(build("i1->i", {{2, 3}}), Error);
  EXPECT_THROW(build("..i->i", {{2, 3}}), Error);
}

// mean and variance over the elements that `same` puts together with index.
struct Moments {
  double mean = 0, variance = 0;
};
template <class Same>
Moments moments(const Tensor& x, const Shape& index, Same&& same) {
  Moments m;
  double n = 0;
  test::for_each_index(x.shape(), [&](const Shape& i) {
    if (same(i, index)) m.mean += value(x, i), ++n;
  });
  m.mean /= n;
  test::for_each_index(x.shape(), [&](const Shape& i) {
    if (same(i, index)) m.variance += (value(x, i) - m.mean) * (value(x, i) - m.mean) / n;
  });
  return m;
}

TEST(Composite, Normalizations) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SmallGraph g(seed, 21);
    const Shape shape{2, 6, g.integer(1, 4), g.integer(1, 4)};
    const Tensor x = g.data(shape), scale = g.data({6}), bias = g.data({6}), by_group = g.data({3}),
                 offset = g.data({3});
    const float epsilon = 0.01f;
    auto run = [&](const char* op, std::vector<Tensor> parameters, std::map<std::string, graph::Attribute> a,
                   int64_t opset = 21) {
      SmallGraph one(seed, opset);
      std::vector<Value*> inputs{one.input(shape)};
      std::vector<Tensor> fed{x};
      for (const Tensor& t : parameters)
        if (one.integer(0, 1)) {
          inputs.push_back(one.graph.add_constant("", t));
        } else {
          fed.push_back(t);
          inputs.push_back(one.input(t.shape()));
        }
      one.output(one.value(op, inputs, std::move(a)));
      return test::run_float(one.graph, fed)[0];
    };
    auto expect = [&](const Tensor& got, auto same, auto parameter) {
      std::vector<double> y(got.size());
      test::for_each_index(shape, [&](const Shape& i) {
        const Moments m = moments(x, i, same);
        const auto [s, b] = parameter(i);
        y[test::flat(shape, i)] =
            (value(x, i) - m.mean) / std::sqrt(m.variance + static_cast<double>(epsilon)) * s + b;
      });
      expect_near(y, got, 2e-5, fmt::format("seed {}", seed));
    };
    auto channel = [&](const Shape& i) { return std::pair{value(scale, {i[1]}), value(bias, {i[1]})}; };
    auto group = [&](const Shape& i) {
      return std::pair{value(by_group, {i[1] / 2}), value(offset, {i[1] / 2})};
    };
    auto plane = [](const Shape& a, const Shape& b) { return a[0] == b[0] && a[1] == b[1]; };
    auto grouped = [](const Shape& a, const Shape& b) { return a[0] == b[0] && a[1] / 2 == b[1] / 2; };
    const std::map<std::string, graph::Attribute> with_epsilon{{"epsilon", epsilon}};
    expect(run("InstanceNormalization", {scale, bias}, with_epsilon), plane, channel);
    auto groups = with_epsilon;
    groups["num_groups"] = int64_t{3};
    expect(run("GroupNormalization", {scale, bias}, groups), grouped, channel);
    expect(run("GroupNormalization", {by_group, offset}, groups, 18), grouped, group);
    auto training = with_epsilon;
    training["training_mode"] = int64_t{1};
    expect(
        run("BatchNormalization", {scale, bias, g.data({6}), g.data({6}, 0.1f, 1)}, training),
        [](const Shape& a, const Shape& b) { return a[1] == b[1]; }, channel);
    auto layer = with_epsilon;
    layer["axis"] = int64_t{-2};
    const Tensor per_element = g.data({shape[2], shape[3]}), shift = g.data({shape[3]});
    expect(run("LayerNormalization", {per_element, shift}, layer), plane,
           [&](const Shape& i) { return std::pair{value(per_element, {i[2], i[3]}), value(shift, {i[3]})}; });
    // No mean: the scale of RMSNormalization and the norms of LpNormalization.
    const Tensor rms = run("RMSNormalization", {per_element}, layer, 23),
                 lp = run("LpNormalization", {}, {{"p", int64_t{1}}, {"axis", int64_t{1}}});
    test::for_each_index(shape, [&](const Shape& i) {
      double square = 0, sum = 0;
      for (int64_t a = 0; a < shape[2]; ++a)
        for (int64_t b = 0; b < shape[3]; ++b) square += std::pow(value(x, {i[0], i[1], a, b}), 2);
      for (int64_t c = 0; c < 6; ++c) sum += std::fabs(value(x, {i[0], c, i[2], i[3]}));
      const double deviation =
          std::sqrt(square / static_cast<double>(shape[2] * shape[3]) + static_cast<double>(epsilon));
      EXPECT_NEAR(value(rms, i), value(x, i) / deviation * value(per_element, {i[2], i[3]}), 2e-5);
      EXPECT_NEAR(value(lp, i), value(x, i) / sum, 2e-5);
    });
    if (HasFailure()) return;
  }
}

TEST(Composite, QuantizeAndDequantize) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SmallGraph g(seed, 21);
    const Shape shape{3, 10, 2};
    const int64_t form = g.integer(0, 2), axis = g.integer(0, 2), block = g.integer(2, 4);
    Shape scales;
    if (form == 1) scales = {shape[static_cast<size_t>(axis)]};
    if (form == 2) {
      scales = shape;
      scales[static_cast<size_t>(axis)] = (shape[static_cast<size_t>(axis)] + block - 1) / block;
    }
    const bool computed = g.integer(0, 1) != 0;
    const Tensor x = g.data(shape, -3, 3), s = g.data(scales, 0.01f, 0.05f);
    Tensor zero(DType::i8, scales);
    for (int8_t& z : zero.data<int8_t>()) z = static_cast<int8_t>(g.integer(-100, 100));
    std::vector<Tensor> fed{x};
    Value* input = g.input(shape);
    Value* scale = computed ? g.input(scales) : g.graph.add_constant("s", s);
    if (computed) fed.push_back(s);
    Value* offset = g.graph.add_constant("z", zero);
    const std::map<std::string, graph::Attribute> attributes{{"axis", axis - 3},
                                                             {"block_size", form == 2 ? block : int64_t{0}}};
    Value* codes = g.value("QuantizeLinear", {input, scale, offset}, attributes);
    Value* real = g.value("DequantizeLinear", {codes, scale, offset}, attributes);
    g.graph.outputs.push_back(codes);
    g.output(real);
    const auto results = test::run_float(g.graph, fed);
    test::for_each_index(shape, [&](const Shape& i) {
      Shape at_scale = form == 2 ? i : form == 1 ? Shape{i[static_cast<size_t>(axis)]} : Shape{};
      if (form == 2) at_scale[static_cast<size_t>(axis)] /= block;
      const float step = s.data<float>()[test::flat(scales, at_scale)];
      const int z = zero.data<int8_t>()[test::flat(scales, at_scale)];
      const float code =
          std::clamp(std::nearbyint(x.data<float>()[test::flat(shape, i)] / step) + static_cast<float>(z),
                     -128.0f, 127.0f);
      ASSERT_EQ(results[0].data<int8_t>()[test::flat(shape, i)], static_cast<int>(code)) << "seed " << seed;
      ASSERT_EQ(results[1].data<float>()[test::flat(shape, i)], (code - static_cast<float>(z)) * step)
          << "seed " << seed;
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Composite, ConvIntegerIsExact) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SmallGraph g(seed, 13);
    const int64_t groups = g.integer(1, 2), c = g.integer(1, 40), m = g.integer(1, 3);
    const Shape xs{1, groups * c, 6, 5}, ws{groups * m, c, 3, 2};
    Tensor x(DType::u8, xs), w(DType::u8, ws);
    for (uint8_t& v : x.data<uint8_t>()) v = static_cast<uint8_t>(g.integer(0, 255));
    for (uint8_t& v : w.data<uint8_t>()) v = static_cast<uint8_t>(g.integer(0, 255));
    Value* input = g.input(xs);
    input->dtype = DType::u8;
    g.output(g.value(
        "ConvInteger",
        {input, g.graph.add_constant("w", w), g.graph.add_constant("zx", Tensor::from<uint8_t>({}, {7})),
         g.graph.add_constant("zw", Tensor::from<uint8_t>({}, {200}))},
        {{"group", groups}, {"pads", Ints{1, 0, 1, 0}}, {"strides", Ints{2, 1}}}));
    const Tensor y = test::run_float(g.graph, {x})[0];
    ASSERT_EQ(y.shape(), (Shape{1, groups * m, 3, 4}));
    test::for_each_index(y.shape(), [&](const Shape& o) {
      int64_t sum = 0;
      test::for_each_index({c, 3, 2}, [&](const Shape& k) {
        const int64_t row = o[2] * 2 + k[1] - 1, column = o[3] + k[2];
        if (row < 0 || row >= 6) return;
        sum += (x.data<uint8_t>()[test::flat(xs, {0, o[1] / m * c + k[0], row, column})] - 7) *
               (w.data<uint8_t>()[test::flat(ws, {o[1], k[0], k[1], k[2]})] - 200);
      });
      ASSERT_EQ(y.data<int32_t>()[test::flat(y.shape(), o)], sum) << "seed " << seed;
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Composite, Attention) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    SmallGraph g(seed, 23);
    const int64_t batch = 2, heads = 4, kv = g.integer(0, 1) ? 2 : 4, rows = g.integer(1, 4),
                  fresh = g.integer(1, 4), size = 3, past = g.integer(0, 1) ? 2 : 0, columns = past + fresh;
    const bool flat = g.integer(0, 1) != 0, causal = g.integer(0, 1) != 0, boolean = g.integer(0, 1) != 0,
               masked = g.integer(0, 1) != 0;
    const float cap = g.integer(0, 1) ? 2.0f : 0.0f;
    const Tensor q = g.data({batch, heads, rows, size}), k = g.data({batch, kv, fresh, size}),
                 v = g.data({batch, kv, fresh, size}), pk = g.data({batch, kv, past, size}),
                 pv = g.data({batch, kv, past, size}), bias = g.data({rows, columns});
    Tensor allowed(DType::boolean, {rows, columns});
    for (std::byte& b : allowed.bytes()) b = static_cast<std::byte>(g.integer(0, 3) != 0);
    for (int64_t i = 0; i < rows; ++i) allowed.bytes()[static_cast<size_t>(i * columns)] = std::byte{1};
    std::vector<Tensor> fed;
    auto operand = [&](const Tensor& t) {
      Tensor own = t;
      if (flat && t.rank() == 4) {  // [B, S, heads * D]
        const Shape& s = t.shape();
        own = Tensor(DType::f32, {s[0], s[2], s[1] * s[3]});
        test::for_each_index(s, [&](const Shape& i) {
          own.data<float>()[test::flat(own.shape(), {i[0], i[2], i[1] * s[3] + i[3]})] =
              t.data<float>()[test::flat(s, i)];
        });
      }
      fed.push_back(own);
      Value* in = g.input(own.shape());
      in->dtype = own.dtype();
      return in;
    };
    std::vector<Value*> inputs{operand(q), operand(k), operand(v)};
    inputs.push_back(masked ? operand(boolean ? allowed : bias) : nullptr);
    if (past) {
      for (const Tensor* t : {&pk, &pv}) {
        fed.push_back(*t);
        inputs.push_back(g.input(t->shape()));
      }
    }
    std::map<std::string, graph::Attribute> a{{"is_causal", int64_t{causal}}, {"softcap", cap}};
    if (flat) a["q_num_heads"] = heads, a["kv_num_heads"] = kv;
    g.output(g.value("Attention", inputs, a));
    const Tensor y = test::run_float(g.graph, fed)[0];
    test::for_each_index({batch, heads, rows}, [&](const Shape& i) {
      const int64_t own = i[1] / (heads / kv);
      std::vector<double> weight;
      double sum = 0;
      for (int64_t j = 0; j < columns; ++j) {
        double dot = 0;
        for (int64_t e = 0; e < size; ++e)
          dot += value(q, {i[0], i[1], i[2], e}) *
                 (j < past ? value(pk, {i[0], own, j, e}) : value(k, {i[0], own, j - past, e}));
        dot /= std::sqrt(static_cast<double>(size));
        if (cap != 0) dot = static_cast<double>(cap) * std::tanh(dot / static_cast<double>(cap));
        if (masked && !boolean) dot += value(bias, {i[2], j});
        bool open = !causal || j <= i[2] + past;
        if (masked && boolean)
          open = open && allowed.bytes()[static_cast<size_t>(i[2] * columns + j)] != std::byte{0};
        if (!open) dot = -INFINITY;
        weight.push_back(std::exp(dot));
        sum += weight.back();
      }
      for (int64_t e = 0; e < size; ++e) {
        double expected = 0;
        for (int64_t j = 0; j < columns; ++j)
          expected += weight[static_cast<size_t>(j)] / sum *
                      (j < past ? value(pv, {i[0], own, j, e}) : value(v, {i[0], own, j - past, e}));
        ASSERT_NEAR(value(y, flat ? Shape{i[0], i[2], i[1] * size + e} : Shape{i[0], i[1], i[2], e}),
                    expected, 1e-5)
            << "seed " << seed;
      }
    });
    if (HasFatalFailure()) return;
  }
}

TEST(Composite, RotaryEmbedding) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SmallGraph g(seed, 23);
    const bool interleaved = g.integer(0, 1) != 0, indexed = g.integer(0, 1) != 0;
    const int64_t turned = g.integer(0, 1) ? 4 : 6, half = turned / 2;
    const Shape shape{2, 3, 4, 6};
    const Tensor x = g.data(shape), angle = g.data(indexed ? Shape{9, half} : Shape{2, 4, half}, -3, 3);
    Tensor cosine = angle, sine = angle, position(DType::i64, {2, 4});
    for (float& v : cosine.data<float>()) v = std::cos(v);
    for (float& v : sine.data<float>()) v = std::sin(v);
    for (int64_t& p : position.data<int64_t>()) p = g.integer(0, 8);
    std::vector<Value*> inputs{g.input(shape), g.graph.add_constant("c", cosine),
                               g.graph.add_constant("s", sine)};
    if (indexed) inputs.push_back(g.graph.add_constant("p", position));
    g.output(
        g.value("RotaryEmbedding", inputs,
                {{"interleaved", int64_t{interleaved}}, {"rotary_embedding_dim", turned == 6 ? 0 : turned}}));
    const Tensor y = test::run_float(g.graph, {x})[0];
    test::for_each_index({2, 3, 4, half}, [&](const Shape& i) {
      const int64_t p = position.data<int64_t>()[static_cast<size_t>(i[0] * 4 + i[2])];
      const double a = indexed ? value(angle, {p, i[3]}) : value(angle, {i[0], i[2], i[3]});
      const Shape first{i[0], i[1], i[2], interleaved ? 2 * i[3] : i[3]},
          second{i[0], i[1], i[2], interleaved ? 2 * i[3] + 1 : i[3] + half};
      const double u = value(x, first), v = value(x, second);
      ASSERT_NEAR(value(y, first), u * std::cos(a) - v * std::sin(a), 1e-5);
      ASSERT_NEAR(value(y, second), u * std::sin(a) + v * std::cos(a), 1e-5);
    });
    if (turned < 6) EXPECT_EQ(value(y, {1, 2, 3, 5}), value(x, {1, 2, 3, 5}));
    if (HasFatalFailure()) return;
  }
}

TEST(Composite, Transforms) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SmallGraph g(seed, 20);
    const int64_t n = g.integer(1, 12), length = g.integer(1, 12), parts = g.integer(1, 2);
    const bool inverse = g.integer(0, 1) != 0, onesided = !inverse && parts == 1 && g.integer(0, 1);
    const Tensor x = g.data({2, n, 3, parts});
    g.output(g.value("DFT",
                     {g.input(x.shape()), g.graph.add_constant("n", Tensor::from<int64_t>({}, {length})),
                      g.graph.add_constant("a", Tensor::from<int64_t>({}, {-3}))},
                     {{"inverse", int64_t{inverse}}, {"onesided", int64_t{onesided}}}));
    const Tensor y = test::run_float(g.graph, {x})[0];
    const int64_t m = onesided ? length / 2 + 1 : length;
    ASSERT_EQ(y.shape(), (Shape{2, m, 3, 2}));
    test::for_each_index({2, m, 3}, [&](const Shape& i) {
      std::complex<double> sum = 0;
      for (int64_t k = 0; k < std::min(n, length); ++k)
        sum += std::complex<double>(value(x, {i[0], k, i[2], 0}),
                                    parts == 2 ? value(x, {i[0], k, i[2], 1}) : 0) *
               std::polar(1.0, (inverse ? 2 : -2) * M_PI * static_cast<double>(i[1] * k) /
                                   static_cast<double>(length));
      if (inverse) sum /= static_cast<double>(length);
      ASSERT_NEAR(value(y, {i[0], i[1], i[2], 0}), sum.real(), 1e-5) << "seed " << seed;
      ASSERT_NEAR(value(y, {i[0], i[1], i[2], 1}), sum.imag(), 1e-5) << "seed " << seed;
    });
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace openhb
