// SPDX-License-Identifier: Apache-2.0
// The memory functions with null, foreign and freed memory, sizes and flags out of range.
#include <array>
#include <climits>

#include "tests/device/dnn/refused.h"
#include "tests/device/dnn/test_client.h"

namespace openhb::testing {
namespace {

TEST(BadMemory, Allocation) {
  Untouched<hbSysMem> mem;
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysAllocMem(nullptr, 16));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysAllocCachedMem(nullptr, 16));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysAllocMem(&mem, 0));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysAllocCachedMem(&mem, 0));
}

TEST(BadMemory, Freeing) {
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysFreeMem(nullptr));
  hbSysMem nothing = {};
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysFreeMem(&nothing));
  std::array<char, 256> stack = {};
  hbSysMem foreign = {reinterpret_cast<uintptr_t>(stack.data()), stack.data(), stack.size()};
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysFreeMem(&foreign));
  EXPECT_EQ(foreign.virAddr, stack.data());
  for (const bool cached : {false, true}) {
    hbSysMem mem = {};
    ASSERT_DONE(cached ? hbSysAllocCachedMem(&mem, 100) : hbSysAllocMem(&mem, 100));
    hbSysMem part = mem, copy = mem;
    part.virAddr = static_cast<char*>(part.virAddr) + 8;
    part.phyAddr += 8;
    EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysFreeMem(&part));
    EXPECT_DONE(hbSysFreeMem(&mem));
    EXPECT_EQ(mem.virAddr, nullptr);
    EXPECT_EQ(mem.memSize, 0u);
    EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysFreeMem(&mem));
    EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysFreeMem(&copy));  // twice
  }
}

TEST(BadMemory, Flushing) {
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysFlushMem(nullptr, HB_SYS_MEM_CACHE_CLEAN));
  hbSysMem mem = {};
  ASSERT_DONE(hbSysAllocCachedMem(&mem, 100));
  for (int32_t flag : {0, 3, 4, -1, INT_MAX, INT_MIN})
    EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysFlushMem(&mem, flag));
  EXPECT_DONE(hbSysFreeMem(&mem));
}

TEST(BadMemory, Copies) {
  hbSysMem mem = {};
  ASSERT_DONE(hbSysAllocCachedMem(&mem, 100));
  std::array<char, 300> bytes = {};
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysWriteMem(&mem, bytes.data(), 101));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysWriteMem(&mem, bytes.data(), UINT_MAX));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysWriteMem(nullptr, bytes.data(), 1));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysWriteMem(&mem, nullptr, 1));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysReadMem(bytes.data(), &mem, 101));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysReadMem(nullptr, &mem, 1));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysReadMem(bytes.data(), nullptr, 1));
  hbSysMem null = mem;
  null.virAddr = nullptr;
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysReadMem(bytes.data(), &null, 1));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysWriteMem(&null, bytes.data(), 1));
  EXPECT_EQ(bytes[0], 0);
  EXPECT_DONE(hbSysFreeMem(&mem));
}

TEST(BadMemory, Registration) {
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysRegisterMem(nullptr));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysUnregisterMem(nullptr));
  alignas(64) static std::array<char, 4096> own = {};
  const auto address = reinterpret_cast<uintptr_t>(own.data());
  hbSysMem mem = {address, nullptr, own.size()};
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysUnregisterMem(&mem));
  ASSERT_DONE(hbSysRegisterMem(&mem));
  EXPECT_NE(mem.virAddr, nullptr);
  hbSysMem overlapping = {address + 1000, nullptr, 10};
  EXPECT_REFUSED(HB_SYS_REGISTER_MEM_FAILED, hbSysRegisterMem(&overlapping));
  hbSysMem same = {address, nullptr, own.size()};
  EXPECT_REFUSED(HB_SYS_REGISTER_MEM_FAILED, hbSysRegisterMem(&same));
  hbSysMem allocated = {};
  ASSERT_DONE(hbSysAllocMem(&allocated, 64));
  hbSysMem known = allocated;
  EXPECT_REFUSED(HB_SYS_REGISTER_MEM_FAILED, hbSysRegisterMem(&known));
  EXPECT_DONE(hbSysFreeMem(&allocated));
  hbSysMem copy = mem;
  EXPECT_DONE(hbSysUnregisterMem(&mem));
  EXPECT_REFUSED(HB_SYS_INVALID_ARGUMENT, hbSysUnregisterMem(&copy));
  for (hbSysMem bad :
       {hbSysMem{0, nullptr, 100}, hbSysMem{address, nullptr, 0}, hbSysMem{UINT64_MAX - 10, nullptr, 100}}) {
    const int32_t status = hbSysRegisterMem(&bad);
    EXPECT_TRUE(status == HB_SYS_INVALID_ARGUMENT || status == HB_SYS_REGISTER_MEM_FAILED) << status;
  }
}

}  // namespace
}  // namespace openhb::testing
