// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/memory_map.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace openhb::compiler {
namespace {

struct Use {
  uint64_t begin = 0, end = 0;
  int32_t first = 0, last = -1;
  bool together_with(const Use& o) const {
    return first <= o.last && o.first <= last && begin < o.end && o.begin < end;
  }
};

std::vector<Use> uses_of(const Program& program) {
  const auto steps = static_cast<int32_t>(program.steps.size());
  std::vector<Use> uses(program.tensors.size(), {0, 0, steps + 1, -2});
  const auto touch = [&](uint32_t tensor, int32_t step) {
    Use& use = uses[tensor];
    use.first = std::min(use.first, step), use.last = std::max(use.last, step);
  };
  for (int32_t s = 0; s < steps; ++s)
    for (const auto* list :
         {&program.steps[static_cast<size_t>(s)].inputs, &program.steps[static_cast<size_t>(s)].outputs})
      for (uint32_t tensor : *list) touch(tensor, s);
  for (const auto& input : program.inputs) touch(input.tensor, -1), touch(input.tensor, steps);
  for (const auto& output : program.outputs) touch(output.tensor, steps);
  for (size_t t = 0; t < uses.size(); ++t) {
    const TensorDesc& desc = program.tensors[t];
    const bool counts = desc.storage == Storage::arena && desc.elements() > 0;
    uses[t].begin = desc.offset;
    uses[t].end = counts ? desc.offset + static_cast<uint64_t>(desc.byte_extent()) : desc.offset;
  }
  return uses;
}

}  // namespace

std::vector<report::Buffer> memory_map(const Program& program) {
  const std::vector<Use> uses = uses_of(program);
  std::vector<uint32_t> order;
  for (uint32_t t = 0; t < uses.size(); ++t)
    if (uses[t].first <= uses[t].last && uses[t].begin < uses[t].end) order.push_back(t);
  std::ranges::sort(order, {}, [&](uint32_t t) { return std::pair(uses[t].first, t); });

  std::vector<uint32_t> parent(uses.size());
  std::iota(parent.begin(), parent.end(), 0u);
  const auto root = [&](uint32_t t) {
    while (parent[t] != t) t = parent[t] = parent[parent[t]];
    return t;
  };
  std::vector<uint32_t> live;
  for (uint32_t t : order) {
    std::erase_if(live, [&](uint32_t other) { return uses[other].last < uses[t].first; });
    for (uint32_t other : live)
      if (uses[t].together_with(uses[other])) parent[root(t)] = root(other);
    live.push_back(t);
  }

  std::vector<report::Buffer> buffers;
  std::vector<size_t> index(uses.size(), SIZE_MAX);
  for (uint32_t t : order) {
    const TensorDesc& desc = program.tensors[t];
    const Use& use = uses[t];
    size_t& at = index[root(t)];
    if (at == SIZE_MAX) {
      at = buffers.size();
      buffers.push_back(
          {use.begin, use.end - use.begin, use.first, use.last, std::string(dtype_name(desc.dtype)), {}});
    }
    report::Buffer& b = buffers[at];
    const uint64_t end = std::max(b.offset + b.size, use.end);
    b.offset = std::min(b.offset, use.begin), b.size = end - b.offset;
    b.last = std::max(b.last, use.last);
    if (!desc.name.empty()) b.tensors.push_back(desc.name);
  }
  return buffers;
}

}  // namespace openhb::compiler
