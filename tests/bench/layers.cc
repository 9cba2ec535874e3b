// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/layers.h"

#include <array>
#include <random>

#include "tests/device/kernels/conv_case.h"

namespace openhb::bench {
namespace {

using test::ConvSpec;

// The specification of a square int8 layer with "same" padding.
constexpr ConvSpec conv(int32_t kernel, int64_t inputs, int64_t outputs, int64_t size, int32_t stride = 1) {
  ConvSpec s;
  s.h = s.w = size, s.c = inputs, s.o = outputs;
  s.kernel = {kernel, kernel}, s.stride = {stride, stride};
  s.pads = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
  s.x_gap = (4 - inputs % 4) % 4, s.y_gap = (4 - outputs % 4) % 4;
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

template <ConvSpec kSpec>
std::shared_ptr<const engine::Model> make() {
  auto layer = std::make_shared<test::ConvCase>(kSpec, test::random_data(kSpec, 3), 1);
  Program program = layer->program();
  program.name = "layer";
  program.weights_owner = layer;
  for (TensorDesc& t : program.tensors)
    for (size_t k = t.order.size(); k < t.rank(); ++k) t.order.push_back(static_cast<uint8_t>(k));
  program.inputs.push_back({"x", 0, InputKind::featuremap, true});
  program.outputs.push_back({"y", 1});
  return engine::Model::create(std::move(program));
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
