// SPDX-License-Identifier: Apache-2.0
// Random programs that are well formed as files (their steps mean nothing), and comparison of programs.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

#include "common/program/program.h"

namespace openhb::testing {

class RandomProgram {
 public:
  explicit RandomProgram(uint32_t seed) : random_(seed) {}

  Program make() {
    Program p;
    p.name = fmt::format("model_{}", number(0, 999));
    for (int64_t i = number(0, 4); i > 0; --i) p.properties[fmt::format("key{}", number(0, 99))] = text();
    const int64_t tensors = number(2, 12);
    for (int64_t i = 0; i < tensors; ++i) add_tensor(p, i == 0 ? Storage::arena : storage());
    // A tensor's bytes follow the ones before; the sections end with the spare bytes.
    auto weights = std::make_shared<std::vector<std::byte>>(weights_size_ + kReadSlack + kTensorAlignment);
    auto* first = weights->data();
    first += (kTensorAlignment - reinterpret_cast<uintptr_t>(first) % kTensorAlignment) % kTensorAlignment;
    for (size_t i = 0; i < weights_size_; ++i) first[i] = static_cast<std::byte>(number(0, 255));
    p.weights = {first, weights_size_ + kReadSlack};
    p.weights_owner = weights;
    p.arena_size += kReadSlack;
    for (int64_t i = number(0, 8); i > 0; --i) add_step(p);
    p.inputs.push_back({"in", 0, InputKind::featuremap, flip()});
    p.outputs.push_back({"out", static_cast<uint32_t>(number(0, tensors - 1))});
    return p;
  }

 private:
  int64_t number(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  bool flip() { return number(0, 1) != 0; }
  Storage storage() { return flip() ? Storage::arena : Storage::weights; }
  std::string text() {
    std::string s;
    for (int64_t i = number(0, 20); i > 0; --i) s += static_cast<char>(number(1, 127));
    return s;
  }

  void add_tensor(Program& p, Storage storage) {
    TensorDesc t;
    t.name = flip() ? "" : fmt::format("tensor_{}", p.tensors.size());
    t.dtype = static_cast<DType>(number(0, 11));
    for (int64_t i = number(0, 5); i > 0; --i) t.dims.push_back(number(0, 6));
    for (size_t k = 0; k < t.rank(); ++k) t.order.push_back(static_cast<uint8_t>(k));
    std::shuffle(t.order.begin(), t.order.end(), random_);
    t.pitch = (t.dims.empty() ? 1 : t.dims.back()) + number(0, 3);
    t.storage = storage;
    auto& end = storage == Storage::weights ? weights_size_ : p.arena_size;
    t.offset = end;
    end +=
        (static_cast<uint64_t>(t.byte_extent()) + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
    const int64_t channels = t.dims.empty() || flip() ? 1 : t.dims.back();
    if (flip() && channels > 0) {
      t.quant.axis = channels > 1 ? static_cast<int32_t>(t.rank()) - 1 : -1;
      for (int64_t c = 0; c < channels; ++c)
        t.quant.scales.push_back(static_cast<float>(number(1, 1000)) / 128.0f);
      t.quant.zero_points.assign(t.quant.scales.size(), t.dtype == DType::i8 ? -128 : 0);
    }
    p.tensors.push_back(t);
  }

  void add_step(Program& p) {
    Step step;
    set_kind(step.params, static_cast<size_t>(number(0, std::variant_size_v<StepParams> - 1)),
             std::make_index_sequence<std::variant_size_v<StepParams>>());
    std::visit([&](auto& params) { params.visit(params, *this); }, step.params);
    step.node = text();
    for (int64_t i = number(0, 3); i > 0; --i)
      step.inputs.push_back(static_cast<uint32_t>(number(0, static_cast<int64_t>(p.tensors.size()) - 1)));
    step.outputs.push_back(0);
    if (flip()) step.completes.push_back(static_cast<uint32_t>(p.tensors.size() - 1));
    step.backend = flip() ? Backend::cpu : Backend::bpu;
    step.subgraph = static_cast<int32_t>(number(-1, 5));
    p.steps.push_back(step);
  }

  template <size_t... I>
  static void set_kind(StepParams& params, size_t kind, std::index_sequence<I...>) {
    ((kind == I ? static_cast<void>(params.emplace<I>()) : static_cast<void>(0)), ...);
  }

 public:
  // As the visitor of parameters: random values, also the extreme ones.
  template <class T>
  void operator()(const char*, T& value) {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(number(0, 2));
    } else if constexpr (std::is_floating_point_v<T>) {
      const T choices[] = {T(0),
                           -T(0),
                           T(1.5),
                           -T(0.1),
                           Limits::max(),
                           Limits::lowest(),
                           Limits::infinity(),
                           -Limits::infinity(),
                           Limits::denorm_min()};
      value = choices[number(0, 8)];
    } else if constexpr (std::is_integral_v<T>) {
      value = flip() ? static_cast<T>(number(Limits::min(), Limits::max())) : static_cast<T>(number(0, 3));
    } else {
      if constexpr (requires { value.resize(1); }) value.resize(static_cast<size_t>(number(0, 8)));
      for (auto& v : value) (*this)("", v);
    }
  }

 private:
  std::mt19937 random_;
  uint64_t weights_size_ = 0;
};

// Parameters as text, for comparison.
inline std::string params_text(const StepParams& params) {
  std::string text(step_name(params));
  const auto append = [&]<class T>(const char* name, const T& value) {
    text += fmt::format(" {}=", name);
    if constexpr (std::is_enum_v<T>)
      text += std::to_string(static_cast<int32_t>(value));
    else if constexpr (std::is_arithmetic_v<T>)
      text += std::is_floating_point_v<T> ? fmt::format("{:a}", static_cast<double>(value))
                                          : fmt::format("{}", value);
    else
      text += fmt::format("[{}]", fmt::join(value, ","));
  };
  std::visit([&](const auto& p) { p.visit(p, append); }, params);
  return text;
}

inline void expect_equal(const Program& a, const Program& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.properties, b.properties);
  EXPECT_EQ(a.arena_size, b.arena_size);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    const TensorDesc &s = a.tensors[i], &t = b.tensors[i];
    EXPECT_EQ(s.name, t.name);
    EXPECT_EQ(s.dtype, t.dtype);
    EXPECT_EQ(s.dims, t.dims);
    EXPECT_EQ(s.order, t.order);
    EXPECT_EQ(s.pitch, t.pitch);
    EXPECT_EQ(s.storage, t.storage);
    EXPECT_EQ(s.offset, t.offset);
    EXPECT_EQ(s.quant, t.quant);
  }
  ASSERT_EQ(a.steps.size(), b.steps.size());
  for (size_t i = 0; i < a.steps.size(); ++i) {
    const Step &s = a.steps[i], &t = b.steps[i];
    EXPECT_EQ(params_text(s.params), params_text(t.params));
    EXPECT_EQ(s.node, t.node);
    EXPECT_EQ(s.inputs, t.inputs);
    EXPECT_EQ(s.outputs, t.outputs);
    EXPECT_EQ(s.completes, t.completes);
    EXPECT_EQ(s.backend, t.backend);
    EXPECT_EQ(s.subgraph, t.subgraph);
  }
  ASSERT_EQ(a.inputs.size(), b.inputs.size());
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    EXPECT_EQ(a.inputs[i].name, b.inputs[i].name);
    EXPECT_EQ(a.inputs[i].tensor, b.inputs[i].tensor);
    EXPECT_EQ(a.inputs[i].kind, b.inputs[i].kind);
    EXPECT_EQ(a.inputs[i].nhwc, b.inputs[i].nhwc);
  }
  ASSERT_EQ(a.outputs.size(), b.outputs.size());
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    EXPECT_EQ(a.outputs[i].name, b.outputs[i].name);
    EXPECT_EQ(a.outputs[i].tensor, b.outputs[i].tensor);
  }
  ASSERT_EQ(a.weights.size(), b.weights.size());
  EXPECT_TRUE(a.weights.empty() || std::memcmp(a.weights.data(), b.weights.data(), a.weights.size()) == 0);
}

}  // namespace openhb::testing
