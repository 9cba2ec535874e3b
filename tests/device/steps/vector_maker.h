// SPDX-License-Identifier: Apache-2.0
// What the makers of test vectors share: portable numbers, and steps run on dense tensors.
#pragma once

#include <cstring>
#include <random>

#include "common/io/npy.h"
#include "device/kernels/steps.h"
#include "tests/device/steps/vectors.h"

namespace openhb::test {

// Numbers that every platform makes alike (the standard fixes the generator, not its distributions).
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : generator_(seed) {}
  uint64_t bits() { return generator_(); }
  int32_t integer(int32_t lo, int32_t hi) {
    return lo + static_cast<int32_t>(bits() % (static_cast<uint64_t>(hi - lo) + 1));
  }
  // In [-range, range), a multiple of range / 2^23.
  float real(float range) { return (static_cast<float>(bits() >> 40) - 0x1p23f) * (range * 0x1p-23f); }
  Tensor tensor(DType dtype, const Shape& shape, float range = 4.0f) {
    Tensor t(dtype, shape);
    if (dtype == DType::f32) {
      for (float& v : t.data<float>()) v = real(range);
    } else if (dtype == DType::f64) {
      for (double& v : t.data<double>())
        v = static_cast<double>(real(range)) * (1 + static_cast<double>(real(0x1p-30f)));
    } else {
      for (std::byte& b : t.bytes()) b = static_cast<std::byte>(bits());
    }
    return t;
  }

 private:
  std::mt19937_64 generator_;
};

struct Operand {
  Tensor values;
  QuantParams quant;
  bool constant = false;
};

inline std::string text_of(const QuantParams& q) {
  return fmt::format("scales [{}] zero_points [{}]", fmt::join(q.scales, ", "),
                     fmt::join(q.zero_points, ", "));
}
template <class T>
std::string text_of(const T& v) {
  if constexpr (std::is_enum_v<T>)
    return fmt::format("{}", static_cast<int64_t>(v));
  else if constexpr (std::is_arithmetic_v<T>)
    return fmt::format("{}", v);
  else
    return fmt::format("[{}]", fmt::join(v, ", "));
}

inline std::vector<std::byte> bytes_of(const std::string& text) {
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// Runs one step on dense tensors.
class Maker {
 public:
  explicit Maker(CpuFeatures cpu) : cpu_(cpu) {}

  template <class P>
  void add(const std::string& name, const P& params, const std::vector<Operand>& inputs, DType dtype,
           const Shape& dims, const QuantParams& quant = {}) {
    struct alignas(64) Block {
      std::byte bytes[64];
    };
    Program program;
    std::vector<std::vector<Block>> memory;
    std::vector<const std::byte*> addresses;
    Step step;
    step.params = params;
    step.node = name;
    const auto place = [&](DType type, const Shape& shape, const QuantParams& q, bool constant) {
      TensorDesc t;
      t.dtype = type;
      t.dims = shape;
      t.pitch = shape.empty() ? 1 : shape.back();
      t.quant = q;
      t.storage = constant ? Storage::weights : Storage::arena;
      memory.emplace_back(static_cast<size_t>(t.byte_extent()) / sizeof(Block) + 3);
      program.tensors.push_back(t);
      return static_cast<uint32_t>(program.tensors.size() - 1);
    };
    std::string text = fmt::format("step: {}\n", P::kName);
    for (const Operand& o : inputs) {
      const uint32_t id = place(o.values.dtype(), o.values.shape(), o.quant, o.constant);
      if (o.values.size() != 0)
        std::memcpy(memory.back().data(), o.values.bytes().data(), o.values.bytes().size());
      text += fmt::format("in{}: {} {} {}\n", step.inputs.size(), dtype_name(o.values.dtype()),
                          to_string(o.values.shape()), text_of(o.quant));
      files.push_back({fmt::format("{}.in{}.npy", name, step.inputs.size()), serialize_npy(o.values)});
      step.inputs.push_back(id);
    }
    step.outputs.push_back(place(dtype, dims, quant, false));
    text += fmt::format("out: {} {} {}\n", dtype_name(dtype), to_string(dims), text_of(quant));
    P copy = params;
    P::visit(copy, [&](std::string_view field, const auto& value) {
      text += fmt::format("{}: {}\n", field, text_of(value));
    });

    // All constants in one section, as in a file.
    std::vector<Block> weights;
    for (size_t i = 0; i < memory.size(); ++i) {
      if (program.tensors[i].storage != Storage::weights) continue;
      program.tensors[i].offset = weights.size() * sizeof(Block);
      weights.insert(weights.end(), memory[i].begin(), memory[i].end());
    }
    program.weights = {reinterpret_cast<const std::byte*>(weights.data()), weights.size() * sizeof(Block)};
    for (const uint32_t id : step.inputs)
      addresses.push_back(program.tensors[id].storage == Storage::weights
                              ? program.weights.data() + program.tensors[id].offset
                              : memory[id].data()->bytes);
    std::byte* output = memory.back().data()->bytes;
    const StepView view(program, step);
    Kernel<P>::validate(view, params);
    Kernel<P>::bind(view, params, {addresses, {&output, 1}, cpu_})->run(0, 1);

    Tensor y(dtype, dims);
    std::memcpy(y.bytes().data(), output, y.bytes().size());
    files.push_back({name + ".out.npy", serialize_npy(y)});
    files.push_back({name + ".txt", bytes_of(text)});
  }

  std::vector<VectorFile> files;

 private:
  CpuFeatures cpu_;
};

inline const QuantParams kX{{0.0373f}, {-17}, -1}, kW{{0.0521f}, {9}, -1}, kY{{0.0611f}, {4}, -1};

// Steps with int16 codes on one side or both (vectors_int16.cc).
void add_int16(Maker& maker);
// Steps that move or sample at computed positions (vectors_positions.cc).
void add_positions(Maker& maker);

}  // namespace openhb::test
