// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/memory.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "dnn/openhb_ext.h"
#include "tests/device/steps/harness.h"

namespace openhb::dnn {
namespace {

using test::random_int;

uint8_t* bytes(const hbSysMem& mem) { return static_cast<uint8_t*>(mem.virAddr); }
uint8_t* device(const hbSysMem& mem) { return reinterpret_cast<uint8_t*>(device_view(mem)); }
bool all_are(const uint8_t* first, size_t count, uint8_t value) {
  return std::all_of(first, first + count, [&](uint8_t b) { return b == value; });
}
hbSysMem part(const hbSysMem& mem, uint32_t offset, uint32_t size) {
  return {mem.phyAddr + offset, bytes(mem) + offset, size};
}

struct Setting {
  const char* name;
  Setting(const char* variable, const char* value) : name(variable) { setenv(variable, value, 1); }
  ~Setting() { unsetenv(name); }
};

// What is written on stderr meanwhile.
template <class Fn>
std::string log_of(Fn fn) {
  testing::internal::CaptureStderr();
  fn();
  return testing::internal::GetCapturedStderr();
}
int lines_with(const std::string& log, const std::string& part) {
  int count = 0;
  for (size_t at = log.find(part); at != std::string::npos; at = log.find(part, at + 1)) ++count;
  return count;
}

// The parameter: debug mode.
class Memory : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { openhbSetMemoryCheck(GetParam()); }
  void TearDown() override { openhbSetMemoryCheck(-1); }
};
INSTANTIATE_TEST_SUITE_P(Mode, Memory, testing::Bool(),
                         [](const auto& info) { return info.param ? "checked" : "fast"; });

TEST_P(Memory, BlocksAreAlignedAndCanBeFreedOnce) {
  for (const uint32_t size : {1u, 63u, 64u, 65u, 4096u, 1000003u})
    for (const auto alloc : {hbSysAllocMem, hbSysAllocCachedMem}) {
      hbSysMem mem{~uint64_t{0}, &mem, ~0u};
      ASSERT_EQ(0, alloc(&mem, size));
      EXPECT_EQ(reinterpret_cast<uint64_t>(mem.virAddr), mem.phyAddr);
      EXPECT_EQ(0u, mem.phyAddr % 64);
      EXPECT_EQ(size, mem.memSize);
      const bool poison = GetParam() && alloc == hbSysAllocCachedMem;
      EXPECT_TRUE(all_are(bytes(mem), size, poison ? 0xA5 : 0));
      std::memset(mem.virAddr, 7, size);
      hbSysMem twin = mem;
      EXPECT_EQ(0, hbSysFreeMem(&mem));
      EXPECT_EQ(nullptr, mem.virAddr);
      EXPECT_EQ(0u, mem.phyAddr);
      EXPECT_EQ(0u, mem.memSize);
      EXPECT_EQ(HB_SYS_INVALID_ARGUMENT, hbSysFreeMem(&mem));
      EXPECT_EQ(HB_SYS_INVALID_ARGUMENT, hbSysFreeMem(&twin));
      EXPECT_EQ(HB_SYS_INVALID_ARGUMENT, hbSysFlushMem(&twin, HB_SYS_MEM_CACHE_CLEAN));
      EXPECT_NE(nullptr, twin.virAddr);  // a failure changes nothing
    }
}

TEST_P(Memory, ManyBlocksInAnyOrder) {
  std::vector<hbSysMem> live;
  for (int round = 0; round < 3000; ++round) {
    if (live.size() < 300 && test::chance(60)) {
      hbSysMem mem;
      const auto size = static_cast<uint32_t>(random_int(1, 3000));
      ASSERT_EQ(0, test::chance(50) ? hbSysAllocMem(&mem, size) : hbSysAllocCachedMem(&mem, size));
      std::memset(mem.virAddr, static_cast<int>(mem.phyAddr >> 6), size);
      live.push_back(mem);
    } else if (!live.empty()) {
      const auto at = live.begin() + random_int(0, static_cast<int64_t>(live.size()) - 1);
      ASSERT_TRUE(all_are(bytes(*at), at->memSize, static_cast<uint8_t>(at->phyAddr >> 6)));
      std::vector<char> copy(at->memSize);
      hbSysMem tail = part(*at, at->memSize / 2, at->memSize - at->memSize / 2);
      ASSERT_EQ(0, hbSysReadMem(copy.data(), &tail, tail.memSize));
      tail.memSize += 1;
      ASSERT_EQ(HB_SYS_INVALID_ARGUMENT, hbSysFlushMem(&tail, HB_SYS_MEM_CACHE_INVALIDATE));
      ASSERT_EQ(0, hbSysFreeMem(&*at));
      live.erase(at);
    }
  }
  for (hbSysMem& mem : live) EXPECT_EQ(0, hbSysFreeMem(&mem));
}

TEST_P(Memory, BadArguments) {
  const int32_t bad = HB_SYS_INVALID_ARGUMENT;
  hbSysMem mem{}, other{};
  char text[64] = {};
  const auto sentence = [] { return std::string(openhbGetLastError()); };
  EXPECT_EQ(bad, hbSysAllocMem(nullptr, 1));
  EXPECT_EQ("hbSysAllocMem: mem is null", sentence());
  EXPECT_EQ(bad, hbSysAllocCachedMem(nullptr, 1));
  EXPECT_EQ(bad, hbSysAllocMem(&mem, 0));
  EXPECT_EQ(bad, hbSysAllocCachedMem(&mem, 0));
  EXPECT_EQ("hbSysAllocCachedMem: size is 0", sentence());
  EXPECT_EQ(nullptr, mem.virAddr);
  EXPECT_EQ(bad, hbSysFreeMem(nullptr));
  EXPECT_EQ(bad, hbSysFreeMem(&other));
  EXPECT_EQ(bad, hbSysFlushMem(nullptr, HB_SYS_MEM_CACHE_CLEAN));
  EXPECT_EQ(bad, hbSysFlushMem(&other, HB_SYS_MEM_CACHE_CLEAN));
  EXPECT_EQ(bad, hbSysWriteMem(nullptr, text, 1));
  EXPECT_EQ(bad, hbSysWriteMem(&other, text, 1));
  EXPECT_EQ(bad, hbSysReadMem(text, nullptr, 1));
  EXPECT_EQ(bad, hbSysReadMem(text, &other, 1));
  EXPECT_EQ(bad, hbSysRegisterMem(nullptr));
  EXPECT_EQ(bad, hbSysRegisterMem(&other));
  EXPECT_EQ(bad, hbSysUnregisterMem(nullptr));
  EXPECT_EQ(bad, hbSysUnregisterMem(&other));

  ASSERT_EQ(0, hbSysAllocCachedMem(&mem, 100));
  for (const int32_t flag : {0, 3, 4, -1, INT32_MIN, INT32_MAX})
    EXPECT_EQ(bad, hbSysFlushMem(&mem, flag)) << flag;
  EXPECT_EQ(bad, hbSysWriteMem(&mem, nullptr, 1));
  EXPECT_EQ("hbSysWriteMem: src is null", sentence());
  EXPECT_EQ(bad, hbSysReadMem(nullptr, &mem, 1));
  EXPECT_EQ("hbSysReadMem: dest is null", sentence());
  EXPECT_EQ(bad, hbSysWriteMem(&mem, text, 101));
  EXPECT_EQ(bad, hbSysReadMem(text, &mem, UINT32_MAX));
  EXPECT_EQ(0, hbSysWriteMem(&mem, text, 0));
  EXPECT_EQ(0, hbSysReadMem(text, &mem, 0));
  hbSysMem inside = part(mem, 1, 99), small = part(mem, 0, 10), foreign{0, text, 10};
  foreign.phyAddr = reinterpret_cast<uint64_t>(text);
  EXPECT_EQ(bad, hbSysWriteMem(&small, text, 11)) << "more than memSize, though the block is longer";
  EXPECT_EQ(bad, hbSysFreeMem(&inside));
  EXPECT_NE(std::string::npos, sentence().find("inside a block")) << sentence();
  EXPECT_EQ(bad, hbSysFreeMem(&foreign));
  EXPECT_NE(std::string::npos, sentence().find("not allocated")) << sentence();
  EXPECT_EQ(bad, hbSysFlushMem(&foreign, HB_SYS_MEM_CACHE_CLEAN));
  EXPECT_EQ(bad, hbSysReadMem(text, &foreign, 1));
  EXPECT_EQ(bad, hbSysWriteMem(&foreign, text, 1));
  EXPECT_EQ(bad, hbSysUnregisterMem(&mem));
  inside.memSize = 0;
  EXPECT_EQ(bad, hbSysFlushMem(&inside, HB_SYS_MEM_CACHE_CLEAN));
  hbSysMem behind = part(mem, 100, 1);
  EXPECT_EQ(bad, hbSysFlushMem(&behind, HB_SYS_MEM_CACHE_CLEAN));
  EXPECT_TRUE(is_within_block(mem));
  EXPECT_TRUE(is_within_block(foreign));
  EXPECT_TRUE(is_within_block(part(mem, 99, 1)));
  EXPECT_FALSE(is_within_block(part(mem, 99, 2)));
  EXPECT_FALSE(is_within_block(part(mem, 0, UINT32_MAX)));
  const hbSysMem longer = part(mem, 0, 101);
  EXPECT_EQ(bytes(mem), device(longer)) << "no copy is that long";
  EXPECT_EQ(0, hbSysFreeMem(&mem));
}

TEST_P(Memory, WriteAndReadNeedNoFurtherFlushes) {
  for (const auto alloc : {hbSysAllocMem, hbSysAllocCachedMem}) {
    hbSysMem mem;
    ASSERT_EQ(0, alloc(&mem, 200));
    std::string from(50, 'x'), to(50, ' ');
    hbSysMem middle = part(mem, 70, 60);
    std::string log = log_of([&] {
      ASSERT_EQ(0, hbSysWriteMem(&middle, from.data(), 50));
      EXPECT_TRUE(all_are(device(middle), 50, 'x'));
      std::memset(device(middle), 'y', 50);  // the library writes an output
      ASSERT_EQ(0, hbSysReadMem(to.data(), &middle, 50));
    });
    EXPECT_EQ("", log) << "no warning about memory without cache";
    EXPECT_EQ(std::string(50, 'y'), to);
    EXPECT_EQ(0, hbSysFreeMem(&mem));
  }
}

TEST_P(Memory, FlushingMemoryWithoutCacheWarns) {
  hbSysMem mem;
  ASSERT_EQ(0, hbSysAllocMem(&mem, 64));
  EXPECT_EQ(device(mem), bytes(mem));
  for (const int32_t flag : {HB_SYS_MEM_CACHE_CLEAN, HB_SYS_MEM_CACHE_INVALIDATE}) {
    const std::string log = log_of([&] { EXPECT_EQ(0, hbSysFlushMem(&mem, flag)); });
    EXPECT_EQ(1, lines_with(log, "memory is noncachable, ignore flush operation")) << log;
    EXPECT_EQ(1, lines_with(log, "[W]")) << log;
  }
  EXPECT_EQ(0, hbSysFreeMem(&mem));
}

TEST_P(Memory, RegisteredMemory) {
  std::vector<uint8_t> own(1000, 9);
  const auto address = reinterpret_cast<uint64_t>(own.data());
  hbSysMem mem{address + 100, nullptr, 500};
  ASSERT_EQ(0, hbSysRegisterMem(&mem));
  EXPECT_EQ(own.data() + 100, mem.virAddr);
  EXPECT_TRUE(all_are(own.data(), 1000, 9));

  // Overlaps of every kind; neighbours are none.
  for (const auto& [first, size] :
       {std::pair{100u, 500u}, {100u, 1u}, {599u, 1u}, {0u, 101u}, {0u, 1000u}, {300u, 10u}, {599u, 100u}}) {
    hbSysMem other{address + first, nullptr, size};
    EXPECT_EQ(HB_SYS_REGISTER_MEM_FAILED, hbSysRegisterMem(&other)) << first << " " << size;
    EXPECT_EQ(nullptr, other.virAddr);
  }
  hbSysMem before{address, nullptr, 100}, behind{address + 600, nullptr, 400};
  EXPECT_EQ(0, hbSysRegisterMem(&before));
  EXPECT_EQ(0, hbSysRegisterMem(&behind));
  hbSysMem beyond{UINT64_MAX - 5, nullptr, 10};
  EXPECT_EQ(HB_SYS_INVALID_ARGUMENT, hbSysRegisterMem(&beyond));
  hbSysMem allocated;
  ASSERT_EQ(0, hbSysAllocMem(&allocated, 64));
  hbSysMem again{allocated.phyAddr + 10, nullptr, 10};
  EXPECT_EQ(HB_SYS_REGISTER_MEM_FAILED, hbSysRegisterMem(&again));

  // It is cached memory, whose content the library sees when it was flushed.
  const std::string log = log_of([&] {
    EXPECT_EQ(0, hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_CLEAN));
    EXPECT_TRUE(all_are(device(mem), 500, 9));
    std::memset(device(mem), 5, 500);
    EXPECT_EQ(0, hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_INVALIDATE));
  });
  EXPECT_EQ("", log);
  EXPECT_TRUE(all_are(own.data() + 100, 500, 5));
  EXPECT_TRUE(all_are(own.data(), 100, 9));

  EXPECT_EQ(HB_SYS_INVALID_ARGUMENT, hbSysFreeMem(&mem));
  EXPECT_NE(std::string::npos, std::string(openhbGetLastError()).find("hbSysUnregisterMem"));
  hbSysMem inside = part(mem, 1, 10);
  EXPECT_EQ(HB_SYS_INVALID_ARGUMENT, hbSysUnregisterMem(&inside));
  for (hbSysMem* m : {&mem, &before, &behind}) {
    EXPECT_EQ(0, hbSysUnregisterMem(m));
    EXPECT_EQ(HB_SYS_INVALID_ARGUMENT, hbSysUnregisterMem(m));
    EXPECT_EQ(HB_SYS_INVALID_ARGUMENT, hbSysFlushMem(m, HB_SYS_MEM_CACHE_CLEAN));
  }
  EXPECT_EQ(0, hbSysFreeMem(&allocated));
  EXPECT_TRUE(all_are(own.data() + 600, 400, 9));
}

TEST_P(Memory, LimitOfTheSimulator) {
  const Setting limit("HB_DNN_SIM_BPU_MEM_SIZE", "3");
  hbSysMem a{}, b{}, c{};
  ASSERT_EQ(0, hbSysAllocMem(&a, 1u << 20));
  EXPECT_EQ(HB_SYS_OUT_OF_MEMORY, hbSysAllocCachedMem(&b, (2u << 20) + 1));
  EXPECT_EQ(nullptr, b.virAddr);
  EXPECT_NE(std::string::npos, std::string(openhbGetLastError()).find("HB_DNN_SIM_BPU_MEM_SIZE (3 MB)"));
  EXPECT_EQ(HB_SYS_OUT_OF_MEMORY, hbSysAllocMem(&b, UINT32_MAX));
  ASSERT_EQ(0, hbSysAllocCachedMem(&b, 2u << 20));
  EXPECT_EQ(HB_SYS_OUT_OF_MEMORY, hbSysAllocMem(&c, 1));
  EXPECT_EQ(0, hbSysFreeMem(&a));
  EXPECT_EQ(0, hbSysAllocMem(&c, 1u << 20));
  EXPECT_EQ(0, hbSysFreeMem(&b));
  EXPECT_EQ(0, hbSysFreeMem(&c));
  ASSERT_EQ(0, hbSysAllocMem(&a, 3u << 20)) << "all of it came back";
  EXPECT_EQ(0, hbSysFreeMem(&a));
}

TEST(MemoryLimit, OtherValuesAreNoLimit) {
  hbSysMem mem;
  for (const char* value : {"many", "0", "-1", "1.5", "2MB", "99999999999999999999999"}) {
    const Setting limit("HB_DNN_SIM_BPU_MEM_SIZE", value);
    const std::string log = log_of([&] { ASSERT_EQ(0, hbSysAllocMem(&mem, 3u << 20)) << value; });
    EXPECT_EQ(1, lines_with(log, std::string("'") + value + "'")) << log;
    EXPECT_EQ(0, hbSysFreeMem(&mem));
  }
  for (const char* value : {"", "18446744073709551615", "17592186044416"}) {
    const Setting limit("HB_DNN_SIM_BPU_MEM_SIZE", value);
    EXPECT_EQ("", log_of([&] { ASSERT_EQ(0, hbSysAllocMem(&mem, 3u << 20)) << value; }));
    EXPECT_EQ(0, hbSysFreeMem(&mem));
  }
}

class CheckedMemory : public testing::Test {
 protected:
  void SetUp() override {
    openhbSetMemoryCheck(1);
    ASSERT_EQ(0, hbSysAllocCachedMem(&mem, 1000));
  }
  void TearDown() override {
    EXPECT_EQ(0, hbSysFreeMem(&mem));
    openhbSetMemoryCheck(0);
  }
  std::string check(const hbSysMem& m) {
    return log_of([&] { check_cleaned(m, m.memSize, "data"); });
  }
  hbSysMem mem{};
};

TEST_F(CheckedMemory, OnlyFlushesBringBothViewsTogether) {
  EXPECT_NE(device(mem), bytes(mem));
  std::memset(bytes(mem), 1, 1000);
  EXPECT_TRUE(all_are(device(mem), 1000, 0xA5));
  hbSysMem middle = part(mem, 100, 300);
  EXPECT_EQ(device(mem) + 100, device(middle));
  ASSERT_EQ(0, hbSysFlushMem(&middle, HB_SYS_MEM_CACHE_CLEAN));
  EXPECT_TRUE(all_are(device(mem), 100, 0xA5));
  EXPECT_TRUE(all_are(device(middle), 300, 1));
  EXPECT_TRUE(all_are(device(mem) + 400, 600, 0xA5));

  std::memset(device(mem), 2, 1000);
  EXPECT_TRUE(all_are(bytes(mem), 1000, 1));
  ASSERT_EQ(0, hbSysFlushMem(&middle, HB_SYS_MEM_CACHE_INVALIDATE));
  EXPECT_TRUE(all_are(bytes(mem), 100, 1));
  EXPECT_TRUE(all_are(bytes(middle), 300, 2));
  EXPECT_TRUE(all_are(bytes(mem) + 400, 600, 1));
}

// As with a real cache: what the CPU has not touched is not written back over what the library wrote.
TEST_F(CheckedMemory, CleaningKeepsWhatTheLibraryWroteElsewhere) {
  std::memset(bytes(mem), 1, 1000);
  ASSERT_EQ(0, hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_CLEAN));
  std::memset(device(mem), 2, 512);
  std::memset(bytes(mem) + 512, 3, 64);
  ASSERT_EQ(0, hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_CLEAN));
  EXPECT_TRUE(all_are(device(mem), 512, 2));
  EXPECT_TRUE(all_are(device(mem) + 512, 64, 3));
  EXPECT_TRUE(all_are(device(mem) + 576, 424, 1));
}

TEST_F(CheckedMemory, TellsOfMissingFlushes) {
  EXPECT_EQ(1, lines_with(check(mem), "tensor 'data': nobody has written"));
  bytes(mem)[777] = 1;
  std::string log = check(mem);
  EXPECT_EQ(1, lines_with(log, "tensor 'data': what the CPU wrote at byte 768 of 1000 was not flushed"))
      << log;
  EXPECT_EQ(1, lines_with(log, "[E]")) << log;
  EXPECT_EQ(1, lines_with(check(part(mem, 770, 10)), "byte 0 of 10 was not flushed"));
  EXPECT_EQ(1, lines_with(check(part(mem, 0, 700)), "nobody has written"));
  ASSERT_EQ(0, hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_CLEAN));
  EXPECT_EQ("", check(mem));

  std::memset(bytes(mem), 4, 1000);  // the second frame
  EXPECT_EQ(1, lines_with(check(mem), "at byte 0 of 1000 was not flushed"));
  ASSERT_EQ(0, hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_CLEAN));
  EXPECT_EQ("", check(mem));

  std::memset(device(mem), 5, 1000);  // the output of a model, which is the input of the next one
  EXPECT_EQ("", check(mem));
  check_cleaned(mem, UINT64_MAX, "more than there is");
  check_cleaned({0, this, 10}, 10, "foreign memory");
  check_cleaned({}, 10, "no memory");
}

TEST_F(CheckedMemory, TellsOfWritesThatAreLost) {
  bytes(mem)[130] = 1;
  hbSysMem tail = part(mem, 100, 900);
  const std::string log = log_of([&] { EXPECT_EQ(0, hbSysFlushMem(&tail, HB_SYS_MEM_CACHE_INVALIDATE)); });
  EXPECT_EQ(1, lines_with(log, "hbSysFlushMem: discards what the CPU wrote at byte 28 of the 900 bytes"))
      << log;
  EXPECT_EQ(0xA5, bytes(mem)[130]);
  EXPECT_EQ("", log_of([&] { EXPECT_EQ(0, hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_INVALIDATE)); }));
}

TEST_F(CheckedMemory, IsForMemoryThatIsAllocatedLater) {
  openhbSetMemoryCheck(0);
  hbSysMem plain;
  ASSERT_EQ(0, hbSysAllocCachedMem(&plain, 10));
  EXPECT_EQ(bytes(plain), device(plain));
  EXPECT_NE(bytes(mem), device(mem));
  EXPECT_EQ("", check(plain));
  EXPECT_EQ(0, hbSysFreeMem(&plain));
}

TEST(MemoryCheck, VariableUnlessItIsSet) {
  const auto views_differ = [] {
    hbSysMem mem;
    EXPECT_EQ(0, hbSysAllocCachedMem(&mem, 10));
    const bool differ = device(mem) != bytes(mem);
    EXPECT_EQ(0, hbSysFreeMem(&mem));
    return differ;
  };
  openhbSetMemoryCheck(-1);
  EXPECT_FALSE(views_differ());
  for (const char* value : {"1", "0", ""}) {
    const Setting check("OPENHB_CHECK_MEM", value);
    EXPECT_EQ(value == std::string("1"), views_differ()) << value;
  }
  const Setting check("OPENHB_CHECK_MEM", "1");
  openhbSetMemoryCheck(0);
  EXPECT_FALSE(views_differ());
}

// For ThreadSanitizer, and for lookups while the table changes.
TEST_P(Memory, ManyThreads) {
  hbSysMem shared;
  ASSERT_EQ(0, hbSysAllocCachedMem(&shared, 4096));
  std::memset(shared.virAddr, 3, 4096);
  ASSERT_EQ(0, hbSysFlushMem(&shared, HB_SYS_MEM_CACHE_CLEAN));
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      uint32_t state = t + 1;
      const auto next = [&](uint32_t n) { return (state = state * 1664525u + 1013904223u) / 65536 % n; };
      std::vector<hbSysMem> mine;
      std::vector<uint8_t> own(256, 1);
      char copy[100];
      for (int round = 0; round < 400; ++round) {
        const auto expect = [&](bool ok) { failures += !ok; };
        hbSysMem mem{};
        if (mine.size() < 20) {
          const bool cached = next(2);
          expect((cached ? hbSysAllocCachedMem : hbSysAllocMem)(&mem, 1 + next(2000)) == 0);
          std::memset(mem.virAddr, static_cast<int>(t), mem.memSize);
          if (cached) expect(hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_CLEAN) == 0);
          mine.push_back(mem);
        }
        hbSysMem& any = mine[next(static_cast<uint32_t>(mine.size()))];
        std::memset(device(any), 77, any.memSize);
        expect(hbSysReadMem(copy, &any, 1) == 0 && copy[0] == 77);
        if (next(3) == 0) {
          expect(hbSysFreeMem(&any) == 0);
          any = mine.back();
          mine.pop_back();
        }
        expect(hbSysReadMem(copy, &shared, 100) == 0 && copy[99] == 3);
        check_cleaned(shared, 4096, "shared");
        mem = {reinterpret_cast<uint64_t>(own.data()), nullptr, 256};
        expect(hbSysRegisterMem(&mem) == 0);
        expect(hbSysFlushMem(&mem, HB_SYS_MEM_CACHE_CLEAN) == 0 && device(mem)[255] == 1);
        expect(hbSysUnregisterMem(&mem) == 0);
        if (mine.empty()) continue;
        expect(is_within_block(mine.front()));
      }
      for (hbSysMem& mem : mine) failures += hbSysFreeMem(&mem) != 0;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(0, failures);
  EXPECT_EQ(0, hbSysFreeMem(&shared));
}

}  // namespace
}  // namespace openhb::dnn
