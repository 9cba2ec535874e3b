// SPDX-License-Identifier: Apache-2.0
#include "tests/device/dnn/test_models.h"

#include <unistd.h>

#include <numeric>

#include "common/program/file.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::testing {
namespace {

// y = tanh(x) or exp(x), in turn.
uint32_t unary(ProgramBuilder& b, uint32_t x, const std::string& name, const Shape& shape, int i) {
  const uint32_t y = b.tensor(name, DType::f32, shape);
  b.step(UnaryParams{.function = i % 2 == 0 ? UnaryFunction::tanh : UnaryFunction::exp}, {x}, y);
  return y;
}

Program elementwise(const std::string& name, const Shape& shape, int steps) {
  ProgramBuilder b(name);
  uint32_t x = b.tensor("x", DType::f32, shape);
  b.input(x);
  for (int i = 0; i < steps; ++i) x = unary(b, x, i + 1 == steps ? "y" : fmt::format("y{}", i), shape, i);
  b.output(x);
  return b.finish();
}

}  // namespace

Program small_network() { return elementwise("small_network", {1, 16}, 2); }

Program long_network(const std::string& name, int steps, int64_t rows) {
  return elementwise(name, {rows, 1000}, steps);
}

Program batch_network(int64_t batch) { return elementwise("batch_network", {batch, 16}, 1); }

Program nv12_network(InputSource source, int64_t batch) {
  ProgramBuilder b(source == InputSource::resizer ? "nv12_resizer" : "nv12_pyramid");
  const uint32_t picture = b.tensor("picture", DType::u8, {batch, 1, 48, 48});
  const uint32_t full = b.tensor("full", DType::f32, {batch, 32, 48, 3});
  b.step(Nv12Params{}, {picture}, full);
  b.input(picture, InputKind::nv12);
  b.output(full);
  Program p = b.finish();
  p.inputs[0].source = source;
  return p;
}

Program mixed_sources_network() {
  ProgramBuilder b("mixed_sources");
  const uint32_t numbers = b.tensor("numbers", DType::f32, {1, 4});
  const uint32_t color = b.tensor("color", DType::u8, {1, 1, 24, 16});
  const uint32_t grey = b.tensor("grey", DType::u8, {1, 1, 8, 8}, {}, {}, 16);
  const uint32_t color_real = b.tensor("color_real", DType::f32, {1, 16, 16, 3});
  b.step(Nv12Params{}, {color}, color_real);
  const uint32_t grey_real = b.tensor("grey_real", DType::f32, {1, 1, 8, 8}, {}, {}, 16);
  b.step(ImageParams{}, {grey}, grey_real);
  const uint32_t color_mean = b.tensor("color_mean", DType::f32, {1, 1, 1, 1});
  b.step(ReduceParams{.function = ReduceFunction::mean, .axes = {1, 2, 3}}, {color_real}, color_mean);
  const uint32_t grey_mean = b.tensor("grey_mean", DType::f32, {1, 1, 1, 1});
  b.step(ReduceParams{.function = ReduceFunction::mean, .axes = {1, 2, 3}}, {grey_real}, grey_mean);
  const uint32_t sum = b.tensor("sum", DType::f32, {1, 1, 1, 1});
  b.step(BinaryParams{.function = BinaryFunction::add}, {color_mean, grey_mean}, sum);
  const uint32_t one = b.tensor("one", DType::f32, {1, 1});
  b.step(CopyParams{.extent = {1}, .in_strides = {1}, .out_strides = {1}}, {sum}, one);
  const uint32_t result = b.tensor("result", DType::f32, {1, 4});
  b.step(BinaryParams{.function = BinaryFunction::add}, {numbers, one}, result);
  b.input(numbers);
  b.input(color, InputKind::nv12);
  b.input(grey, InputKind::gray);
  b.output(result);
  Program p = b.finish();
  p.inputs[1].source = p.inputs[2].source = InputSource::resizer;
  return p;
}

ModelFolder::ModelFolder(const std::string& name)
    : folder_(std::filesystem::temp_directory_path() / fmt::format("openhb_{}_{}", name, ::getpid())) {
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directories(folder_);
}

ModelFolder::~ModelFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string ModelFolder::add(const Program& program) const {
  const std::string file = path(program.name + ".bin");
  write_program(file, program);
  return file;
}

}  // namespace openhb::testing
