// SPDX-License-Identifier: Apache-2.0
// One step in a program of its own: every instruction set and every split must give the same bytes, and
// nothing but the elements of the outputs may change.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <random>

#include "common/tensor.h"
#include "device/kernels/kernel.h"

namespace openhb::test {

// The generator of this process; its seed is printed and can be set with OPENHB_TEST_SEED.
inline std::mt19937_64& rng() {
  static std::mt19937_64 generator = [] {
    const char* set = std::getenv("OPENHB_TEST_SEED");
    const uint64_t seed = set != nullptr ? std::strtoull(set, nullptr, 10) : std::random_device{}();
    std::cout << "OPENHB_TEST_SEED=" << seed << std::endl;
    return std::mt19937_64(seed);
  }();
  return generator;
}
inline int64_t random_int(int64_t lo, int64_t hi) {
  return std::uniform_int_distribution<int64_t>(lo, hi)(rng());
}
inline float random_float(float lo, float hi) { return std::uniform_real_distribution<float>(lo, hi)(rng()); }
inline bool chance(int percent) { return random_int(0, 99) < percent; }

// Any bits: infinities, NaN and denormals included.
inline float any_float() { return __builtin_bit_cast(float, static_cast<uint32_t>(rng()())); }

inline Shape random_shape(size_t rank, int64_t limit) {
  Shape shape;
  for (size_t i = 0; i < rank; ++i) shape.push_back(random_int(1, limit));
  return shape;
}

inline Tensor random_tensor(DType dtype, const Shape& shape, float range = 4.0f) {
  Tensor t(dtype, shape);
  if (dtype == DType::f32) {
    for (float& v : t.data<float>()) v = random_float(-range, range);
  } else {
    for (std::byte& b : t.bytes()) b = static_cast<std::byte>(rng()());
  }
  return t;
}

inline QuantParams random_quant() {
  return {{std::exp2(random_float(-8, 2))}, {static_cast<int32_t>(random_int(-128, 127))}, -1};
}

// Index tuples of a shape in row-major order.
template <class F>
void for_each_index(const Shape& shape, F&& f) {
  Shape index(shape.size(), 0);
  for (int64_t n = num_elements(shape); n > 0; --n) {
    f(index);
    for (size_t i = shape.size(); i-- > 0;) {
      if (++index[i] < shape[i]) break;
      index[i] = 0;
    }
  }
}
// Position in a dense tensor; extents of 1 are broadcast, leading extents may be missing.
inline size_t flat(const Shape& shape, const Shape& index) {
  int64_t at = 0;
  for (size_t i = 0; i < shape.size(); ++i)
    at = at * shape[i] + (shape[i] == 1 ? 0 : index[index.size() - shape.size() + i]);
  return static_cast<size_t>(at);
}

// Which NaN a float operation gives is the only thing that is left open (docs/numerics.md).
inline void unify_nans(Tensor& t) {
  if (t.dtype() == DType::f32)
    for (float& v : t.data<float>())
      if (std::isnan(v)) v = std::numeric_limits<float>::quiet_NaN();
  if (t.dtype() == DType::f64)
    for (double& v : t.data<double>())
      if (std::isnan(v)) v = std::numeric_limits<double>::quiet_NaN();
}

template <class P>
class StepCase {
 public:
  Program program;
  P params;
  bool limit_parts = false;  // for runners that take no more than max_parts()

  StepCase() { program.steps.resize(1); }

  // Rows get `gap` elements of padding.
  void input(const Tensor& values, const QuantParams& quant = {}, int64_t gap = 0) {
    program.steps[0].inputs.push_back(add(values.dtype(), values.shape(), quant, gap, Storage::arena));
    values_.push_back(values);
  }
  void constant(const Tensor& values, const QuantParams& quant = {}) {
    program.steps[0].inputs.push_back(add(values.dtype(), values.shape(), quant, 0, Storage::weights));
    values_.push_back(values);
  }
  void output(DType dtype, const Shape& dims, const QuantParams& quant = {}, int64_t gap = 0) {
    program.steps[0].outputs.push_back(add(dtype, dims, quant, gap, Storage::arena));
  }
  TensorDesc& in(size_t i) { return program.tensors[program.steps[0].inputs[i]]; }
  TensorDesc& out() { return program.tensors[program.steps[0].outputs[0]]; }

  void validate() {
    program.steps[0].params = params;
    prepare();
    Kernel<P>::validate(StepView(program, program.steps[0]), params);
  }

  // The output of one run, after checking that nothing else was written. parts 0: by rows (RowUse), some at a
  // time.
  Tensor run(CpuFeatures cpu, int parts) {
    validate();
    const StepView view(program, program.steps[0]);
    const std::vector<Block> before = arena_;
    std::vector<const std::byte*> inputs;
    for (const uint32_t id : program.steps[0].inputs) inputs.push_back(address(id));
    std::byte* output = address(program.steps[0].outputs[0]);
    const auto runner = Kernel<P>::bind(view, params, {inputs, {&output, 1}, cpu});
    EXPECT_GE(runner->max_parts(), 1);
    // Other runners take any number of parts, also more than max_parts() says is worth it.
    if (limit_parts) parts = std::min(parts, runner->max_parts());
    for (int part = parts; part-- > 0;) runner->run(part, parts);
    const int64_t all_rows = parts == 0 ? row_use(view, params).rows : 0;
    for (int64_t first = 0, last = 0; first < all_rows; first = last) {
      last = std::min(all_rows, first + random_int(1, 20));
      runner->run_rows({first, last}, static_cast<int>(random_int(0, runner->row_slots() - 1)));
    }

    // Take the output's elements out; what remains must be unchanged.
    Tensor result(out().dtype, out().dims);
    const auto row =
        static_cast<size_t>(out().dims.empty() ? 1 : out().dims.back()) * dtype_size(out().dtype);
    const auto step = static_cast<size_t>(out().pitch) * dtype_size(out().dtype);
    const size_t rows = row == 0 ? 0 : result.bytes().size() / row;
    const std::byte* old = bytes(before) + (output - bytes(arena_));
    for (size_t r = 0; r < rows; ++r) {
      std::memcpy(result.bytes().data() + r * row, output + r * step, row);
      std::memcpy(output + r * step, old + r * step, row);
    }
    EXPECT_EQ(0, std::memcmp(bytes(arena_), bytes(before), arena_.size() * sizeof(Block)))
        << "wrote elsewhere";
    unify_nans(result);
    return result;
  }

  // Runs on all instruction sets and splits, and compares.
  Tensor run_everywhere() {
    Tensor first = run(isa_level("ref"), 1);
    for (const std::string& level : runnable_isa_levels())
      for (const int parts : {1, 3, 0}) {
        if (parts == 0 && row_use(StepView(program, program.steps[0]), params).rows == 0) continue;
        const Tensor other = run(isa_level(level), parts);
        EXPECT_TRUE(std::ranges::equal(first.bytes(), other.bytes())) << level << ", " << parts << " parts";
      }
    return first;
  }

  // For damaged steps: refused, or run on noise without touching anything outside the output's storage.
  // Returns whether it ran. A tensor outside the memory counts as refused (validate_tensors would).
  bool refuses_or_survives() {
    prepare();
    program.steps[0].params = params;
    const StepView view(program, program.steps[0]);
    try {
      for (const TensorDesc& t : program.tensors) {
        view.require(is_valid(t.dtype), "unknown element type");
        const size_t room = (t.storage == Storage::arena ? arena_ : weights_).size() * sizeof(Block);
        const auto bytes = static_cast<uint64_t>(t.byte_extent());
        if (t.offset > room || bytes + kReadSlack > room - t.offset) return false;
      }
      Kernel<P>::validate(view, params);
      Kernel<P>::cost(view, params);
    } catch (const Error&) {
      return false;
    }
    const std::vector<Block> before = arena_;
    std::vector<const std::byte*> inputs;
    for (const uint32_t id : program.steps[0].inputs) inputs.push_back(address(id));
    std::byte* output = address(program.steps[0].outputs[0]);
    for (const std::string& level : runnable_isa_levels()) {
      const auto runner = Kernel<P>::bind(view, params, {inputs, {&output, 1}, isa_level(level)});
      const int parts = limit_parts ? std::min(2, runner->max_parts()) : 2;
      for (int part = 0; part < parts; ++part) runner->run(part, parts);
    }
    const auto begin = static_cast<size_t>(output - bytes(arena_)),
               end = begin + static_cast<size_t>(out().byte_extent());
    const size_t all = arena_.size() * sizeof(Block);
    EXPECT_EQ(0, std::memcmp(bytes(arena_), bytes(before), begin)) << "wrote before the output";
    EXPECT_EQ(0, std::memcmp(bytes(arena_) + end, bytes(before) + end, all - end))
        << "wrote behind the output";
    return true;
  }

  void expect_invalid(const char* why) { EXPECT_THROW(validate(), Error) << why; }

 private:
  struct alignas(64) Block {
    std::byte bytes[64];
  };
  static std::byte* bytes(std::vector<Block>& v) { return reinterpret_cast<std::byte*>(v.data()); }
  static const std::byte* bytes(const std::vector<Block>& v) {
    return reinterpret_cast<const std::byte*>(v.data());
  }

  uint32_t add(DType dtype, const Shape& dims, const QuantParams& quant, int64_t gap, Storage storage) {
    TensorDesc t;
    t.dtype = dtype;
    t.dims = dims;
    t.quant = quant;
    t.pitch = dims.empty() ? 1 : dims.back() + gap;
    t.storage = storage;
    program.tensors.push_back(t);
    return static_cast<uint32_t>(program.tensors.size() - 1);
  }

  std::byte* address(uint32_t id) {
    const TensorDesc& t = program.tensors[id];
    return bytes(t.storage == Storage::arena ? arena_ : weights_) + t.offset;
  }

  // Places the tensors with room between them, fills the gaps with noise and stores the inputs.
  void prepare() {
    if (!arena_.empty() || !weights_.empty()) return;
    for (TensorDesc& t : program.tensors) {
      std::vector<Block>& memory = t.storage == Storage::arena ? arena_ : weights_;
      memory.resize(memory.size() + 1);
      t.offset = memory.size() * sizeof(Block);
      memory.resize(memory.size() + (static_cast<size_t>(t.byte_extent()) + kReadSlack) / sizeof(Block) + 2);
    }
    for (std::vector<Block>* memory : {&arena_, &weights_})
      for (Block& block : *memory)
        for (std::byte& b : block.bytes) b = static_cast<std::byte>(rng()());
    program.weights = {bytes(weights_), weights_.size() * sizeof(Block)};
    for (size_t i = 0; i < values_.size(); ++i) {
      const TensorDesc& t = in(i);
      const auto row = static_cast<size_t>(t.dims.empty() ? 1 : t.dims.back()) * dtype_size(t.dtype);
      const auto step = static_cast<size_t>(t.pitch) * dtype_size(t.dtype);
      const size_t rows = row == 0 ? 0 : values_[i].bytes().size() / row;
      for (size_t r = 0; r < rows; ++r)
        std::memcpy(address(program.steps[0].inputs[i]) + r * step, values_[i].bytes().data() + r * row, row);
    }
  }

  std::vector<Tensor> values_;
  std::vector<Block> arena_, weights_;
};

// Element-wise equality of bytes with a message that names the first difference.
template <class T>
void expect_same(Tensor expected, const Tensor& actual, const std::string& what) {
  unify_nans(expected);
  ASSERT_EQ(expected.shape(), actual.shape()) << what;
  const std::span<const T> e = expected.data<T>(), a = actual.data<T>();
  for (size_t i = 0; i < e.size(); ++i)
    ASSERT_EQ(0, std::memcmp(&e[i], &a[i], sizeof(T)))
        << what << ": element " << i << " of " << to_string(expected.shape()) << " is " << +a[i] << ", not "
        << +e[i];
}

}  // namespace openhb::test
