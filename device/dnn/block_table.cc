// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/block_table.h"

#include <algorithm>
#include <memory>

#include "device/engine/cpu.h"

namespace openhb::dnn {

// Stores release and loads acquire: a reader that sees any new field also sees that sequence_ has moved.
struct BlockTable::Slot {
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<BlockKind> kind{BlockKind::none};
  std::atomic<DeviceCopy*> copy{nullptr};

  Block load() const noexcept {
    constexpr auto order = std::memory_order_acquire;
    return {begin.load(order), end.load(order), kind.load(order), copy.load(order)};
  }
  void store(const Block& b) noexcept {
    constexpr auto order = std::memory_order_release;
    begin.store(b.begin, order);
    end.store(b.end, order);
    kind.store(b.kind, order);
    copy.store(b.copy, order);
  }
};

// A smaller array stays when a larger one replaces it, because a reader may be in it: together they are
// smaller than the last one.
struct BlockTable::Slots {
  uint32_t capacity;
  std::unique_ptr<Slot[]> slot;
  Slots* smaller;
};

// The index of the first block that ends behind `address`; count if there is none.
uint32_t BlockTable::first_behind(const Slots* slots, uint32_t count, uintptr_t address) const noexcept {
  uint32_t low = 0, high = count;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (slots->slot[middle].end.load(std::memory_order_acquire) > address)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

Block BlockTable::find(uintptr_t address) const noexcept {
  for (;; relax_cpu()) {
    const uint32_t before = sequence_.load(std::memory_order_acquire);
    if (before % 2 != 0) continue;
    const Slots* slots = slots_.load(std::memory_order_acquire);
    Block found;
    if (slots != nullptr) {
      const uint32_t count = std::min(count_.load(std::memory_order_acquire), slots->capacity);
      const uint32_t at = first_behind(slots, count, address);
      if (at < count) found = slots->slot[at].load();
    }
    if (sequence_.load(std::memory_order_relaxed) != before) continue;
    return found.begin <= address && address < found.end ? found : Block{};
  }
}

void BlockTable::grow() {
  Slots* old = slots_.load(std::memory_order_relaxed);
  const uint32_t capacity = old == nullptr ? 64 : old->capacity * 2;
  auto larger = std::make_unique<Slots>(capacity, std::make_unique<Slot[]>(capacity), old);
  for (uint32_t i = 0; old != nullptr && i < old->capacity; ++i) larger->slot[i].store(old->slot[i].load());
  slots_.store(larger.release(), std::memory_order_release);
}

bool BlockTable::insert(const Block& block) {
  const std::lock_guard lock(writers_);
  const uint32_t count = count_.load(std::memory_order_relaxed);
  Slots* slots = slots_.load(std::memory_order_relaxed);
  const uint32_t at = slots == nullptr ? 0 : first_behind(slots, count, block.begin);
  if (at < count && slots->slot[at].load().begin < block.end) return false;
  if (slots == nullptr || count == slots->capacity) {
    grow();
    slots = slots_.load(std::memory_order_relaxed);
  }
  const uint32_t sequence = sequence_.load(std::memory_order_relaxed);
  sequence_.store(sequence + 1, std::memory_order_relaxed);
  for (uint32_t i = count; i > at; --i) slots->slot[i].store(slots->slot[i - 1].load());
  slots->slot[at].store(block);
  count_.store(count + 1, std::memory_order_release);
  sequence_.store(sequence + 2, std::memory_order_release);
  return true;
}

Block BlockTable::remove(uintptr_t begin, bool registered) noexcept {
  const std::lock_guard lock(writers_);
  const uint32_t count = count_.load(std::memory_order_relaxed);
  Slots* slots = slots_.load(std::memory_order_relaxed);
  const uint32_t at = slots == nullptr ? 0 : first_behind(slots, count, begin);
  if (at == count) return {};
  const Block block = slots->slot[at].load();
  if (block.begin != begin || (block.kind == BlockKind::registered) != registered) return {};
  const uint32_t sequence = sequence_.load(std::memory_order_relaxed);
  sequence_.store(sequence + 1, std::memory_order_relaxed);
  for (uint32_t i = at; i + 1 < count; ++i) slots->slot[i].store(slots->slot[i + 1].load());
  count_.store(count - 1, std::memory_order_release);
  sequence_.store(sequence + 2, std::memory_order_release);
  return block;
}

}  // namespace openhb::dnn
