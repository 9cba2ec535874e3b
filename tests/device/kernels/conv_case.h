// SPDX-License-Identifier: Apache-2.0
// One Conv or Depthwise step with its memory, for tests: a program of one step, canaries, an independent
// result.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/program/program.h"
#include "device/kernels/kernel.h"

namespace openhb::test {

struct ConvSpec {
  bool depthwise = false, quantized = true, raw = false;  // raw: int32 output
  int64_t n = 1, h = 1, w = 1, c = 1, o = 1, groups = 1;
  std::array<int32_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int32_t, 4> pads{0, 0, 0, 0};
  int64_t x_gap = 0, y_gap = 0;  // pitch - channels
  int32_t zx = 0, zy = 0;
  float lo = -128, hi = 127;

  int64_t extent(size_t axis) const;  // of the output
  int64_t group_inputs() const { return depthwise ? 1 : c / groups; }
  int64_t group_outputs() const { return depthwise ? 1 : o / groups; }
  std::string text() const;
};

// Dense data in ONNX terms; float or int8 as the spec says. Weights are [O, Cg, kh, kw], x is N, H, W, C.
struct ConvData {
  std::vector<float> xf, wf, bf;
  std::vector<int8_t> xi, wi;
  std::vector<int32_t> bi;  // without the zero point's share
  std::vector<float> multiplier;
};

ConvData random_data(const ConvSpec& spec, uint64_t seed);
// A spec with extents around the tiles of all kernel rows.
ConvSpec random_spec(uint64_t seed, bool depthwise, bool quantized);

class ConvCase {
 public:
  ConvCase(const ConvSpec& spec, const ConvData& data, uint64_t seed);

  Program& program() { return program_; }
  Step& step() { return program_.steps[0]; }
  StepView view() const { return {program_, program_.steps[0]}; }
  void validate() const;
  std::unique_ptr<Runner> bind(CpuFeatures cpu);
  // The whole arena after a run in `parts` parts (reduced to what the runner takes), later parts
  // first; 0: by rows, a few at a time, if the step can.
  std::vector<std::byte> run(CpuFeatures cpu, int parts);
  // The whole arena as it must be: computed from `data` by plain loops.
  std::vector<std::byte> expected() const;
  const char* row(CpuFeatures cpu) { return bind(cpu)->row(); }

 private:
  using Memory = std::unique_ptr<std::byte, void (*)(std::byte*)>;
  static Memory allocate(size_t size);
  uint32_t add_constant(std::string name, DType dtype, Shape dims, std::span<const std::byte> bytes);
  template <class T>
  uint32_t add_constant(std::string name, Shape dims, const std::vector<T>& values) {
    return add_constant(std::move(name), DTypeOf<T>::value, std::move(dims),
                        std::as_bytes(std::span(values)));
  }
  void add_weights();
  void place(uint64_t seed);
  void normalise_nans(std::vector<std::byte>& arena) const;
  int64_t pixels() const { return spec_.n * spec_.extent(0) * spec_.extent(1); }

  ConvSpec spec_;
  ConvData data_;
  Program program_;
  std::vector<std::vector<std::byte>> constants_;
  std::vector<std::byte> before_;  // the arena before a run
  Memory arena_{nullptr, nullptr}, weights_{nullptr, nullptr};
};

// The levels whose rows this machine can run; prints the others once.
std::vector<std::string> levels_to_test();

}  // namespace openhb::test
