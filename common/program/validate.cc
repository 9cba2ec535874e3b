// SPDX-License-Identifier: Apache-2.0
// What must hold of every program before a step is looked at: see validate_tensors in file.h.
#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "common/program/file.h"

namespace openhb {
namespace {

constexpr int64_t kMaxExtent = (int64_t{1} << 31) - 1;
constexpr uint64_t kMaxArena = uint64_t{16} << 30;
constexpr size_t kMaxTensors = 1u << 20, kMaxSteps = 1u << 20, kMaxPorts = 1024, kMaxNameLength = 4096;

// Throws Error(program_tensor) about one tensor.
class TensorCheck {
 public:
  TensorCheck(const Program& program, size_t index)
      : program_(program), t_(program.tensors[index]), index_(index) {}

  void run() const {
    require(t_.name.size() <= kMaxNameLength, "its name is too long");
    require(is_valid(t_.dtype), "its element type is unknown");
    require(t_.storage == Storage::arena || t_.storage == Storage::weights, "its storage is unknown");
    check_layout();
    check_range();
    check_quantization();
  }

 private:
  void require(bool condition, std::string_view what) const {
    if (!condition)
      fail(ErrorCode::program_tensor,
           "tensor {} '{}': {}; the file is damaged or was not made by this compiler", index_,
           t_.name.substr(0, kMaxNameLength), what);
  }

  void check_layout() const {
    require(t_.rank() <= kMaxRank, "it has more than 8 dimensions");
    require(std::all_of(t_.dims.begin(), t_.dims.end(), [](int64_t d) { return d >= 0 && d <= kMaxExtent; }),
            "an extent is negative or above 2^31 - 1");
    require(t_.pitch >= (t_.dims.empty() ? 1 : t_.dims.back()) && t_.pitch <= kMaxExtent,
            "its pitch is smaller than a row or too large");
    require(t_.order.size() == t_.rank(), "its axis order does not have one entry per dimension");
    uint32_t axes = 0;
    for (uint8_t axis : t_.order) axes |= axis < t_.rank() ? 1u << axis : 0;
    require(axes == (1u << t_.rank()) - 1, "its axis order is not a permutation");
  }

  void check_range() const {
    int64_t extent = 0;
    try {
      // Whoever computes with sizes and strides later may rely on them not overflowing.
      checked_mul(t_.elements(), static_cast<int64_t>(dtype_size(t_.dtype)));
      t_.strides();
      extent = t_.byte_extent();
    } catch (const Error& e) {
      require(false, e.what());
    }
    const bool constant = t_.storage == Storage::weights;
    const uint64_t size = constant ? program_.weights.size() : program_.arena_size;
    const auto needed = static_cast<uint64_t>(extent) + kReadSlack;
    require(needed <= size && t_.offset <= size - needed,
            fmt::format("its bytes {} + {} (and {} spare) are outside of the {} of {} bytes", t_.offset,
                        extent, kReadSlack, constant ? "weights" : "arena", size));
    require(t_.offset % (constant ? kTensorAlignment : dtype_size(t_.dtype)) == 0, "it is not aligned");
  }

  void check_quantization() const {
    const QuantParams& q = t_.quant;
    require(q.scales.size() == q.zero_points.size(), "it has not as many zero points as scales");
    const auto rank = static_cast<int64_t>(t_.rank());
    require(q.axis >= -1 && q.axis < rank, "the dimension of its scales does not exist");
    if (q.empty()) return require(q.axis == -1, "it has a dimension of scales, but no scales");
    const int64_t expected = q.axis < 0 ? 1 : t_.dims[static_cast<size_t>(q.axis)];
    require(std::cmp_equal(q.scales.size(), expected) || q.scales.size() == 1,
            fmt::format("it has {} scales, {} are needed", q.scales.size(), expected));
    require(std::all_of(q.scales.begin(), q.scales.end(), [](float s) { return std::isfinite(s) && s > 0; }),
            "a scale is not a positive number");
    const auto [low, high] = zero_point_range(t_.dtype);
    require(std::all_of(q.zero_points.begin(), q.zero_points.end(),
                        [low, high](int32_t z) { return z >= low && z <= high; }),
            "a zero point is outside of the range of its type");
  }

  // Wider types than 16 bits have no zero point: the difference of code and zero point must not overflow.
  static std::pair<int32_t, int32_t> zero_point_range(DType dtype) {
    switch (dtype) {
      case DType::i8:
        return {-128, 127};
      case DType::u8:
        return {0, 255};
      case DType::i16:
        return {-32768, 32767};
      case DType::u16:
        return {0, 65535};
      default:
        return {0, 0};
    }
  }

  const Program& program_;
  const TensorDesc& t_;
  size_t index_;
};

void require(bool condition, ErrorCode code, std::string_view what) {
  if (!condition) fail(code, "{}; the file is damaged or was not made by this compiler", what);
}

void check_sizes(const Program& p) {
  const auto code = ErrorCode::program_format;
  require(p.name.size() <= kMaxNameLength, code, "the model's name is too long");
  require(p.tensors.size() <= kMaxTensors, code, "there are too many tensors");
  require(p.steps.size() <= kMaxSteps, code, "there are too many steps");
  require(
      p.arena_size <= kMaxArena, code,
      fmt::format("the model needs {} bytes of memory, at most {} are possible", p.arena_size, kMaxArena));
  require(reinterpret_cast<uintptr_t>(p.weights.data()) % kTensorAlignment == 0, code,
          "the weights are not aligned");
}

void check_steps(const Program& p) {
  for (const Step& s : p.steps) {
    const auto step_require = [&](bool condition, std::string_view what) {
      if (!condition)
        fail(ErrorCode::program_step,
             "step {} of node '{}': {}; the file is damaged or was not made by this compiler",
             step_name(s.params), s.node.substr(0, kMaxNameLength), what);
    };
    const auto valid = [&](uint32_t t) { return t < p.tensors.size(); };
    step_require(s.node.size() <= kMaxNameLength, "the node's name is too long");
    step_require(
        s.inputs.size() <= kMaxPorts && s.outputs.size() <= kMaxPorts && s.completes.size() <= kMaxTensors,
        "it has too many tensors");
    step_require(!s.outputs.empty(), "it has no output");
    step_require(std::all_of(s.inputs.begin(), s.inputs.end(), valid) &&
                     std::all_of(s.outputs.begin(), s.outputs.end(), valid) &&
                     std::all_of(s.completes.begin(), s.completes.end(), valid),
                 "it names a tensor that does not exist");
    step_require(std::all_of(s.outputs.begin(), s.outputs.end(),
                             [&](uint32_t t) { return p.tensors[t].storage == Storage::arena; }),
                 "it would write into the weights");
    step_require(s.backend == Backend::cpu || s.backend == Backend::bpu, "its backend is unknown");
    step_require(s.subgraph >= -1, "its subgraph is negative");
  }
}

// Inputs or outputs of the model.
template <class Ports>
void check_ports(const Program& p, const Ports& ports, std::string_view what, size_t least) {
  const auto code = ErrorCode::program_format;
  require(ports.size() >= least && ports.size() <= kMaxPorts, code,
          fmt::format("the model has {} {}s, {} to {} are possible", ports.size(), what, least, kMaxPorts));
  std::set<std::string_view> names;
  for (const auto& port : ports) {
    require(!port.name.empty() && port.name.size() <= kMaxNameLength, code,
            fmt::format("the name of an {} is empty or too long", what));
    require(names.insert(port.name).second, code, fmt::format("two {}s are named '{}'", what, port.name));
    require(port.tensor < p.tensors.size(), code, fmt::format("{} '{}' has no tensor", what, port.name));
  }
}

void check_inputs(const Program& p) {
  check_ports(p, p.inputs, "input", 0);  // none: constant folding
  for (const ProgramInput& input : p.inputs) {
    const TensorDesc& t = p.tensors[input.tensor];
    const auto input_require = [&](bool condition, std::string_view sentence) {
      require(condition, ErrorCode::program_format, fmt::format("input '{}' {}", input.name, sentence));
    };
    input_require(t.storage == Storage::arena, "is in the weights");
    input_require(input.kind <= InputKind::nv12, "is of an unknown kind");
    input_require(input.kind == InputKind::featuremap || t.dtype == DType::u8,
                  "is a picture, but not of uint8");
    input_require(input.kind == InputKind::featuremap || t.rank() == 4,
                  "is a picture, but not 4-dimensional");
    input_require(input.source <= InputSource::resizer, "is of an unknown source");
    input_require(input.source != InputSource::resizer || input.kind == InputKind::nv12 ||
                      input.kind == InputKind::gray,
                  "is resized by the hardware, but neither nv12 nor gray");
    if (input.kind != InputKind::nv12) {
      input_require(!input.bt601_video, "has a range of luma, but is not nv12");
      continue;
    }
    const bool whole = t.dims[1] == 1 && t.dims[2] % 3 == 0 && t.dims[3] % 2 == 0;
    input_require(whole && !input.nhwc && std::ranges::is_sorted(t.order), "is nv12, but of another shape");
  }
}

}  // namespace

void validate_tensors(const Program& program) {
  check_sizes(program);
  std::set<std::string_view> names;
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    TensorCheck(program, i).run();
    const std::string& name = program.tensors[i].name;
    if (!name.empty() && !names.insert(name).second)
      fail(ErrorCode::program_tensor, "two tensors are named '{}'; the file is damaged", name);
  }
  check_steps(program);
  check_inputs(program);
  check_ports(program, program.outputs, "output", 1);
}

}  // namespace openhb
