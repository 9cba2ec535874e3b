// SPDX-License-Identifier: Apache-2.0
// A program: what a .bin file holds and what the engine runs. Plain data; file.h reads and writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/dtype.h"
#include "common/shape.h"
#include "common/steps/params.h"

namespace openhb {

// Real value = (code - zero_point) * scale. Empty scales: not quantized.
struct QuantParams {
  std::vector<float> scales;         // one, or one per index of dimension `axis`
  std::vector<int32_t> zero_points;  // as many as scales
  int32_t axis = -1;                 // memory dimension of per-channel scales, -1 when there is one scale

  bool empty() const { return scales.empty(); }
  float scale() const { return scales.empty() ? 1.0f : scales[0]; }
  int32_t zero_point() const { return zero_points.empty() ? 0 : zero_points[0]; }
  bool operator==(const QuantParams&) const = default;
};

enum class Storage : uint8_t { arena = 0, weights = 1 };

// A tensor in storage: `dims` are extents in memory order, outermost first; one innermost row is dense, the
// next one starts `pitch` elements later, and the outer dimensions are dense over that. Tensors may overlap:
// a reshape or a part of a concatenation is another TensorDesc over the same bytes.
struct TensorDesc {
  std::string name;  // the ONNX tensor it holds; unique where not empty
  DType dtype = DType::f32;
  Shape dims;
  std::vector<uint8_t> order;  // order[k]: the logical (ONNX) axis stored as memory dimension k
  int64_t pitch = 1;           // >= dims.back(); 1 for rank 0
  Storage storage = Storage::arena;
  uint64_t offset = 0;  // bytes from the start of the arena or of the weight section
  QuantParams quant;

  size_t rank() const { return dims.size(); }
  int64_t elements() const { return num_elements(dims); }
  // Elements between neighbours along each memory dimension.
  Shape strides() const {
    Shape s(dims.size(), 1);
    for (size_t i = dims.size(); i-- > 1;)
      s[i - 1] = i + 1 == dims.size() ? pitch : checked_mul(s[i], dims[i]);
    return s;
  }
  bool dense() const { return dims.size() < 2 || pitch == dims.back(); }
  // Bytes from `offset` to the end of the last element.
  int64_t byte_extent() const;
  // Shape in ONNX axis order.
  Shape logical_shape() const;
};

enum class Backend : uint8_t { cpu = 0, bpu = 1 };

struct Step {
  StepParams params;
  std::string node;              // the ONNX node it came from
  std::vector<uint32_t> inputs;  // indexes into Program::tensors
  std::vector<uint32_t> outputs;
  std::vector<uint32_t> completes;  // named tensors that hold their final value once this step is done
  Backend backend = Backend::cpu;
  int32_t subgraph = -1;  // run of bpu steps it belongs to
};

enum class InputKind : uint8_t { featuremap = 0, rgb, bgr, gray, yuv444, nv12 };

// Where the hardware would take an input from: memory, the camera's pyramid, or regions of a larger picture.
enum class InputSource : uint8_t { ddr = 0, pyramid, resizer };

// The tensor of an nv12 input holds what the step NV12TOYUV444 reads; rows may be wider than the picture.
struct ProgramInput {
  std::string name;
  uint32_t tensor = 0;
  InputKind kind = InputKind::featuremap;
  bool nhwc = false;  // the application's axes: N, H, W, C instead of N, C, H, W
  InputSource source = InputSource::ddr;
  bool bt601_video = false;  // nv12: luma in 16..235 instead of 0..255
};

struct ProgramOutput {
  std::string name;
  uint32_t tensor = 0;
};

struct Program {
  std::string name;
  std::map<std::string, std::string> properties;  // march, tool version, hashes of the inputs...
  std::vector<TensorDesc> tensors;
  std::vector<Step> steps;  // in execution order
  std::vector<ProgramInput> inputs;
  std::vector<ProgramOutput> outputs;
  uint64_t arena_size = 0;
  std::span<const std::byte> weights;         // 64-byte aligned
  std::shared_ptr<const void> weights_owner;  // keeps `weights` alive: a buffer or a mapped file
};

// The extents of an input as the application sees it: its tensor's, but a picture's N, 3, H, W for nv12.
Shape valid_shape(const ProgramInput& input, const TensorDesc& desc);

// Kernels may read (never write) this many bytes past the end of a tensor; arena and weight section end with
// as many spare bytes, which arena_size and weights.size() include.
inline constexpr uint64_t kReadSlack = 64;
// Alignment of every tensor that is not a part of another one.
inline constexpr uint64_t kTensorAlignment = 64;

}  // namespace openhb
