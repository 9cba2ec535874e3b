// SPDX-License-Identifier: Apache-2.0
// Inputs of programs: colours by their formulas, layouts, samples, batches.
#include <gtest/gtest.h>

#include <cmath>

#include "common/image/yuv.h"
#include "host/compiler/batch.h"
#include "host/compiler/inputs.h"
#include "host/compiler/sample.h"
#include "host/passes/preprocess.h"
#include "host/precision/assign.h"
#include "tests/host/compiler/small_graph.h"

namespace openhb::compiler {
namespace {

using test::SmallGraph;

config::InputConfig picture(InputKind train, InputKind rt, bool video = false) {
  config::InputConfig input;
  input.name = "x0";
  input.kind_train = train;
  input.kind_rt = rt;
  input.nhwc_rt = rt != InputKind::nv12;
  input.bt601_video = video;
  input.norm = config::Norm::mean_and_scale;
  input.mean = {123.675f, 116.28f, 103.53f};
  input.scale = {0.0171f, 0.0175f, 0.0174f};
  return input;
}

config::Config config_of(const config::InputConfig& input) {
  config::Config config;
  config.inputs = {input};
  return config;
}

Tensor random_bytes(SmallGraph& g, const Shape& shape) {
  Tensor t(DType::u8, shape);
  for (uint8_t& v : t.data<uint8_t>()) v = static_cast<uint8_t>(g.integer(0, 255));
  return t;
}

// Training colours from y, u, v as docs/numerics.md has them, in binary64.
double colour(const uint8_t* yuv, InputKind train, size_t c, bool video) {
  if (train == InputKind::yuv444) return yuv[c];
  const double y = video ? 1.164383 * (yuv[0] - 16) : yuv[0], u = yuv[1] - 128.0, v = yuv[2] - 128.0;
  const size_t i = train == InputKind::bgr ? 2 - c : c;
  if (i == 0) return y + (video ? 1.596027 : 1.402) * v;
  if (i == 1) return y - (video ? 0.391762 : 0.344136) * u - (video ? 0.812968 : 0.714136) * v;
  return y + (video ? 2.017232 : 1.772) * u;
}

// The network is a Neg, so that what HzPreprocess gives can be seen; `int8` makes it integers.
struct Network {
  SmallGraph g{11};
  config::InputConfig input;
  Network(const config::InputConfig& in, const Shape& shape, bool int8) : input(in) {
    g.graph.inputs.clear();
    Value* x = g.input(shape);
    g.output(g.value("Relu", {g.value("Conv", {x, identity()})}));
    passes::insert_preprocess(g.graph, {input});
    ops::infer_shapes(g.graph);
    if (!int8) return;
    precision::assign_precision(g.graph, {});
    precision::apply_ranges(g.graph, {"x0"},
                            [](const graph::Value&) { return calibration::ClipRange{-2.5f, 2.75f}; });
  }
  using Value = graph::Value;
  Value* identity() {
    Tensor w(DType::f32, {6, 3, 1, 1});
    for (size_t c = 0; c < 3; ++c) w.data<float>()[c * 3 + c] = 1, w.data<float>()[(c + 3) * 3 + c] = -1;
    return g.graph.add_constant("w", std::move(w));
  }
  std::vector<float> run(const Tensor& bytes, InputKind as, bool int8) {
    config::InputConfig other = input;
    other.kind_rt = as;
    other.nhwc_rt = as != InputKind::nv12;
    const LowerOptions options{.int8 = int8, .images = program_inputs(config_of(other))};
    GraphRunner runner(g.graph, options, 1);
    runner.run({bytes});
    const Tensor y = runner.output(0);
    // Both signs again.
    const size_t plane = y.size() / 6;
    std::vector<float> values(plane * 3);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = y.data<float>()[i] - y.data<float>()[i + plane * 3];
    return values;
  }
};

struct Pair {
  InputKind train, rt;
  bool video;
};
const Pair kPairs[] = {
    {InputKind::rgb, InputKind::yuv444, false},    {InputKind::bgr, InputKind::yuv444, false},
    {InputKind::rgb, InputKind::nv12, false},      {InputKind::bgr, InputKind::nv12, false},
    {InputKind::rgb, InputKind::nv12, true},       {InputKind::bgr, InputKind::nv12, true},
    {InputKind::yuv444, InputKind::yuv444, false}, {InputKind::yuv444, InputKind::nv12, false}};

TEST(Inputs, ColoursFollowTheFormulas) {
  for (const Pair& p : kPairs)
    for (const bool nhwc : {false, true})
      for (const bool int8 : {false, true}) {
        if (nhwc && int8) continue;  // the graph of this test has its channels first
        config::InputConfig in = picture(p.train, p.rt, p.video);
        Network net(in, {1, 3, 6, 18}, int8);
        const Tensor bytes =
            p.rt == InputKind::nv12 ? random_bytes(net.g, {1, 1, 9, 18}) : random_bytes(net.g, {1, 6, 18, 3});
        const Tensor yuv = p.rt == InputKind::nv12 ? yuv444_from_nv12(bytes) : bytes;
        const std::vector<float> found = net.run(bytes, p.rt, int8);
        double worst = 0;
        for (size_t i = 0; i < 6 * 18; ++i)
          for (size_t c = 0; c < 3; ++c) {
            const double pixel = colour(&yuv.data<uint8_t>()[i * 3], p.train, c, p.video);
            const double expected = (pixel - double{in.mean[c]}) * double{in.scale[c]};
            if (int8 && (expected < -2.5 || expected > 2.75)) continue;  // out of the range that was chosen
            worst = std::max(worst, std::abs(double{found[c * 108 + i]} - expected));
          }
        // Integers: half a code of HzPreprocess and one of the Conv, and weights of 8 bits.
        EXPECT_LT(worst, int8 ? 0.06 : 1e-5)
            << static_cast<int>(p.train) << " " << static_cast<int>(p.rt) << " int8 " << int8;
      }
}

// The same network, given nv12 or the YUV444 that it becomes: the same bits.
TEST(Inputs, Nv12IsYuv444OfItsChroma) {
  for (const bool int8 : {false, true}) {
    Network net(picture(InputKind::rgb, InputKind::nv12), {2, 3, 4, 22}, int8);
    const Tensor bytes = random_bytes(net.g, {2, 1, 6, 22});
    EXPECT_EQ(net.run(bytes, InputKind::nv12, int8),
              net.run(yuv444_from_nv12(bytes), InputKind::yuv444, int8));
  }
}

TEST(Inputs, ProgramOfNv12) {
  Network net(picture(InputKind::bgr, InputKind::nv12, true), {2, 3, 4, 22}, true);
  config::Config config = config_of(net.input);
  Program program = Lowering(net.g.graph, {.int8 = true, .images = program_inputs(config)}).run();
  describe_inputs(config, program);
  const ProgramInput& in = program.inputs[0];
  const TensorDesc& desc = program.tensors[in.tensor];
  EXPECT_EQ(in.kind, InputKind::nv12);
  EXPECT_EQ(in.source, InputSource::pyramid);
  EXPECT_TRUE(in.bt601_video);
  EXPECT_EQ(desc.dims, (Shape{2, 1, 6, 22}));
  EXPECT_EQ(desc.pitch, 32);
  EXPECT_EQ(valid_shape(in, desc), (Shape{2, 3, 4, 22}));
  EXPECT_EQ(step_name(program.steps[0].params), "NV12TOYUV444");
  EXPECT_EQ(program.steps[0].backend, Backend::bpu);
  config.input_sources = {{"x0", InputSource::resizer}};
  describe_inputs(config, program);
  EXPECT_EQ(program.inputs[0].source, InputSource::resizer);
}

TEST(Inputs, FeaturemapsInTheOtherLayout) {
  for (const bool nhwc_rt : {false, true}) {
    SmallGraph g(5);
    const Shape shape = nhwc_rt ? Shape{2, 4, 3, 5} : Shape{2, 3, 5, 4};
    g.output(g.value("Neg", {g.input(shape)}));
    config::InputConfig input;
    input.name = "x0";
    input.nhwc_rt = nhwc_rt, input.nhwc_train = !nhwc_rt;
    const Tensor sample = g.data(shape);
    const Tensor given = program_input(input, sample, *g.graph.inputs[0]);
    EXPECT_EQ(given.shape(), nhwc_rt ? (Shape{2, 3, 5, 4}) : (Shape{2, 4, 3, 5}));
    GraphRunner runner(g.graph, {.images = program_inputs(config_of(input))}, 1);
    runner.run({given});
    const Tensor y = runner.output(0);
    for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y.data<float>()[i], -sample.data<float>()[i]);
  }
}

// What calibration sees of an R, G, B sample is what the program computes from its bytes.
TEST(Inputs, SamplesOfGraphAndProgramAgree) {
  for (const Pair& p : kPairs)
    for (const bool nhwc : {false, true}) {
      config::InputConfig in = picture(p.train, p.rt, p.video);
      in.nhwc_train = nhwc;
      SmallGraph g(9);
      graph::Value value;
      value.shape = nhwc ? Shape{2, 4, 6, 3} : Shape{2, 3, 4, 6};
      const Tensor sample = g.data(value.shape, -20, 280);  // also what a careless resize leaves
      const Tensor seen = graph_input(in, sample, value), given = program_input(in, sample, value);
      ASSERT_EQ(seen.shape(), value.shape);
      const Tensor yuv = p.rt == InputKind::nv12 ? yuv444_from_nv12(given) : given;
      for (size_t i = 0; i < 2 * 4 * 6; ++i)
        for (size_t c = 0; c < 3; ++c) {
          const size_t at = nhwc ? i * 3 + c : (i / 24 * 3 + c) * 24 + i % 24;
          const float byte = yuv.data<uint8_t>()[i * 3 + c];
          const float v = seen.data<float>()[at] + 128;
          // yuv444 from yuv444 stays as fine as the sample.
          if (p.rt != p.train)
            EXPECT_EQ(v, byte);
          else
            EXPECT_NEAR(std::clamp(v, 0.0f, 255.0f), byte, 0.501f);
        }
      // One pixel by hand.
      uint8_t rgb[3];
      for (size_t c = 0; c < 3; ++c)
        rgb[c] = static_cast<uint8_t>(
            std::clamp(std::nearbyint(sample.data<float>()[nhwc ? c : c * 24]), 0.0f, 255.0f));
      if (p.train == InputKind::bgr) std::swap(rgb[0], rgb[2]);
      if (p.train != InputKind::yuv444) {
        EXPECT_EQ(yuv.data<uint8_t>()[0], yuv_of(rgb[0], rgb[1], rgb[2], p.video)[0]);
      }
    }
}

TEST(Inputs, FeaturemapSamplesTakeTheInputsType) {
  config::InputConfig input;
  graph::Value value;
  value.shape = {4};
  value.dtype = DType::i64;
  const Tensor ids =
      graph_input(input, Tensor::from<float>({4}, std::vector<float>{3, -7, 2.6f, 1e30f}), value);
  ASSERT_EQ(ids.dtype(), DType::i64);
  EXPECT_EQ(ids.data<int64_t>()[1], -7);
  EXPECT_EQ(ids.data<int64_t>()[2], 3);
  EXPECT_EQ(ids.data<int64_t>()[3], std::numeric_limits<int64_t>::max());
  value.dtype = DType::boolean;
  EXPECT_EQ(program_input(input, Tensor::from<float>({4}, std::vector<float>{0, 2, 0, 1}), value).bytes()[1],
            std::byte{1});
}

std::string refusal(const SmallGraph& g, int64_t batch = 3) {
  try {
    batched(g.graph, batch, {});
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::config_bad_value);
    return e.what();
  }
  return "";
}

TEST(Batch, SamplesStayApart) {
  SmallGraph g(21);
  graph::Value* x = g.value("Conv", {g.input({1, 3, 6, 6}), g.weights({8, 3, 3, 3})});
  graph::Value* flat = g.value("Reshape", {g.value("Relu", {x}), g.ints({1, -1})});
  graph::Value* part = g.value("Reshape", {flat, g.ints({1, 8, 16})});
  g.output(g.value("Softmax", {g.value("MatMul", {part, g.weights({16, 5})})}, {{"axis", int64_t{-1}}}));
  for (const int64_t batch : {2, 5}) {
    const graph::Graph many = batched(g.graph, batch, {});
    EXPECT_EQ(many.outputs[0]->shape, (Shape{batch, 8, 5}));
    EXPECT_EQ(g.graph.outputs[0]->shape, (Shape{1, 8, 5}));
    const Tensor all = g.data({batch, 3, 6, 6});
    const Tensor y = test::run_float(many, {all})[0];
    for (int64_t s = 0; s < batch; ++s) {
      Tensor one(DType::f32, {1, 3, 6, 6});
      std::copy_n(all.data<float>().begin() + s * 108, 108, one.data<float>().begin());
      const Tensor alone = test::run_float(g.graph, {one})[0];
      EXPECT_TRUE(std::equal(alone.data<float>().begin(), alone.data<float>().end(),
                             y.data<float>().begin() + s * 40));
    }
  }
}

TEST(Batch, RefusesWithTheNode) {
  const auto model = [](const std::function<graph::Value*(SmallGraph&, graph::Value*)>& f) {
    SmallGraph g(22);
    g.output(f(g, g.value("Relu", {g.input({1, 4, 6})})));
    return refusal(g);
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
  };
  // Along the first dimension, with shapes that show nothing.
  contains(
      model([](SmallGraph& g, graph::Value* x) { return g.value("Softmax", {x}, {{"axis", int64_t{0}}}); }),
      "node 'Softmax' (Softmax) mixes samples");
  contains(model([](SmallGraph& g, graph::Value* x) { return g.value("CumSum", {x, g.ints({0})}); }),
           "mixes samples");
  // By shapes.
  contains(model([](SmallGraph& g, graph::Value* x) { return g.value("Reshape", {x, g.ints({4, 6})}); }),
           "'Reshape'");
  contains(model([](SmallGraph& g, graph::Value* x) { return g.value("Reshape", {x, g.ints({-1, 6})}); }),
           "'Reshape'");
  contains(model([](SmallGraph& g, graph::Value* x) {
             return g.value("ReduceMean", {x}, {{"axes", std::vector<int64_t>{0}}, {"keepdims", int64_t{1}}});
           }),
           "'ReduceMean'");
  contains(model([](SmallGraph& g, graph::Value* x) {
             return g.value("Concat", {x, g.weights({1, 2, 6})}, {{"axis", int64_t{1}}});
           }),
           "input_batch 3 is not possible");
  EXPECT_EQ(model([](SmallGraph& g, graph::Value* x) { return g.value("Add", {x, g.weights({1, 4, 6})}); }),
            "");
}

TEST(Inputs, CheckedAgainstTheModel) {
  const auto error = [](const config::Config& config, const Shape& shape) -> std::string {
    SmallGraph g(2);
    g.output(g.value("Neg", {g.input(shape)}));
    try {
      check_inputs(config, g.graph);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  const auto contains = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
  };
  config::Config config = config_of(picture(InputKind::rgb, InputKind::nv12));
  EXPECT_EQ(error(config, {1, 3, 8, 8}), "");
  contains(error(config, {1, 3, 7, 8}), "height 7 and width 8 must be even");
  contains(error(config, {1, 3, 8, 9}), "height 8 and width 9 must be even");
  contains(error(config, {1, 1, 8, 8}), "3 channels would be at position 1");
  contains(error(config, {1, 3, 8, 8, 8}), "a picture has 4 dimensions");
  config.inputs[0].kind_rt = InputKind::yuv444;
  EXPECT_EQ(error(config, {1, 3, 7, 9}), "");
  config.inputs[0].nhwc_train = true;
  contains(error(config, {1, 3, 8, 8}), "3 channels would be at position 3");
  config.inputs[0].kind_train = config.inputs[0].kind_rt = InputKind::gray;
  contains(error(config, {1, 8, 8, 3}), "1 channel would be at position 3");
  config.input_batch = 2;
  contains(error(config, {2, 8, 8, 1}), "input_batch 2 needs inputs whose first dimension is 1");
  config.input_sources = {{"imag", InputSource::ddr}};
  contains(error(config, {1, 8, 8, 1}), "'imag' is no input of the model");
}

}  // namespace
}  // namespace openhb::compiler
