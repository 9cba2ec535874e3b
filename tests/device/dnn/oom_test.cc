// SPDX-License-Identifier: Apache-2.0
// The n-th request for memory or a thread is refused, for n from 1 until everything succeeds: each time a
// documented status, nothing left behind, and a library that works afterwards.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "tests/device/dnn/hooks.h"
#include "tests/device/dnn/refused.h"
#include "tests/device/dnn/test_client.h"
#include "tests/device/dnn/test_models.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::testing {
namespace {

constexpr uint64_t kMostRequests = 20000;

class OutOfMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("HB_DNN_LOG_LEVEL", "0", 1);  // thousands of errors otherwise
    file_ = folder_.add(quantized_network());
    other_ = folder_.add(float_network());
  }
  void TearDown() override { hooks::refuse_request(0); }

  // Calls `attempt` with a growing n until it succeeds without a refusal. It gives a status, and undoes what
  // succeeded. Tells how many requests there are.
  template <class Attempt>
  uint64_t refuse_each(const char* title, Attempt attempt) {
    SCOPED_TRACE(title);
    // What is made once and stays, also for what is said of failures.
    attempt();
    hooks::refuse_request(1);
    attempt();
    hooks::refuse_request(0);
    attempt();
    const int64_t before = hooks::live_blocks();
    uint64_t refused = 0;
    for (uint64_t n = 1; n < kMostRequests; ++n) {
      hooks::refuse_request(n);
      const int32_t status = attempt();
      const bool reached = hooks::requests() >= n;
      hooks::refuse_request(0);
      if (status == 0 && !reached) {
        EXPECT_GT(n, 1u) << "nothing was asked for";
        EXPECT_LE(hooks::live_blocks(), before) << "something was left behind";
        std::printf("%s: %llu requests, %llu of which end the call\n", title,
                    static_cast<unsigned long long>(n - 1), static_cast<unsigned long long>(refused));
        return n - 1;
      }
      if (status != 0) {
        ++refused;
        EXPECT_EQ(status, HB_DNN_OUT_OF_MEMORY)
            << "request " << n << ": " << openhbGetStatusName(status) << ": " << openhbGetLastError();
        EXPECT_GT(std::string(openhbGetLastError()).size(), 5u) << "request " << n;
      }
      if (HasFailure()) return n;
    }
    ADD_FAILURE() << "no end after " << kMostRequests << " requests";
    return kMostRequests;
  }

  ModelFolder folder_{"oom"};
  std::string file_, other_;
};

TEST_F(OutOfMemory, Load) {
  const char* names[] = {file_.c_str(), other_.c_str()};
  refuse_each("load two files", [&] {
    hbPackedDNNHandle_t packed = nullptr;
    const int32_t status = hbDNNInitializeFromFiles(&packed, names, 2);
    if (status != 0) {
      EXPECT_EQ(packed, nullptr);
      return status;
    }
    EXPECT_DONE(hbDNNRelease(packed));
    return 0;
  });
  const auto bytes = [&] {
    std::FILE* stream = std::fopen(file_.c_str(), "rb");
    std::vector<char> all(1 << 20);
    all.resize(std::fread(all.data(), 1, all.size(), stream));
    std::fclose(stream);
    return all;
  }();
  refuse_each("load from memory", [&] {
    hbPackedDNNHandle_t packed = nullptr;
    const void* data = bytes.data();
    int32_t length = static_cast<int32_t>(bytes.size());
    const int32_t status = hbDNNInitializeFromDDR(&packed, &data, &length, 1);
    if (status != 0) return status;
    EXPECT_DONE(hbDNNRelease(packed));
    return 0;
  });
  refuse_each("plan", [&] {
    openhbMemoryPlan plan = {};
    plan.structSize = sizeof plan;
    return openhbGetFileMemoryPlan(&plan, file_.c_str(), nullptr);
  });
}

TEST_F(OutOfMemory, Handle) {
  const char* name = file_.c_str();
  refuse_each("model handle", [&] {
    hbPackedDNNHandle_t packed = nullptr;
    int32_t status = hbDNNInitializeFromFiles(&packed, &name, 1);
    if (status != 0) return status;
    hbDNNHandle_t model = nullptr;
    status = hbDNNGetModelHandle(&model, packed, "quantized_network");
    if (status != 0) EXPECT_EQ(model, nullptr);
    EXPECT_DONE(hbDNNRelease(packed));
    return status;
  });
}

TEST_F(OutOfMemory, Memory) {
  for (const bool cached : {false, true})
    refuse_each(cached ? "cached memory" : "memory", [&] {
      hbSysMem mem = {};
      const int32_t status = cached ? hbSysAllocCachedMem(&mem, 1000) : hbSysAllocMem(&mem, 1000);
      if (status == 0) {
        EXPECT_DONE(hbSysFreeMem(&mem));
        return 0;
      }
      EXPECT_EQ(status, HB_SYS_OUT_OF_MEMORY);
      EXPECT_EQ(mem.virAddr, nullptr);
      return static_cast<int32_t>(HB_DNN_OUT_OF_MEMORY);  // as the others say
    });
}

// A task of several models, run for the first time: handles, arenas, the task's own lists.
TEST_F(OutOfMemory, FirstRuns) {
  const char* names[] = {file_.c_str(), other_.c_str()};
  const Pack pack({file_, other_});
  Tensors a(pack.model("quantized_network"), 1), b(pack.model("float_network"), 1);
  ASSERT_DONE(a.run());
  ASSERT_DONE(b.run());
  const auto expected_a = a.output_bytes(), expected_b = b.output_bytes();
  for (const int32_t count : {1, 2, 40}) {
    refuse_each("load, then a task", [&] {
      hbPackedDNNHandle_t packed = nullptr;
      int32_t status = hbDNNInitializeFromFiles(&packed, names, 2);
      if (status != 0) return status;
      hbDNNHandle_t models[2] = {};
      status = hbDNNGetModelHandle(&models[0], packed, "quantized_network");
      if (status == 0) status = hbDNNGetModelHandle(&models[1], packed, "float_network");
      hbDNNTaskHandle_t task = nullptr;
      for (int32_t i = 0; i < count && status == 0; ++i) {
        Tensors& t = i % 2 == 0 ? a : b;
        hbDNNTensor* output = t.outputs.data();
        hbDNNInferCtrlParam control = control_parameters(0, 0, i + 1 < count);
        status = hbDNNInfer(&task, &output, t.inputs.data(), models[i % 2], &control);
      }
      if (status == 0) status = hbDNNWaitTaskDone(task, 0);
      const hooks::Pause pause;
      if (status == 0) {
        EXPECT_TRUE(a.output_bytes() == expected_a);
        EXPECT_TRUE(count == 1 || b.output_bytes() == expected_b);
      }
      if (task) EXPECT_DONE(hbDNNReleaseTask(task));
      EXPECT_DONE(hbDNNRelease(packed));
      return status;
    });
  }
}

// Both cores run the same model: the second one makes its own arena, in its thread.
TEST_F(OutOfMemory, SecondArena) {
  const std::string file = folder_.add(long_network("long_network", 30, 100));
  refuse_each("two runs at a time", [&] {
    auto pause = std::make_unique<hooks::Pause>();
    const Pack pack({file});
    Tensors a(pack.model("long_network"), 1), b(pack.model("long_network"), 2);
    hbDNNTaskHandle_t tasks[2] = {};
    EXPECT_DONE(a.submit(&tasks[0], control_parameters(0, HB_BPU_CORE_0)));
    EXPECT_EQ(hbDNNWaitTaskDone(tasks[0], 3), HB_DNN_TIMEOUT);  // it has the first arena now
    pause.reset();
    int32_t status = b.submit(&tasks[1], control_parameters(0, HB_BPU_CORE_1));
    if (status == 0) status = hbDNNWaitTaskDone(tasks[1], 0);
    pause = std::make_unique<hooks::Pause>();
    EXPECT_DONE(hbDNNWaitTaskDone(tasks[0], 0));  // which is not concerned
    for (hbDNNTaskHandle_t t : tasks)
      if (t) EXPECT_DONE(hbDNNReleaseTask(t));
    return status;
  });
}

TEST_F(OutOfMemory, Threads) {
  int32_t threads = 0;
  uint64_t mask = 0;
  ASSERT_DONE(openhbGetCoreThreads(HB_BPU_CORE_1, &threads, &mask));
  const Pack pack({file_});
  Tensors tensors(pack.model("quantized_network"), 1);
  ASSERT_DONE(tensors.run());
  const auto expected = tensors.output_bytes();
  const uint64_t started = hooks::counts().threads;
  refuse_each("threads of a core", [&] {
    int32_t status = openhbSetCoreThreads(HB_BPU_CORE_1, 4, 0);
    const hooks::Pause pause;
    int32_t now = 0;
    EXPECT_DONE(openhbGetCoreThreads(HB_BPU_CORE_1, &now, &mask));
    EXPECT_EQ(now, status == 0 ? 4 : threads);
    // Whatever it said: the core works.
    hbDNNTaskHandle_t task = nullptr;
    tensors.clear_outputs();
    EXPECT_DONE(tensors.submit(&task, control_parameters(0, HB_BPU_CORE_1)));
    EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
    EXPECT_TRUE(tensors.output_bytes() == expected);
    EXPECT_DONE(hbDNNReleaseTask(task));
    EXPECT_DONE(openhbSetCoreThreads(HB_BPU_CORE_1, threads, 0));
    return status;
  });
  EXPECT_GE(hooks::counts().threads, started + 4);
}

// The library's start is refused: in a child process, where it has not started yet.
TEST_F(OutOfMemory, Start) {
  const Pack warm({file_});
  ASSERT_DONE(Tensors(warm.model("quantized_network"), 1).run());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(60);
    int32_t threads = 0;
    uint64_t mask = 0;
    for (uint64_t n = 1; n < kMostRequests; ++n) {
      hooks::refuse_request(n);
      const int32_t status = openhbGetCoreThreads(HB_BPU_CORE_0, &threads, &mask);
      const bool reached = hooks::requests() >= n;
      hooks::refuse_request(0);
      if (status == 0 && !reached && n > 1) {
        const Pack own({file_});
        ::_exit(Tensors(own.model("quantized_network"), 1).run() == 0 ? 0 : 1);
      }
      if (status != 0 && status != HB_DNN_OUT_OF_MEMORY) ::_exit(2);
    }
    ::_exit(3);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace openhb::testing
