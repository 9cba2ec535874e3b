// SPDX-License-Identifier: Apache-2.0
#include "tests/device/engine/sample_programs.h"

#include <cstring>
#include <new>
#include <random>

namespace openhb::testing {
namespace {

uint64_t align_up(uint64_t n) { return (n + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment; }

std::mt19937 random_numbers(1);

Tensor random_floats(Shape shape) {
  Tensor t(DType::f32, std::move(shape));
  for (float& v : t.data<float>())
    v = static_cast<float>(static_cast<int>(random_numbers() % 2001) - 1000) / 1000.0f;
  return t;
}
Tensor random_codes(Shape shape) {
  Tensor t(DType::i8, std::move(shape));
  for (int8_t& v : t.data<int8_t>()) v = static_cast<int8_t>(static_cast<int>(random_numbers() % 255) - 127);
  return t;
}

// The constants of an int8 Conv of up to 16 outputs: weights, bias, 128 * sum(w), multiplier.
std::vector<uint32_t> conv_constants(ProgramBuilder& b, int64_t taps, int64_t quads, bool multiplier) {
  const Tensor weights = random_codes({1, 1, taps, quads, 16, 4});
  std::vector<int32_t> bias(16, 100), sums(16, 0);
  for (size_t i = 0; i < weights.size(); ++i) sums[i / 4 % 16] += 128 * weights.data<int8_t>()[i];
  std::vector<uint32_t> ids = {b.constant(weights), b.constant(Tensor::from<int32_t>({16}, bias)),
                               b.constant(Tensor::from<int32_t>({16}, sums))};
  if (multiplier) ids.push_back(b.constant(Tensor::from<float>({16}, std::vector<float>(16, 0.002f))));
  return ids;
}

const std::vector<uint8_t> kNhwc = {0, 2, 3, 1};

}  // namespace

uint32_t ProgramBuilder::tensor(const std::string& name, DType dtype, Shape dims, QuantParams quant,
                                std::vector<uint8_t> order, int64_t pitch) {
  TensorDesc t;
  t.name = name;
  t.dtype = dtype;
  t.order = std::move(order);
  if (t.order.empty())
    for (size_t k = 0; k < dims.size(); ++k) t.order.push_back(static_cast<uint8_t>(k));
  t.pitch = pitch > 0 ? pitch : dims.empty() ? 1 : dims.back();
  t.dims = std::move(dims);
  t.quant = std::move(quant);
  t.offset = program_.arena_size;
  program_.arena_size = align_up(program_.arena_size + static_cast<uint64_t>(t.byte_extent()));
  program_.tensors.push_back(std::move(t));
  return static_cast<uint32_t>(program_.tensors.size() - 1);
}

uint32_t ProgramBuilder::constant(const Tensor& values) {
  const uint64_t arena_size = program_.arena_size;
  const uint32_t id = tensor("", values.dtype(), values.shape());
  program_.arena_size = arena_size;
  program_.tensors[id].storage = Storage::weights;
  program_.tensors[id].offset = weights_.size();
  weights_.insert(weights_.end(), values.bytes().begin(), values.bytes().end());
  weights_.resize(align_up(weights_.size()));
  return id;
}

void ProgramBuilder::step(StepParams params, std::vector<uint32_t> inputs, uint32_t output) {
  Step step;
  step.node = fmt::format("node_{}", program_.steps.size());
  step.params = std::move(params);
  step.inputs = std::move(inputs);
  step.outputs = {output};
  if (!program_.tensors[output].name.empty()) step.completes = {output};
  program_.steps.push_back(std::move(step));
}

void ProgramBuilder::input(uint32_t tensor, InputKind kind, bool nhwc) {
  program_.inputs.push_back({program_.tensors[tensor].name, tensor, kind, nhwc});
}

void ProgramBuilder::output(uint32_t tensor) {
  program_.outputs.push_back({program_.tensors[tensor].name, tensor});
}

Program ProgramBuilder::finish() {
  const size_t size = weights_.size() + kReadSlack;
  constexpr std::align_val_t alignment{kTensorAlignment};
  std::shared_ptr<std::byte[]> memory(static_cast<std::byte*>(::operator new(size, alignment)),
                                      [](std::byte* p) { ::operator delete(p, alignment); });
  std::memset(memory.get(), 0, size);
  if (!weights_.empty()) std::memcpy(memory.get(), weights_.data(), weights_.size());
  program_.weights = {memory.get(), size};
  program_.weights_owner = memory;
  program_.arena_size += kReadSlack;
  return std::move(program_);
}

Program float_network() {
  random_numbers.seed(1);
  ProgramBuilder b("float_network");
  const uint32_t x = b.tensor("x", DType::f32, {1, 9, 7, 4}, {}, kNhwc);
  const uint32_t conv = b.tensor("block/conv", DType::f32, {1, 9, 7, 8}, {}, kNhwc);
  b.step(ConvParams{.kernel = {3, 3}, .pads = {1, 1, 1, 1}, .lo = 0, .hi = 6},
         {x, b.constant(random_floats({1, 1, 9, 4, 16})), b.constant(random_floats({16}))}, conv);
  const uint32_t pool = b.tensor("block/pool", DType::f32, {1, 4, 3, 8}, {}, kNhwc);
  b.step(PoolParams{.mode = PoolMode::max, .kernel = {2, 2}, .stride = {2, 2}}, {conv}, pool);
  const uint32_t depthwise = b.tensor("block/depthwise", DType::f32, {1, 4, 3, 8}, {}, kNhwc);
  b.step(DepthwiseParams{.kernel = {3, 3}, .pads = {1, 1, 1, 1}, .lo = -100, .hi = 100},
         {pool, b.constant(random_floats({9, 16})), b.constant(random_floats({16}))}, depthwise);
  const uint32_t sigmoid = b.tensor("block/sigmoid", DType::f32, {1, 4, 3, 8}, {}, kNhwc);
  b.step(UnaryParams{.function = UnaryFunction::sigmoid}, {depthwise}, sigmoid);
  const uint32_t mean = b.tensor("mean", DType::f32, {1, 1, 1, 8}, {}, kNhwc);
  b.step(ReduceParams{.function = ReduceFunction::mean, .axes = {1, 2}}, {sigmoid}, mean);
  const uint32_t flat = b.tensor("flat", DType::f32, {1, 8});
  b.step(CopyParams{.extent = {8}, .in_strides = {1}, .out_strides = {1}}, {mean}, flat);
  const uint32_t logits = b.tensor("logits", DType::f32, {1, 5});
  b.step(MatMulParams{}, {flat, b.constant(random_floats({8, 5}))}, logits);
  const uint32_t scores = b.tensor("scores", DType::f32, {1, 5});
  b.step(SoftmaxParams{.axis = 1}, {logits}, scores);
  b.input(x);
  b.output(scores);
  return b.finish();
}

Program quantized_network() {
  random_numbers.seed(2);
  const auto quant = [](float scale, int32_t zero_point) { return QuantParams{{scale}, {zero_point}, -1}; };
  ProgramBuilder b("quantized_network");
  const uint32_t picture = b.tensor("picture", DType::u8, {1, 8, 8, 3}, {}, kNhwc, 4);
  const uint32_t image = b.tensor("image", DType::i8, {1, 8, 8, 3}, quant(1, 0), kNhwc, 4);
  b.step(ImageParams{}, {picture}, image);
  const uint32_t conv = b.tensor("features", DType::i8, {1, 8, 8, 12}, quant(0.05f, -128), kNhwc);
  std::vector<uint32_t> inputs = conv_constants(b, 9, 1, true);
  inputs.insert(inputs.begin(), image);
  b.step(ConvParams{.kernel = {3, 3}, .pads = {1, 1, 1, 1}, .lo = -128, .hi = 127}, inputs, conv);
  const uint32_t lut = b.tensor("activated", DType::i8, {1, 8, 8, 12}, quant(0.04f, 3), kNhwc);
  b.step(LutParams{}, {conv, b.constant(random_codes({256}))}, lut);
  const uint32_t sum = b.tensor("sum", DType::i8, {1, 8, 8, 12}, quant(0.06f, 1), kNhwc);
  b.step(BinaryParams{.function = BinaryFunction::add, .fa = 0.8f, .fb = 0.7f, .k = -3.5f}, {conv, lut}, sum);
  const uint32_t pool = b.tensor("pooled", DType::i8, {1, 1, 1, 12}, quant(0.06f, 1), kNhwc);
  b.step(PoolParams{.mode = PoolMode::global_average}, {sum}, pool);
  const uint32_t accumulators =
      b.tensor("accumulators", DType::i32, {1, 1, 1, 10},
               {std::vector<float>(10, 0.01f), std::vector<int32_t>(10, 0), 3}, kNhwc);
  inputs = conv_constants(b, 1, 3, false);
  inputs.insert(inputs.begin(), pool);
  b.step(ConvParams{}, inputs, accumulators);
  const uint32_t scores = b.tensor("scores", DType::f32, {1, 1, 1, 10}, {}, kNhwc);
  b.step(DequantizeParams{}, {accumulators}, scores);
  b.input(picture, InputKind::rgb);
  b.output(scores);
  b.output(sum);
  return b.finish();
}

Program mixed_network() {
  random_numbers.seed(3);
  ProgramBuilder b("mixed_network");
  const uint32_t x = b.tensor("x", DType::f32, {1, 3, 4, 2});
  const uint32_t ids = b.tensor("ids", DType::i64, {5});
  const uint32_t codes = b.tensor("codes", DType::i8, {1, 3, 4, 2}, {{0.1f}, {-5}, -1});
  b.step(QuantizeParams{}, {x}, codes);
  const uint32_t nearest = b.tensor("nearest", DType::i8, {1, 2, 2, 2}, {{0.1f}, {-5}, -1});
  b.step(ResizeParams{ResizeMode::nearest},
         {codes, b.constant(Tensor::from<int32_t>({2}, std::vector<int32_t>{0, 2})),
          b.constant(Tensor::from<int32_t>({2}, std::vector<int32_t>{1, 3}))},
         nearest);
  const uint32_t linear = b.tensor("linear", DType::f32, {1, 2, 2, 2});
  const auto table = [&](std::vector<int32_t> v) { return b.constant(Tensor::from<int32_t>({2, 2}, v)); };
  const auto weights = [&](std::vector<float> v) { return b.constant(Tensor::from<float>({2, 2}, v)); };
  b.step(ResizeParams{ResizeMode::linear},
         {x, table({0, 1, 1, 2}), weights({0.75f, 0.25f, 0.25f, 0.75f}), table({0, 2, 1, 3}),
          weights({0.5f, 0.5f, 0.5f, 0.5f})},
         linear);
  const uint32_t whole = b.tensor("whole", DType::i32, {1, 2, 2, 2});
  b.step(CastParams{}, {linear}, whole);
  const uint32_t one = b.tensor("one", DType::i32, {1});
  b.step(FillParams{.value = 1}, {}, one);
  const uint32_t more = b.tensor("more", DType::i32, {1, 2, 2, 2});
  b.step(BinaryParams{.function = BinaryFunction::add}, {whole, one}, more);
  const uint32_t rows = b.tensor("rows", DType::f32, {5, 4});
  b.step(GatherParams{.axis = 0}, {b.constant(random_floats({7, 4})), ids}, rows);
  b.input(x);
  b.input(ids);
  for (uint32_t out : {nearest, more, rows}) b.output(out);
  return b.finish();
}

std::vector<Program> sample_programs() { return {float_network(), quantized_network(), mixed_network()}; }

}  // namespace openhb::testing
