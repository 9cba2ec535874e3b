// SPDX-License-Identifier: Apache-2.0
// Debug mode of cached memory: what the library sees of a block, apart from what the CPU sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace openhb::dnn {

// The two views come together by lines of 64 bytes as on hardware with a cache: clean() carries over the
// lines that the CPU has changed, and only those. Not thread-safe.
class DeviceCopy {
 public:
  static constexpr std::byte kPoison{0xA5};

  // Of `size` bytes at `cpu`, which the caller owns. Nothing of them has been flushed. Throws std::bad_alloc.
  DeviceCopy(std::byte* cpu, uint64_t size);

  std::byte* device() const { return device_.get(); }

  // Ranges are offsets within the block.
  void clean(uint64_t first, uint64_t last) noexcept;
  void invalidate(uint64_t first, uint64_t last) noexcept;

  // The offset of the first line that the CPU has changed since it was last flushed; `last` if there is none.
  uint64_t first_dirty(uint64_t first, uint64_t last) const noexcept;
  // Nobody wrote anything there that the library could see.
  bool is_poison(uint64_t first, uint64_t last) const noexcept;

 private:
  std::byte* cpu_;
  std::unique_ptr<std::byte[]> device_;
  std::unique_ptr<std::byte[]> flushed_;  // the CPU's view at its last flush
};

}  // namespace openhb::dnn
