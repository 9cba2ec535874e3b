// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/memory.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>

#include "device/dnn/block_table.h"
#include "device/dnn/device_copy.h"
#include "device/dnn/log.h"
#include "dnn/openhb_ext.h"

namespace openhb::dnn {
namespace {

constexpr std::align_val_t kAlignment{64};

constinit BlockTable blocks;
constinit std::atomic<uint64_t> allocated = 0;       // bytes, without registered memory
constinit std::atomic<int> check_mode = -1;          // of new memory; -1: as OPENHB_CHECK_MEM says
constinit std::atomic<uint32_t> checked_blocks = 0;  // that have a DeviceCopy
constinit std::mutex copies;                         // held while a DeviceCopy is used

template <class Fn>
int32_t sys_guarded(Fn fn) noexcept {
  try {
    return fn();
  } catch (const std::exception&) {
    return report(HB_SYS_OUT_OF_MEMORY, __FILE__, __LINE__, "Mem", "out of memory");
  }
}

#define OPENHB_REFUSE(...) OPENHB_REPORT(HB_SYS_INVALID_ARGUMENT, "Mem", __VA_ARGS__)

uintptr_t address_of(const hbSysMem& mem) { return reinterpret_cast<uintptr_t>(mem.virAddr); }

bool is_checking() {
  const int mode = check_mode.load(std::memory_order_relaxed);
  if (mode >= 0) return mode != 0;
  const char* set = std::getenv("OPENHB_CHECK_MEM");
  return set != nullptr && std::string_view(set) != "" && std::string_view(set) != "0";
}

std::unique_ptr<DeviceCopy> make_copy(std::byte* memory, uint64_t size) {
  return is_checking() ? std::make_unique<DeviceCopy>(memory, size) : nullptr;
}

// Bytes; the largest number when there is no limit.
uint64_t memory_limit() {
  const char* set = std::getenv("HB_DNN_SIM_BPU_MEM_SIZE");
  if (set == nullptr || *set == '\0') return UINT64_MAX;
  uint64_t megabytes = 0;
  const char* end = set + std::strlen(set);
  const auto [rest, error] = std::from_chars(set, end, megabytes);
  if (error == std::errc() && rest == end && megabytes > 0)
    return megabytes > (UINT64_MAX >> 20) ? UINT64_MAX : megabytes << 20;
  OPENHB_LOG(Level::warning, "Mem",
             "HB_DNN_SIM_BPU_MEM_SIZE is '{}', not a number of megabytes: there is no limit", set);
  return UINT64_MAX;
}

bool reserve(uint64_t size, uint64_t limit) {
  uint64_t now = allocated.load(std::memory_order_relaxed);
  do {
    if (size > limit || now > limit - size) return false;
  } while (!allocated.compare_exchange_weak(now, now + size, std::memory_order_relaxed));
  return true;
}

struct Free {
  void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
};
struct Unreserve {
  uint64_t size;
  ~Unreserve() { allocated.fetch_sub(size, std::memory_order_relaxed); }
};

int32_t allocate(hbSysMem* mem, uint32_t size, BlockKind kind, const char* function) {
  if (mem == nullptr) return OPENHB_REFUSE("{}: mem is null", function);
  if (size == 0) return OPENHB_REFUSE("{}: size is 0", function);
  const uint64_t limit = memory_limit();
  if (!reserve(size, limit))
    return OPENHB_REPORT(HB_SYS_OUT_OF_MEMORY, "Mem",
                         "{}: {} bytes and the {} that are in use exceed HB_DNN_SIM_BPU_MEM_SIZE ({} MB)",
                         function, size, allocated.load(std::memory_order_relaxed), limit >> 20);
  Unreserve reserved{size};
  std::unique_ptr<std::byte, Free> memory(
      static_cast<std::byte*>(::operator new(size, kAlignment, std::nothrow)));
  if (!memory)
    return OPENHB_REPORT(HB_SYS_OUT_OF_MEMORY, "Mem", "{}: the system has no {} bytes", function, size);
  std::unique_ptr<DeviceCopy> copy;
  if (kind == BlockKind::cached) copy = make_copy(memory.get(), size);
  std::memset(memory.get(), copy ? std::to_integer<int>(DeviceCopy::kPoison) : 0, size);
  const auto begin = reinterpret_cast<uintptr_t>(memory.get());
  if (!blocks.insert({begin, begin + size, kind, copy.get()}))
    return OPENHB_REPORT(
        HB_SYS_OUT_OF_MEMORY, "Mem",
        "{}: the system gave memory that is registered (hbSysRegisterMem): it was freed before "
        "hbSysUnregisterMem",
        function);
  if (copy) checked_blocks.fetch_add(1, std::memory_order_relaxed);
  copy.release();
  reserved.size = 0;
  mem->phyAddr = begin;
  mem->virAddr = memory.release();
  mem->memSize = size;
  return HB_SYS_SUCCESS;
}

void drop_copy(DeviceCopy* copy) {
  if (copy == nullptr) return;
  checked_blocks.fetch_sub(1, std::memory_order_relaxed);
  delete copy;
}

// The block that holds all of [mem.virAddr, + size); of kind none, with a report, if there is none.
Block block_of(const hbSysMem* mem, uint64_t size, const char* function) {
  if (mem == nullptr || mem->virAddr == nullptr) {
    OPENHB_REFUSE("{}: {} is null", function, mem == nullptr ? "mem" : "virAddr");
    return {};
  }
  const Block block = blocks.find(address_of(*mem));
  if (block.kind == BlockKind::none) {
    OPENHB_REFUSE(
        "{}: {} is not memory of hbSysAllocMem, hbSysAllocCachedMem or hbSysRegisterMem, or not any more",
        function, mem->virAddr);
    return {};
  }
  if (size > block.end - address_of(*mem)) {
    OPENHB_REFUSE("{}: {} bytes at {} go beyond the end of their block, by {} bytes", function, size,
                  mem->virAddr, size - (block.end - address_of(*mem)));
    return {};
  }
  return block;
}

// With `copies` held, of a block that has a copy.
void invalidate(const Block& block, uint64_t first, uint64_t size, const char* function) {
  const uint64_t dirty = block.copy->first_dirty(first, first + size);
  // Registered memory may hold anything, by anybody, before its first flush.
  if (dirty < first + size && block.kind == BlockKind::cached)
    OPENHB_LOG(Level::warning, "Mem",
               "{}: discards what the CPU wrote at byte {} of the {} bytes at {:#x}; flush with "
               "HB_SYS_MEM_CACHE_CLEAN after writing",
               function, dirty - first, size, block.begin + first);
  block.copy->invalidate(first, first + size);
}

int32_t flush(hbSysMem* mem, int32_t flag) {
  if (flag != HB_SYS_MEM_CACHE_INVALIDATE && flag != HB_SYS_MEM_CACHE_CLEAN)
    return OPENHB_REFUSE(
        "hbSysFlushMem: flag is {}, neither HB_SYS_MEM_CACHE_INVALIDATE (1) nor HB_SYS_MEM_CACHE_CLEAN (2)",
        flag);
  if (mem != nullptr && mem->memSize == 0) return OPENHB_REFUSE("hbSysFlushMem: memSize is 0");
  const Block block = block_of(mem, mem == nullptr ? 0 : mem->memSize, "hbSysFlushMem");
  if (block.kind == BlockKind::none) return HB_SYS_INVALID_ARGUMENT;
  if (block.kind == BlockKind::uncached) {
    OPENHB_LOG(Level::warning, "Mem", "memory is noncachable, ignore flush operation");
    return HB_SYS_SUCCESS;
  }
  if (block.copy == nullptr) return HB_SYS_SUCCESS;
  const uint64_t first = address_of(*mem) - block.begin;
  const std::lock_guard lock(copies);
  if (flag == HB_SYS_MEM_CACHE_CLEAN)
    block.copy->clean(first, first + mem->memSize);
  else
    invalidate(block, first, mem->memSize, "hbSysFlushMem");
  return HB_SYS_SUCCESS;
}

int32_t free_block(hbSysMem* mem) {
  if (mem == nullptr || mem->virAddr == nullptr)
    return OPENHB_REFUSE("hbSysFreeMem: {} is null", mem == nullptr ? "mem" : "virAddr");
  const Block block = blocks.remove(address_of(*mem), false);
  if (block.kind == BlockKind::none) {
    const Block other = blocks.find(address_of(*mem));
    const char* why = other.kind == BlockKind::registered ? "was registered: hbSysUnregisterMem ends that"
                      : other.kind != BlockKind::none     ? "is inside a block: give its first byte"
                                                          : "was not allocated, or was freed before";
    return OPENHB_REFUSE("hbSysFreeMem: memory at {} {}", mem->virAddr, why);
  }
  drop_copy(block.copy);
  allocated.fetch_sub(block.end - block.begin, std::memory_order_relaxed);
  Free()(static_cast<std::byte*>(mem->virAddr));
  *mem = {};
  return HB_SYS_SUCCESS;
}

// What hbSysWriteMem and hbSysReadMem have in common; `other` is the application's memory.
int32_t transfer(hbSysMem* mem, char* other, uint32_t size, bool write) {
  const char* function = write ? "hbSysWriteMem" : "hbSysReadMem";
  if (other == nullptr) return OPENHB_REFUSE("{}: {} is null", function, write ? "src" : "dest");
  const Block block = block_of(mem, size, function);
  if (block.kind == BlockKind::none) return HB_SYS_INVALID_ARGUMENT;
  if (size > mem->memSize)
    return OPENHB_REFUSE("{}: size is {}, but memSize is {}", function, size, mem->memSize);
  const uint64_t first = address_of(*mem) - block.begin;
  std::unique_lock lock(copies, std::defer_lock);
  if (block.copy != nullptr) lock.lock();  // threads that read the same memory invalidate it, each
  if (!write && block.copy != nullptr) invalidate(block, first, size, function);
  std::memmove(write ? mem->virAddr : other, write ? other : mem->virAddr, size);
  if (write && block.copy != nullptr) block.copy->clean(first, first + size);
  return HB_SYS_SUCCESS;
}

int32_t register_block(hbSysMem* mem) {
  if (mem == nullptr) return OPENHB_REFUSE("hbSysRegisterMem: mem is null");
  if (mem->phyAddr == 0 || mem->memSize == 0)
    return OPENHB_REFUSE("hbSysRegisterMem: {} is 0", mem->phyAddr == 0 ? "phyAddr" : "memSize");
  const uintptr_t begin = mem->phyAddr;
  if (begin > UINTPTR_MAX - mem->memSize)
    return OPENHB_REFUSE("hbSysRegisterMem: there are no {} bytes at {:#x}", mem->memSize, begin);
  auto* memory = reinterpret_cast<std::byte*>(begin);
  std::unique_ptr<DeviceCopy> copy = make_copy(memory, mem->memSize);
  if (!blocks.insert({begin, begin + mem->memSize, BlockKind::registered, copy.get()}))
    return OPENHB_REPORT(HB_SYS_REGISTER_MEM_FAILED, "Mem",
                         "hbSysRegisterMem: the {} bytes at {:#x} overlap with memory that was allocated or "
                         "registered before",
                         mem->memSize, begin);
  if (copy) checked_blocks.fetch_add(1, std::memory_order_relaxed);
  copy.release();
  mem->virAddr = memory;
  return HB_SYS_SUCCESS;
}

int32_t unregister_block(hbSysMem* mem) {
  if (mem == nullptr || mem->virAddr == nullptr)
    return OPENHB_REFUSE("hbSysUnregisterMem: {} is null", mem == nullptr ? "mem" : "virAddr");
  const Block block = blocks.remove(address_of(*mem), true);
  if (block.kind == BlockKind::none)
    return OPENHB_REFUSE(
        "hbSysUnregisterMem: memory at {} is not what hbSysRegisterMem was given, or not any more",
        mem->virAddr);
  drop_copy(block.copy);
  return HB_SYS_SUCCESS;
}

}  // namespace

std::byte* device_view(const hbSysMem& mem) noexcept {
  auto* seen = static_cast<std::byte*>(mem.virAddr);
  if (checked_blocks.load(std::memory_order_relaxed) == 0) return seen;
  const Block block = blocks.find(address_of(mem));
  if (block.copy == nullptr || mem.memSize > block.end - address_of(mem)) return seen;
  return block.copy->device() + (address_of(mem) - block.begin);
}

void check_cleaned(const hbSysMem& mem, uint64_t size, const char* what) noexcept {
  if (checked_blocks.load(std::memory_order_relaxed) == 0) return;
  const Block block = blocks.find(address_of(mem));
  if (block.copy == nullptr) return;
  const uint64_t first = address_of(mem) - block.begin;
  const uint64_t last = first + std::min<uint64_t>(size, block.end - address_of(mem));
  const std::lock_guard lock(copies);
  try {
    const uint64_t dirty = block.copy->first_dirty(first, last);
    if (dirty < last)
      OPENHB_LOG(Level::error, "Mem",
                 "tensor '{}': what the CPU wrote at byte {} of {} was not flushed, the library reads "
                 "something else; call "
                 "hbSysFlushMem(mem, HB_SYS_MEM_CACHE_CLEAN) after writing",
                 what, dirty - first, last - first);
    else if (block.copy->is_poison(first, last))
      OPENHB_LOG(Level::error, "Mem", "tensor '{}': nobody has written anything into its {} bytes", what,
                 last - first);
  } catch (const std::exception&) {  // no memory for the sentence
  }
}

bool is_within_block(const hbSysMem& mem) noexcept {
  const Block block = blocks.find(address_of(mem));
  return block.kind == BlockKind::none || mem.memSize <= block.end - address_of(mem);
}

}  // namespace openhb::dnn

using namespace openhb::dnn;

extern "C" {

int32_t hbSysAllocMem(hbSysMem* mem, uint32_t size) {
  return sys_guarded([&] { return allocate(mem, size, BlockKind::uncached, "hbSysAllocMem"); });
}
int32_t hbSysAllocCachedMem(hbSysMem* mem, uint32_t size) {
  return sys_guarded([&] { return allocate(mem, size, BlockKind::cached, "hbSysAllocCachedMem"); });
}
int32_t hbSysFlushMem(hbSysMem* mem, int32_t flag) {
  return sys_guarded([&] { return flush(mem, flag); });
}
int32_t hbSysFreeMem(hbSysMem* mem) {
  return sys_guarded([&] { return free_block(mem); });
}
int32_t hbSysWriteMem(hbSysMem* dest, char* src, uint32_t size) {
  return sys_guarded([&] { return transfer(dest, src, size, true); });
}
int32_t hbSysReadMem(char* dest, hbSysMem* src, uint32_t size) {
  return sys_guarded([&] { return transfer(src, dest, size, false); });
}
int32_t hbSysRegisterMem(hbSysMem* mem) {
  return sys_guarded([&] { return register_block(mem); });
}
int32_t hbSysUnregisterMem(hbSysMem* mem) {
  return sys_guarded([&] { return unregister_block(mem); });
}
int32_t openhbSetMemoryCheck(int32_t on) {
  check_mode.store(on < 0 ? -1 : on != 0, std::memory_order_relaxed);
  return HB_SYS_SUCCESS;
}

}  // extern "C"
