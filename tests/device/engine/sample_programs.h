// SPDX-License-Identifier: Apache-2.0
// Small valid programs that together use every step; for tests of the engine and its tools, and as fuzzing
// seeds.
#pragma once

#include <string>
#include <vector>

#include "common/program/program.h"
#include "common/tensor.h"

namespace openhb::testing {

// Puts tensors one behind the other: nothing shares memory.
class ProgramBuilder {
 public:
  explicit ProgramBuilder(std::string name) { program_.name = std::move(name); }

  // `order` empty: the memory order is the ONNX order.
  uint32_t tensor(const std::string& name, DType dtype, Shape dims, QuantParams quant = {},
                  std::vector<uint8_t> order = {}, int64_t pitch = 0);
  uint32_t constant(const Tensor& values);
  void step(StepParams params, std::vector<uint32_t> inputs, uint32_t output);
  void input(uint32_t tensor, InputKind kind = InputKind::featuremap, bool nhwc = false);
  void output(uint32_t tensor);
  Program finish();

 private:
  Program program_;
  std::vector<std::byte> weights_;
};

// float32 [1,4,9,7] (stored NHWC) through Conv, Pool, Depthwise, Unary, Reduce, Copy, MatMul, Softmax to
// [1,5].
Program float_network();
// An RGB picture [1,3,8,8] (stored NHWC) through int8 Image, Conv, Lut, Binary, Pool, and an int32 Conv to
// float32 [1,10,1,1] and an int8 output.
Program quantized_network();
// Quantize, Cast, Fill, Gather, Resize (both modes), Binary with broadcasting.
Program mixed_network();

std::vector<Program> sample_programs();

}  // namespace openhb::testing
