// SPDX-License-Identifier: Apache-2.0
// hbSys* when the system has no memory: at the first request, at the second, and so on.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "dnn/hb_sys.h"
#include "dnn/openhb_ext.h"
#include "tests/device/dnn/hooks.h"

namespace openhb::testing {
namespace {

// Refuses the n-th request of call() for n = 1, 2, ... until it succeeds. Gives how many there are.
template <class Call>
int refuse_each(Call call) {
  for (int n = 1;; ++n) {
    const int64_t before = hooks::live_blocks();
    hooks::refuse_request(static_cast<uint64_t>(n));
    const int32_t status = call();
    const bool refused = hooks::requests() >= static_cast<uint64_t>(n);
    hooks::refuse_request(0);
    if (status == 0) return n - 1;
    EXPECT_TRUE(refused);
    EXPECT_EQ(HB_SYS_OUT_OF_MEMORY, status) << "request " << n;
    EXPECT_LE(hooks::live_blocks(), before + 1)
        << "request " << n;  // the sentence of openhbGetLastError stays
    if (n > 100) return -1;
  }
}

// The parameter: debug mode.
class NoMemory : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    openhbSetMemoryCheck(GetParam());
    hbSysAllocMem(nullptr, 1);  // the first line of the log makes the C library read the time zone, for good
  }
  void TearDown() override { openhbSetMemoryCheck(-1); }
};
INSTANTIATE_TEST_SUITE_P(Mode, NoMemory, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "checked" : "fast"; });

TEST_P(NoMemory, AllocatingTakesAllOrNothing) {
  std::array<hbSysMem, 300> blocks{};  // as many as make the table of blocks grow
  for (size_t i = 0; i < blocks.size(); ++i) {
    hbSysMem& mem = blocks[i];
    mem = {1, nullptr, 2};
    const bool cached = i % 2 != 0;
    const int requests = refuse_each([&] {
      const int32_t status = (cached ? hbSysAllocCachedMem : hbSysAllocMem)(&mem, 1000);
      EXPECT_TRUE(status == 0 || (mem.phyAddr == 1 && mem.virAddr == nullptr && mem.memSize == 2));
      return status;
    });
    EXPECT_GE(requests, cached && GetParam() ? 4 : 1);
    EXPECT_EQ(1000u, mem.memSize);
  }
  for (hbSysMem& mem : blocks) EXPECT_EQ(0, hbSysFreeMem(&mem));
}

TEST_P(NoMemory, RegisteringTakesAllOrNothing) {
  static char own[1000];
  for (int i = 0; i < 200; ++i) {
    hbSysMem mem{reinterpret_cast<uint64_t>(own + 5 * i), nullptr, 5};
    refuse_each([&] { return hbSysRegisterMem(&mem); });
    EXPECT_EQ(own + 5 * i, mem.virAddr);
  }
  for (int i = 0; i < 200; ++i) {
    hbSysMem mem{0, own + 5 * i, 5};
    EXPECT_EQ(0, hbSysUnregisterMem(&mem));
  }
}

TEST_P(NoMemory, TheRestNeedsNone) {
  hbSysMem mem;
  char text[10] = {};
  ASSERT_EQ(0, hbSysAllocCachedMem(&mem, 1000));
  std::memset(mem.virAddr, 1, 1000);
  const uint64_t locks = hooks::counts().locks;
  EXPECT_EQ(0, refuse_each([&] {
              return hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_CLEAN) |
                     hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_INVALIDATE) | hbSysWriteMem(&mem, text, 10) |
                     hbSysReadMem(text, &mem, 10);
            }));
  if (!GetParam()) {
    EXPECT_EQ(locks, hooks::counts().locks);
  }
  EXPECT_EQ(0, refuse_each([&] { return hbSysFreeMem(&mem); }));
}

}  // namespace
}  // namespace openhb::testing
