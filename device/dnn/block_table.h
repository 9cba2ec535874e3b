// SPDX-License-Identifier: Apache-2.0
// The blocks of memory that hbSys* knows. Looking one up takes no lock, because it happens on every flush and
// every inference.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

namespace openhb::dnn {

class DeviceCopy;

enum class BlockKind : uint32_t { none, uncached, cached, registered };

struct Block {
  uintptr_t begin = 0, end = 0;
  BlockKind kind = BlockKind::none;
  DeviceCopy* copy = nullptr;  // debug mode of cached memory
};

// May be used by any number of threads. Never destroyed, so that static objects of applications can free
// their memory.
class BlockTable {
 public:
  constexpr BlockTable() = default;

  // The block that holds the byte at `address`, or one of kind none.
  Block find(uintptr_t address) const noexcept;

  // False when the block overlaps with another one. Throws std::bad_alloc.
  bool insert(const Block& block);

  // Takes out the block that begins at `begin` if it is (or is not) registered, and gives it back; else gives
  // one of kind none.
  Block remove(uintptr_t begin, bool registered) noexcept;

 private:
  struct Slot;
  struct Slots;

  // Sorted by address. Readers may see slots while they change, and then look again: a sequence lock. All
  // fields are atomic, so there are no data races.
  std::atomic<uint32_t> sequence_{0};  // odd while slots change
  std::atomic<Slots*> slots_{nullptr};
  std::atomic<uint32_t> count_{0};
  std::mutex writers_;

  uint32_t first_behind(const Slots* slots, uint32_t count, uintptr_t address) const noexcept;
  void grow();
};

}  // namespace openhb::dnn
