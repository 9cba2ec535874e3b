// SPDX-License-Identifier: Apache-2.0
// hbSys* when the system has no memory. This program has its own operator new, which can be told to fail.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "dnn/hb_sys.h"
#include "dnn/openhb_ext.h"

namespace {

long countdown = -1;  // allocations until one fails; below 0: none does
long live = 0;
bool counting = false;

void* take(std::size_t size, std::size_t alignment) {
  if (counting) {
    if (countdown == 0) return nullptr;
    if (countdown > 0) --countdown;
    ++live;
  }
  void* memory = nullptr;
  return posix_memalign(&memory, alignment < sizeof(void*) ? sizeof(void*) : alignment, size ? size : 1) == 0
             ? memory
             : nullptr;
}
void* take_or_throw(std::size_t size, std::size_t alignment) {
  if (void* memory = take(size, alignment)) return memory;
  throw std::bad_alloc();
}
void give(void* memory) {
  if (memory != nullptr && counting) --live;
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return take_or_throw(size, 16); }
void* operator new(std::size_t size, std::align_val_t a) {
  return take_or_throw(size, static_cast<std::size_t>(a));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size, 16); }
void* operator new(std::size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
  return take(size, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t size) { return take_or_throw(size, 16); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return take(size, 16); }
void operator delete(void* memory) noexcept { give(memory); }
void operator delete(void* memory, std::size_t) noexcept { give(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { give(memory); }
void operator delete[](void* memory) noexcept { give(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give(memory); }

namespace {

// Lets the n-th allocation of call() fail for n = 0, 1, ... until it succeeds. Gives how many there were.
template <class Call>
int fail_each(int32_t status, Call call) {
  for (int n = 0;; ++n) {
    const long before = live;
    countdown = n;
    counting = true;
    const int32_t given = call();
    counting = false;
    const bool failed = countdown == 0;
    countdown = -1;
    if (given == 0) return n;
    EXPECT_TRUE(failed);
    EXPECT_EQ(status, given) << "allocation " << n;
    // The sentence for openhbGetLastError may take one, and stays.
    EXPECT_LE(live, before + 1) << "allocation " << n;
    if (n > 100) return -1;
  }
}

TEST(NoMemory, AllocatingTakesAllOrNothing) {
  for (const int checked : {0, 1}) {
    openhbSetMemoryCheck(checked);
    for (int blocks = 0; blocks < 300; ++blocks) {  // through growths of the table
      hbSysMem mem{1, nullptr, 2};
      const auto alloc = blocks % 2 ? hbSysAllocCachedMem : hbSysAllocMem;
      const int allocations = fail_each(HB_SYS_OUT_OF_MEMORY, [&] {
        const int32_t status = alloc(&mem, 1000);
        if (status != 0) EXPECT_EQ(1u, mem.phyAddr + (mem.virAddr != nullptr) * 100);
        return status;
      });
      EXPECT_GE(allocations, checked && blocks % 2 ? 4 : 1);
      EXPECT_EQ(1000u, mem.memSize);
      if (blocks % 3 == 0) EXPECT_EQ(0, hbSysFreeMem(&mem));
    }
  }
  openhbSetMemoryCheck(0);
}

TEST(NoMemory, RegisteringTakesAllOrNothing) {
  static char own[1000];
  for (const int checked : {0, 1}) {
    openhbSetMemoryCheck(checked);
    for (int i = 0; i < 200; ++i) {
      hbSysMem mem{reinterpret_cast<uint64_t>(own + 5 * i), nullptr, 5};
      fail_each(HB_SYS_OUT_OF_MEMORY, [&] { return hbSysRegisterMem(&mem); });
      EXPECT_EQ(own + 5 * i, mem.virAddr);
    }
    for (int i = 0; i < 200; ++i) {
      hbSysMem mem{0, own + 5 * i, 5};
      EXPECT_EQ(0, hbSysUnregisterMem(&mem));
    }
  }
  openhbSetMemoryCheck(0);
}

// Flushing, freeing, reading and writing need no memory.
TEST(NoMemory, TheRestWorksWithout) {
  for (const int checked : {0, 1}) {
    openhbSetMemoryCheck(checked);
    hbSysMem mem;
    char text[10] = {};
    ASSERT_EQ(0, hbSysAllocCachedMem(&mem, 1000));
    std::memset(mem.virAddr, 1, 1000);
    const int allocations = fail_each(0, [&] {
      return hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_CLEAN) | hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_INVALIDATE) |
             hbSysWriteMem(&mem, text, 10) | hbSysReadMem(text, &mem, 10) | hbSysFreeMem(&mem);
    });
    EXPECT_EQ(0, allocations);
  }
  openhbSetMemoryCheck(0);
}

}  // namespace
