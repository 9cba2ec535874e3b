// SPDX-License-Identifier: Apache-2.0
// Handles that applications hold: numbers that are checked before anything behind them is touched, without
// locks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace openhb::dnn {

enum class HandleState { valid, unknown, before_fork };

// N places for a T each. A handle names a place and a generation of it. `acquire` pins what a handle names; a
// place that was closed is given back when its last pin is gone.
template <class T, size_t N, uint8_t kTag>
class HandleTable {
  static_assert(kTag % 2 == 1);  // addresses of objects never look like handles
  static_assert(N <= 1 << 16);

 public:
  // A pin.
  class Ref {
   public:
    Ref() = default;
    Ref(Ref&& other) noexcept : table_(other.table_), place_(other.place_) { other.table_ = nullptr; }
    Ref& operator=(Ref&& other) noexcept {
      if (this != &other) {
        reset();
        table_ = other.table_, place_ = other.place_, other.table_ = nullptr;
      }
      return *this;
    }
    ~Ref() { reset(); }
    explicit operator bool() const { return table_; }
    T* operator->() const { return &table_->places_[place_].value; }
    T& operator*() const { return table_->places_[place_].value; }
    T* get() const { return table_ ? &table_->places_[place_].value : nullptr; }
    void reset() noexcept {
      if (table_) table_->unpin(place_);
      table_ = nullptr;
    }
    // The pin remains, without an owner, until HandleTable::unpin_value.
    T* release() noexcept {
      T* value = get();
      table_ = nullptr;
      return value;
    }

   private:
    friend class HandleTable;
    Ref(HandleTable* table, size_t place) : table_(table), place_(place) {}
    HandleTable* table_ = nullptr;
    size_t place_ = 0;
  };

  // Takes one of the places [first, last); it is pinned but not yet open: no handle names it. Empty when none
  // is free.
  Ref take(size_t first = 0, size_t last = N) noexcept {
    for (size_t i = first; i < last; ++i) {
      uint64_t state = places_[i].state.load(std::memory_order_relaxed);
      if ((state & (kRefs | kTaken | kOpen)) == 0 &&
          places_[i].state.compare_exchange_strong(state, state + kTaken + 1, std::memory_order_acquire))
        return {this, i};
    }
    return {};
  }
  // Opens a taken place and gives its handle.
  void* open(const Ref& ref) noexcept {
    Place& place = places_[ref.place_];
    const uint64_t state = place.state.fetch_add(kGeneration + kOpen, std::memory_order_release);
    return handle(ref.place_, (state >> 32) + 1);
  }
  void* handle_of(const T& value) const noexcept {
    const size_t i = index(value);
    return handle(i, places_[i].state.load(std::memory_order_relaxed) >> 32);
  }

  // Pins what `handle` names; empty when it names nothing.
  Ref acquire(const void* handle) noexcept {
    const auto [i, generation] = parse(handle);
    if (i >= N) return {};
    uint64_t state = places_[i].state.load(std::memory_order_relaxed);
    while ((state & kOpen) && static_cast<uint32_t>(state >> 32) == generation)
      if (places_[i].state.compare_exchange_weak(state, state + 1, std::memory_order_acquire))
        return {this, i};
    return {};
  }
  // Why acquire() gave nothing.
  HandleState state(const void* handle) const noexcept {
    const auto [i, generation] = parse(handle);
    if (i < N && generation != 0 && generation <= places_[i].forked.load(std::memory_order_relaxed))
      return HandleState::before_fork;
    return HandleState::unknown;
  }

  // From now on the handle names nothing. False when it did not before, or (sole) when somebody else pins it,
  // too.
  bool close(const Ref& ref, bool sole = false) noexcept {
    std::atomic<uint64_t>& word = places_[ref.place_].state;
    uint64_t state = word.load(std::memory_order_relaxed);
    while ((state & kOpen) && (!sole || (state & kRefs) == 1))
      if (word.compare_exchange_weak(state, state - kOpen, std::memory_order_acq_rel)) return true;
    return false;
  }
  // Takes close() back. Only for who closed it, with the pin still held.
  void reopen(const Ref& ref) noexcept {
    places_[ref.place_].state.fetch_or(kOpen, std::memory_order_acq_rel);
  }
  bool is_open(const Ref& ref) const noexcept {
    return places_[ref.place_].state.load(std::memory_order_acquire) & kOpen;
  }
  void unpin_value(T& value) noexcept { unpin(index(value)); }

  T& at(size_t i) noexcept { return places_[i].value; }
  size_t place_of(const T& value) const noexcept { return index(value); }
  // In the child after fork(): every handle names nothing. What places held is left alone, and they are not
  // used again.
  void after_fork() noexcept {
    for (Place& place : places_) {
      const uint64_t state = place.state.load(std::memory_order_relaxed);
      place.forked.store(static_cast<uint32_t>(state >> 32), std::memory_order_relaxed);
      place.state.store((state & ~(kOpen | kRefs)) | ((state & kTaken) ? 1 : 0), std::memory_order_relaxed);
    }
  }

 private:
  // generation (32 bits) | open | taken | pins (30 bits)
  static constexpr uint64_t kOpen = 1ull << 31, kTaken = 1ull << 30, kRefs = kTaken - 1,
                            kGeneration = 1ull << 32;
  struct Place {
    std::atomic<uint64_t> state{0};
    std::atomic<uint32_t> forked{0};
    T value;
  };

  static void* handle(size_t i, uint64_t generation) noexcept {
    return reinterpret_cast<void*>(static_cast<uintptr_t>((generation & 0xffffffff) << 24 | i << 8 | kTag));
  }
  struct Parts {
    size_t place;
    uint32_t generation;
  };
  static Parts parse(const void* handle) noexcept {
    const auto bits = reinterpret_cast<uintptr_t>(handle);
    if ((bits & 0xff) != kTag || bits >> 56 != 0) return {N, 0};
    return {static_cast<size_t>(bits >> 8 & 0xffff), static_cast<uint32_t>(bits >> 24)};
  }
  size_t index(const T& value) const noexcept {
    const auto offset =
        reinterpret_cast<const std::byte*>(&value) - reinterpret_cast<const std::byte*>(&places_[0].value);
    return static_cast<size_t>(offset) / sizeof(Place);
  }
  // The last pin of a closed place empties it: T::clear() runs while the place is still taken.
  void unpin(size_t i) noexcept {
    std::atomic<uint64_t>& word = places_[i].state;
    uint64_t state = word.load(std::memory_order_relaxed);
    for (;;) {
      if ((state & kRefs) == 1 && !(state & kOpen)) {
        places_[i].value.clear();
        // Nobody can have pinned it meanwhile: it is closed.
        word.fetch_sub(kTaken + 1, std::memory_order_release);
        return;
      }
      if (word.compare_exchange_weak(state, state - 1, std::memory_order_acq_rel)) return;
    }
  }

  std::array<Place, N> places_;
};

}  // namespace openhb::dnn
