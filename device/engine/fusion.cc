// SPDX-License-Identifier: Apache-2.0
#include "device/engine/fusion.h"

#include <algorithm>

#include "device/kernels/reduction/quantized_softmax.h"

namespace openhb::engine {
namespace {

constexpr size_t kMaxBetween = 8;  // other steps before the Quantize

struct Bytes {
  uint64_t first, end;
  explicit Bytes(const TensorDesc& t)
      : first(t.offset), end(t.offset + static_cast<uint64_t>(t.byte_extent())) {}
  bool overlaps(const Bytes& o) const { return first < o.end && o.first < end; }
  bool contains(const Bytes& o) const { return first <= o.first && o.end <= end; }
};

// Whether nothing reads the bytes of `hidden` after step `from`, step `but` aside, that is not written again.
bool is_unseen(const Program& program, size_t from, size_t but, const std::vector<Bytes>& hidden) {
  std::vector<Bytes> written;
  const auto sees = [&](uint32_t id) {
    const TensorDesc& t = program.tensors[id];
    if (t.storage != Storage::arena || t.elements() == 0) return false;
    const Bytes bytes(t);
    if (std::none_of(hidden.begin(), hidden.end(), [&](const Bytes& h) { return h.overlaps(bytes); }))
      return false;
    return std::none_of(written.begin(), written.end(), [&](const Bytes& w) { return w.contains(bytes); });
  };
  for (size_t i = from + 1; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    if (i != but && std::any_of(step.inputs.begin(), step.inputs.end(), sees)) return false;
    for (const uint32_t id : step.outputs)
      if (const TensorDesc& t = program.tensors[id]; t.dense() && t.elements() > 0)
        written.push_back(Bytes(t));
  }
  return std::none_of(program.outputs.begin(), program.outputs.end(),
                      [&](const auto& output) { return sees(output.tensor); });
}

bool may_fuse(const Program& program, const SoftmaxFusion& f) {
  const auto& steps = program.steps;
  const TensorDesc& x = program.tensors[steps[f.dequantize].inputs[0]];
  const TensorDesc& y = program.tensors[steps[f.quantize].outputs[0]];
  if (x.storage != Storage::arena || x.elements() == 0 || !kernels::quantized_softmax_fits(x, y))
    return false;
  const Bytes from(x), to(y);
  if (from.overlaps(to) && (x.offset != y.offset || x.pitch != y.pitch)) return false;
  for (size_t i = f.softmax + 1; i < f.quantize; ++i)  // the codes must last
    for (const uint32_t id : steps[i].outputs)
      if (const TensorDesc& t = program.tensors[id]; t.elements() > 0 && Bytes(t).overlaps(from))
        return false;
  return is_unseen(program, f.softmax, f.quantize,
                   {Bytes(program.tensors[steps[f.dequantize].outputs[0]]),
                    Bytes(program.tensors[steps[f.softmax].outputs[0]])});
}

}  // namespace

std::vector<SoftmaxFusion> find_softmax_fusions(const Program& program) {
  std::vector<SoftmaxFusion> found;
  const auto& steps = program.steps;
  for (size_t i = 1; i < steps.size(); ++i) {
    const auto* softmax = std::get_if<SoftmaxParams>(&steps[i].params);
    if (!softmax || softmax->log != 0 || steps[i].inputs.size() != 1) continue;
    const auto rank = static_cast<int64_t>(program.tensors[steps[i].outputs[0]].rank());
    if (softmax->axis + 1 != rank || !std::holds_alternative<DequantizeParams>(steps[i - 1].params) ||
        steps[i - 1].outputs[0] != steps[i].inputs[0])
      continue;
    for (size_t q = i + 1; q < steps.size() && q <= i + kMaxBetween; ++q) {
      if (!std::holds_alternative<QuantizeParams>(steps[q].params) ||
          steps[q].inputs[0] != steps[i].outputs[0])
        continue;
      if (const SoftmaxFusion fusion{i - 1, i, q}; may_fuse(program, fusion)) found.push_back(fusion);
      break;
    }
  }
  return found;
}

}  // namespace openhb::engine
