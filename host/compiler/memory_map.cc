// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/memory_map.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace openhb::compiler {
namespace {

// The bytes of a tensor: rows of `row` bytes, `pitch` bytes apart, and the steps that need them.
struct Use {
  uint64_t begin = 0, end = 0, row = 0, pitch = 0, bytes = 0;
  int32_t first = 0, last = -1;

  bool contains(const Use& o) const { return begin <= o.begin && o.end <= end; }
  bool intersects(const Use& o) const {
    if (begin >= o.end || o.begin >= end) return false;
    if (pitch != o.pitch || pitch == 0) return true;
    // Columns of rows that are equally far apart, as the parts of a concatenation of channels.
    const uint64_t ahead = (o.begin + pitch - begin % pitch) % pitch;
    return !(ahead >= row && ahead + o.row <= pitch);
  }
};

struct Write {
  uint32_t tensor;
  int32_t step;
};

class Map {
 public:
  explicit Map(const Program& program)
      : program_(program), steps_(static_cast<int32_t>(program.steps.size())), uses_(program.tensors.size()) {
    for (size_t t = 0; t < uses_.size(); ++t) uses_[t] = place(program.tensors[t]);
    for (const auto& input : program.inputs) touch(input.tensor, -1), touch(input.tensor, steps_);
    for (const auto& input : program.inputs) writes_.push_back({input.tensor, -1});
    for (int32_t s = 0; s < steps_; ++s) {
      const Step& step = program.steps[static_cast<size_t>(s)];
      for (uint32_t t : step.inputs) read(t, s);
      for (uint32_t t : step.outputs) touch(t, s), writes_.push_back({t, s});
    }
    for (const auto& output : program.outputs) read(output.tensor, steps_);
  }

  std::vector<report::Buffer> buffers() const;

 private:
  Use place(const TensorDesc& desc) const {
    const auto size = static_cast<uint64_t>(dtype_size(desc.dtype));
    Use use{.begin = desc.offset, .end = desc.offset, .first = steps_ + 1, .last = -2};
    if (desc.storage != Storage::arena || desc.elements() == 0) return use;
    use.end += static_cast<uint64_t>(desc.byte_extent());
    use.bytes = static_cast<uint64_t>(desc.elements()) * size;
    if (!desc.dense())
      use.row = static_cast<uint64_t>(desc.dims.back()) * size,
      use.pitch = static_cast<uint64_t>(desc.pitch) * size;
    return use;
  }
  void touch(uint32_t tensor, int32_t step) {
    Use& use = uses_[tensor];
    use.first = std::min(use.first, step), use.last = std::max(use.last, step);
  }
  // Whatever wrote these bytes, latest first, is needed until now.
  void read(uint32_t tensor, int32_t step) {
    touch(tensor, step);
    const Use& wanted = uses_[tensor];
    std::vector<uint32_t> found;
    uint64_t missing = wanted.bytes;
    for (size_t w = writes_.size(); missing > 0 && w-- > 0;) {
      const Use& written = uses_[writes_[w].tensor];
      if (written.bytes == 0 || !written.intersects(wanted) || std::ranges::any_of(found, [&](uint32_t f) {
            return uses_[f].contains(written) && uses_[f].intersects(written);
          }))
        continue;
      missing -= std::min(missing, written.contains(wanted) ? wanted.bytes : written.bytes);
      found.push_back(writes_[w].tensor);
      touch(writes_[w].tensor, step);
    }
  }

  const Program& program_;
  int32_t steps_;
  std::vector<Use> uses_;
  std::vector<Write> writes_;
};

std::vector<report::Buffer> Map::buffers() const {
  std::vector<uint32_t> order;
  for (uint32_t t = 0; t < uses_.size(); ++t)
    if (uses_[t].first <= uses_[t].last && uses_[t].bytes > 0) order.push_back(t);
  std::ranges::sort(order, {}, [&](uint32_t t) { return std::pair(uses_[t].first, t); });

  // Tensors with bytes in common at the same time belong together; interleaved ones meet in the one that
  // reads them all.
  std::vector<uint32_t> parent(uses_.size());
  std::iota(parent.begin(), parent.end(), 0u);
  const auto root = [&](uint32_t t) {
    while (parent[t] != t) t = parent[t] = parent[parent[t]];
    return t;
  };
  std::vector<uint32_t> live;
  for (uint32_t t : order) {
    std::erase_if(live, [&](uint32_t other) { return uses_[other].last < uses_[t].first; });
    for (uint32_t other : live)
      if (uses_[t].intersects(uses_[other])) parent[root(t)] = root(other);
    live.push_back(t);
  }

  std::vector<report::Buffer> buffers;
  std::vector<size_t> index(uses_.size(), SIZE_MAX);
  for (uint32_t t : order) {
    const TensorDesc& desc = program_.tensors[t];
    const Use& use = uses_[t];
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

}  // namespace

std::vector<report::Buffer> memory_map(const Program& program) { return Map(program).buffers(); }

}  // namespace openhb::compiler
