// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/peak.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <vector>

#include "device/engine/model.h"

namespace openhb::model_exec {
namespace {

constexpr int64_t kTile = 16;  // the weights' layout: common/steps/params.h
constexpr std::chrono::milliseconds kTime{30};

// Puts tensors one behind the other.
class Builder {
 public:
  uint32_t tensor(DType dtype, Shape dims, Storage storage) {
    TensorDesc t;
    t.dtype = dtype;
    for (size_t k = 0; k < dims.size(); ++k) t.order.push_back(static_cast<uint8_t>(k));
    t.pitch = dims.back();
    t.dims = std::move(dims);
    t.storage = storage;
    uint64_t& end = storage == Storage::arena ? program_.arena_size : weights_;
    t.offset = end;
    end +=
        (static_cast<uint64_t>(t.byte_extent()) + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
    program_.tensors.push_back(std::move(t));
    return static_cast<uint32_t>(program_.tensors.size() - 1);
  }
  // All constants are zeros: the kernels' speed does not depend on them.
  std::shared_ptr<const engine::Model> finish(Step step) {
    program_.name = "peak";
    program_.inputs.push_back({"x", step.inputs[0]});
    program_.outputs.push_back({"y", step.outputs[0]});
    program_.steps.push_back(std::move(step));
    program_.arena_size += kReadSlack;
    constexpr std::align_val_t alignment{kTensorAlignment};
    const size_t size = weights_ + kReadSlack;
    std::shared_ptr<std::byte[]> memory(static_cast<std::byte*>(::operator new(size, alignment)),
                                        [](std::byte* p) { ::operator delete(p, alignment); });
    std::memset(memory.get(), 0, size);
    program_.weights = {memory.get(), size};
    program_.weights_owner = memory;
    return engine::Model::create(std::move(program_));
  }
  TensorDesc& operator[](uint32_t id) { return program_.tensors[id]; }

 private:
  Program program_;
  uint64_t weights_ = 0;
};

std::shared_ptr<const engine::Model> int8_layer() {
  Builder b;
  constexpr int64_t kChannels = 256, size = 32;
  const uint32_t x = b.tensor(DType::i8, {1, size, size, kChannels}, Storage::arena);
  const uint32_t y = b.tensor(DType::i8, {1, size, size, kChannels}, Storage::arena);
  b[x].quant = b[y].quant = {{1.0f}, {0}, -1};
  const uint32_t weights =
      b.tensor(DType::i8, {1, kChannels / kTile, 1, kChannels / 4, kTile, 4}, Storage::weights);
  const uint32_t bias = b.tensor(DType::i32, {kChannels}, Storage::weights);
  const uint32_t sums = b.tensor(DType::i32, {kChannels}, Storage::weights);
  const uint32_t multiplier = b.tensor(DType::f32, {kChannels}, Storage::weights);
  Step step;
  step.params = ConvParams{.lo = -128, .hi = 127};
  step.inputs = {x, weights, bias, sums, multiplier};
  step.outputs = {y};
  return b.finish(std::move(step));
}

std::shared_ptr<const engine::Model> float_layer() {
  Builder b;
  constexpr int64_t kChannels = 128, size = 16;
  const uint32_t x = b.tensor(DType::f32, {1, size, size, kChannels}, Storage::arena);
  const uint32_t y = b.tensor(DType::f32, {1, size, size, kChannels}, Storage::arena);
  const uint32_t weights =
      b.tensor(DType::f32, {1, kChannels / kTile, 1, kChannels, kTile}, Storage::weights);
  const uint32_t bias = b.tensor(DType::f32, {kChannels}, Storage::weights);
  Step step;
  step.params = ConvParams{.lo = -1, .hi = 1};
  step.inputs = {x, weights, bias};
  step.outputs = {y};
  return b.finish(std::move(step));
}

double best_rate(const std::shared_ptr<const engine::Model>& model, int threads) {
  using Clock = std::chrono::steady_clock;
  engine::Session session(model, {.threads = threads});
  session.run();  // warms the caches
  Clock::duration best = Clock::duration::max();
  for (const auto end = Clock::now() + kTime; Clock::now() < end;) {
    const auto start = Clock::now();
    session.run();
    best = std::min(best, Clock::now() - start);
  }
  const auto nanoseconds = std::chrono::duration<double, std::nano>(best).count();
  return static_cast<double>(model->cost(0).macs) / std::max(nanoseconds, 1.0);
}

}  // namespace

Peak measure_peak(int threads) {
  return {
      .int8 = best_rate(int8_layer(), threads), .f32 = best_rate(float_layer(), threads), .threads = threads};
}

}  // namespace openhb::model_exec
