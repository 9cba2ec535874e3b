// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/custom/guarded_run.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/error.h"

namespace openhb::kernels {
namespace {

constexpr size_t kGuard = 256;
constexpr std::array<std::byte, 2> kFill{std::byte{0xA5}, std::byte{0x5A}};

// A tensor between two guards.
class Buffer {
 public:
  Buffer(size_t size, std::byte fill) : fill_(fill), size_(size), bytes_(size + 2 * kGuard, fill) {}
  std::byte* data() { return bytes_.data() + kGuard; }
  std::span<const std::byte> contents() const { return {bytes_.data() + kGuard, size_}; }
  bool intact() const {
    const auto is_fill = [this](std::byte b) { return b == fill_; };
    return std::all_of(bytes_.begin(), bytes_.begin() + kGuard, is_fill) &&
           std::all_of(bytes_.end() - kGuard, bytes_.end(), is_fill);
  }

 private:
  std::byte fill_;
  size_t size_;
  std::vector<std::byte> bytes_;
};

}  // namespace

std::string guarded_run(const RunMemory& memory, int parts, const RunParts& run, bool& failed) {
  std::array<std::vector<Buffer>, 2> results;
  for (size_t turn = 0; turn < results.size(); ++turn) {
    std::vector<Buffer> inputs;
    std::vector<const void*> from;
    std::vector<void*> to;
    inputs.reserve(memory.inputs.size());
    for (const auto& input : memory.inputs) {
      Buffer& copy = inputs.emplace_back(input.size(), kFill[turn]);
      if (!input.empty()) std::memcpy(copy.data(), input.data(), input.size());
      from.push_back(input.data() ? copy.data() : nullptr);
    }
    results[turn].reserve(memory.outputs.size());
    for (const auto& output : memory.outputs)
      to.push_back(results[turn].emplace_back(output.size(), kFill[turn]).data());
    failed = !run(from.data(), to.data(), turn == 0 ? 1 : parts);
    if (failed) return "";
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!inputs[i].intact() || !std::ranges::equal(inputs[i].contents(), memory.inputs[i]))
        return fmt::format("it wrote into input {}", i);
    for (size_t i = 0; i < results[turn].size(); ++i)
      if (!results[turn][i].intact()) return fmt::format("it wrote outside of output {}", i);
  }
  for (size_t i = 0; i < memory.outputs.size(); ++i) {
    const auto a = results[0][i].contents(), b = results[1][i].contents();
    if (!std::ranges::equal(a, b))
      return fmt::format(
          "output {} differs between a run in one part and one in {} at byte {}: it was not written there, "
          "or "
          "depends on the number of parts or on former runs",
          i, parts, std::ranges::mismatch(a, b).in1 - a.begin());
    std::ranges::copy(a, memory.outputs[i].begin());
  }
  return "";
}

}  // namespace openhb::kernels
