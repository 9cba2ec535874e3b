// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/layers.h"

#include <array>
#include <random>

#include "tests/device/engine/sample_programs.h"
#include "tests/device/kernels/conv_case.h"

namespace openhb::bench {
namespace {

using test::ConvSpec;

// The specification of a square int8 layer with "same" padding; pixels are dense, as the compiler lays them
// out.
constexpr ConvSpec conv(int32_t kernel, int64_t inputs, int64_t outputs, int64_t size, int32_t stride = 1) {
  ConvSpec s;
  s.h = s.w = size, s.c = inputs, s.o = outputs;
  s.kernel = {kernel, kernel}, s.stride = {stride, stride};
  s.pads = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
  s.zx = -128, s.zy = -128;
  return s;
}
constexpr ConvSpec depthwise(int32_t kernel, int64_t channels, int64_t size, int32_t stride = 1) {
  ConvSpec s = conv(kernel, channels, channels, size, stride);
  s.depthwise = true, s.groups = channels;
  return s;
}
constexpr ConvSpec in_float(ConvSpec s) {
  s.quantized = false;
  return s;
}

// Weights and multipliers of ordinary size: tests' data have infinities and values that kernels treat apart.
test::ConvData ordinary_data(const ConvSpec& spec) {
  test::ConvData data = test::random_data(spec, 1);
  std::mt19937 random(1);
  for (int8_t& w : data.wi) w = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
  for (int32_t& b : data.bi) b = static_cast<int32_t>(random() % 2000) - 1000;
  for (float& m : data.multiplier) m = 0.001f + static_cast<float>(random() % 1000) * 1e-6f;
  for (auto* values : {&data.wf, &data.bf})
    for (float& v : *values) v = static_cast<float>(random() % 2001) * 1e-3f - 1;
  return data;
}

template <ConvSpec kSpec>
std::shared_ptr<const engine::Model> make() {
  auto layer = std::make_shared<test::ConvCase>(kSpec, ordinary_data(kSpec), 1);
  Program program = layer->program();
  program.name = "layer";
  program.weights_owner = layer;
  for (TensorDesc& t : program.tensors)
    for (size_t k = t.order.size(); k < t.rank(); ++k) t.order.push_back(static_cast<uint8_t>(k));
  program.inputs.push_back({"x", 0, InputKind::featuremap, true});
  program.outputs.push_back({"y", 1});
  return engine::Model::create(std::move(program));
}

using testing::ProgramBuilder;
constexpr Shape::value_type kSize = 56, kChannels = 144;
const std::vector<uint8_t> kNhwc = {0, 2, 3, 1};

uint32_t feature_map(ProgramBuilder& b, const char* name, DType dtype, int64_t size = kSize) {
  const QuantParams quant = dtype == DType::i8 ? QuantParams{{0.05f}, {-3}, -1} : QuantParams{};
  return b.tensor(name, dtype, {1, size, size, kChannels}, quant, kNhwc);
}

// One step from feature maps of 144 channels, 56x56, to another one.
std::shared_ptr<const engine::Model> elementwise(StepParams params, size_t inputs, DType from, DType to,
                                                 int64_t size = kSize) {
  ProgramBuilder b("layer");
  std::vector<uint32_t> ids;
  for (size_t i = 0; i < inputs; ++i) {
    ids.push_back(feature_map(b, i == 0 ? "a" : "b", from));
    b.input(ids.back());
  }
  const uint32_t y = feature_map(b, "y", to, size);
  if (std::holds_alternative<LutParams>(params)) {
    Tensor table(DType::i8, {256});
    for (size_t i = 0; i < table.size(); ++i)
      table.data<int8_t>()[i] = static_cast<int8_t>(100 - static_cast<int>(i));
    ids.push_back(b.constant(table));
  }
  b.step(std::move(params), std::move(ids), y);
  b.output(y);
  return engine::Model::create(b.finish());
}

std::shared_ptr<const engine::Model> table() { return elementwise(LutParams{}, 1, DType::i8, DType::i8); }
std::shared_ptr<const engine::Model> add() {
  return elementwise(BinaryParams{.function = BinaryFunction::add, .fa = 0.8f, .fb = 0.7f, .k = -3.5f}, 2,
                     DType::i8, DType::i8);
}
std::shared_ptr<const engine::Model> mul() {
  return elementwise(BinaryParams{.function = BinaryFunction::mul, .fa = 0.01f}, 2, DType::i8, DType::i8);
}
std::shared_ptr<const engine::Model> quantize() {
  return elementwise(QuantizeParams{}, 1, DType::f32, DType::i8);
}
std::shared_ptr<const engine::Model> dequantize() {
  return elementwise(DequantizeParams{}, 1, DType::i8, DType::f32);
}
std::shared_ptr<const engine::Model> sigmoid() {
  return elementwise(UnaryParams{.function = UnaryFunction::sigmoid}, 1, DType::f32, DType::f32);
}
std::shared_ptr<const engine::Model> max_pool() {
  return elementwise(PoolParams{.mode = PoolMode::max, .kernel = {2, 2}, .stride = {2, 2}}, 1, DType::i8,
                     DType::i8, kSize / 2);
}

// The layers whose peers' figures docs/benchmarks.md lists come first.
constexpr std::array kLayers = {
    Layer{"conv3x3_64_64_56", "3x3, 64 to 64 channels, 56x56", make<conv(3, 64, 64, 56)>},
    Layer{"conv1x1_96_24_56", "1x1, 96 to 24 channels, 56x56", make<conv(1, 96, 24, 56)>},
    Layer{"depthwise3x3_144_56", "depthwise 3x3, 144 channels, 56x56", make<depthwise(3, 144, 56)>},
    Layer{"conv1x1_320_1280_7", "1x1, 320 to 1280 channels, 7x7", make<conv(1, 320, 1280, 7)>},
    Layer{"conv3x3s2_3_32_224", "first layer: 3x3 stride 2, 3 to 32 channels, 224x224",
          make<conv(3, 3, 32, 224, 2)>},
    Layer{"depthwise3x3s2_96_112", "depthwise 3x3 stride 2, 96 channels, 112x112",
          make<depthwise(3, 96, 112, 2)>},
    Layer{"depthwise5x5_64_52", "depthwise 5x5, 64 channels, 52x52", make<depthwise(5, 64, 52)>},
    Layer{"conv3x3_512_512_7", "3x3, 512 to 512 channels, 7x7", make<conv(3, 512, 512, 7)>},
    Layer{"conv1x1_16_96_112", "1x1, 16 to 96 channels, 112x112", make<conv(1, 16, 96, 112)>},
    Layer{"conv7x7s2_3_64_224", "first layer: 7x7 stride 2, 3 to 64 channels, 224x224",
          make<conv(7, 3, 64, 224, 2)>},
    Layer{"fully_connected_2048_1000", "fully connected, 2048 to 1000", make<conv(1, 2048, 1000, 1)>},
    Layer{"float_conv3x3_64_64_56", "float 3x3, 64 to 64 channels, 56x56",
          make<in_float(conv(3, 64, 64, 56))>},
    Layer{"float_depthwise3x3_144_56", "float depthwise 3x3, 144 channels, 56x56",
          make<in_float(depthwise(3, 144, 56))>},
    Layer{"table_144_56", "an activation by table, 144 channels, 56x56", table},
    Layer{"add_144_56", "Add of two int8 maps, 144 channels, 56x56", add},
    Layer{"mul_144_56", "Mul of two int8 maps, 144 channels, 56x56", mul},
    Layer{"maxpool2_144_56", "MaxPool 2x2, 144 channels, 56x56", max_pool},
    Layer{"quantize_144_56", "float to int8, 144 channels, 56x56", quantize},
    Layer{"dequantize_144_56", "int8 to float, 144 channels, 56x56", dequantize},
    Layer{"sigmoid_144_56", "float Sigmoid, 144 channels, 56x56", sigmoid},
};

}  // namespace

std::span<const Layer> layers() { return kLayers; }

std::shared_ptr<const engine::Model> open_target(const std::string& target) {
  constexpr std::string_view kPrefix = "layer:";
  if (!target.starts_with(kPrefix)) return engine::Model::open(target);
  std::string names;
  for (const Layer& layer : kLayers) {
    if (target.substr(kPrefix.size()) == layer.name) return layer.make();
    names += std::string(names.empty() ? "" : ", ") + layer.name;
  }
  fail(ErrorCode::usage, "there is no layer '{}'; there are: {}", target.substr(kPrefix.size()), names);
}

void fill_inputs(engine::Session& session) {
  std::mt19937 random(1);
  const Program& program = session.model().program();
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    const auto bytes = session.input(i);
    const DType dtype = program.tensors[program.inputs[i].tensor].dtype;
    if (dtype == DType::f32) {
      auto* values = reinterpret_cast<float*>(bytes.data());
      for (size_t k = 0; k < bytes.size() / sizeof(float); ++k)
        values[k] = static_cast<float>(random() >> 8) * 0x1p-24f;
    } else if (dtype_size(dtype) == 1) {
      for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 255u);
    }  // others (positions, counts): zero is valid everywhere
  }
}

}  // namespace openhb::bench
