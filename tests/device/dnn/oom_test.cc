// SPDX-License-Identifier: Apache-2.0
// The n-th request for memory or a thread is refused, for n from 1 until everything succeeds: each time a
// documented status, nothing left behind, and a library that works afterwards.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "tests/device/dnn/gate.h"
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
  // succeeded.
  template <class Attempt>
  void refuse_each(const char* title, Attempt attempt) {
    SCOPED_TRACE(title);
    sweep(attempt);  // makes what is made once and stays, also the sentences of threads
    const int64_t before = hooks::live_blocks();
    const auto [requests, refused] = sweep(attempt);
    EXPECT_LE(hooks::live_blocks(), before) << "something was left behind";
    EXPECT_GT(refused, 0u);
    std::printf("%s: %llu requests, %llu of which end the call\n", title,
                static_cast<unsigned long long>(requests), static_cast<unsigned long long>(refused));
  }
  template <class Attempt>
  std::pair<uint64_t, uint64_t> sweep(Attempt attempt) {
    uint64_t refused = 0;
    for (uint64_t n = 1; n < kMostRequests && !HasFailure(); ++n) {
      hooks::refuse_request(n);
      const int32_t status = attempt();
      const bool reached = hooks::requests() >= n;
      hooks::refuse_request(0);
      if (status == 0 && !reached) return {n - 1, refused};
      if (status == 0) continue;
      ++refused;
      EXPECT_EQ(status, HB_DNN_OUT_OF_MEMORY)
          << "request " << n << ": " << openhbGetStatusName(status) << ": " << openhbGetLastError();
      EXPECT_GT(std::string(openhbGetLastError()).size(), 5u) << "request " << n;
    }
    ADD_FAILURE() << "no end";
    return {0, 0};
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
  auto pack = std::make_unique<Pack>(std::vector<std::string>{file_, other_});
  Tensors a(pack->model("quantized_network"), 1), b(pack->model("float_network"), 1);
  ASSERT_DONE(a.run());
  ASSERT_DONE(b.run());
  const auto expected_a = a.output_bytes(), expected_b = b.output_bytes();
  pack.reset();  // else the files would be loaded already
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

// Tasks in places that no task had before: their lists grow.
TEST_F(OutOfMemory, GrowingTasks) {
  const Pack pack({file_});
  Tensors tensors(pack.model("quantized_network"), 1);
  ASSERT_DONE(tensors.run());
  const auto expected = tensors.output_bytes();
  constexpr int32_t kModels = 100;
  std::vector<hbDNNTaskHandle_t> tasks(30);  // released at the end: else they would take the same place
  int refused = 0;
  for (size_t i = 0; i < tasks.size(); ++i) {
    hooks::refuse_request(i + 1);
    for (int32_t models = 0; models < kModels;) {
      const int32_t status = tensors.submit(&tasks[i], control_parameters(0, 0, models + 1 < kModels));
      models += status == 0;
      refused += status != 0;
      ASSERT_TRUE(status == 0 || status == HB_DNN_OUT_OF_MEMORY) << openhbGetLastError();
    }
    hooks::refuse_request(0);
    // Additions that were refused can be made again.
    EXPECT_DONE(hbDNNWaitTaskDone(tasks[i], 0));
    EXPECT_TRUE(tensors.output_bytes() == expected);
    tensors.clear_outputs();
  }
  EXPECT_GE(refused, 10);
  for (hbDNNTaskHandle_t t : tasks) EXPECT_DONE(hbDNNReleaseTask(t));
}

// Both cores run the same model: the second one makes its own arena, in its thread.
TEST_F(OutOfMemory, SecondArena) {
  refuse_each("two runs at a time", [&] {
    std::optional<hooks::Pause> pause(std::in_place);
    const Pack pack({file_});
    Tensors a(pack.model("quantized_network"), 1), b(pack.model("quantized_network"), 2);
    Gate gate;
    hbDNNTaskHandle_t tasks[2] = {};
    EXPECT_DONE(a.submit(&tasks[0], control_parameters(0, HB_BPU_CORE_0)));
    gate.wait_for_run();
    pause.reset();
    int32_t status = b.submit(&tasks[1], control_parameters(0, HB_BPU_CORE_1));
    if (status == 0) status = hbDNNWaitTaskDone(tasks[1], 0);
    pause.emplace();
    gate.open();
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
