// SPDX-License-Identifier: Apache-2.0
// When tasks start: by priority, by customId, in order; an urgent one between the steps of a running one.
// What the tests assert are orders and numbers of steps; times are printed.
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "device/dnn/observer.h"
#include "tests/device/dnn/test_client.h"
#include "tests/device/dnn/test_models.h"

namespace openhb::testing {
namespace {

openhbTaskTimes times_of(hbDNNTaskHandle_t task) {
  openhbTaskTimes times = {};
  times.structSize = sizeof times;
  EXPECT_DONE(openhbGetTaskTimes(&times, task));
  return times;
}

// Sees the steps of the model "low", and how many were done when other models started.
class Watcher : public dnn::Observer {
 public:
  // Called from the thread of the core after step `at_step` of "low".
  size_t at_step = 0;
  std::function<void()> then;

  void before(const engine::Model& model, engine::Session& session) override {
    if (model.program().name == "low") {
      session.set_hook([this](size_t step) {
        ++steps_done_;
        if (step == at_step && then) then();
      });
      return;
    }
    const std::lock_guard lock(mutex_);
    starts_.emplace_back(model.program().name, steps_done_.load());
  }
  void after(const engine::Model&, engine::Session& session, const dnn::RunTimes&, int32_t) override {
    session.set_hook({});
  }

  size_t steps_done() const { return steps_done_; }
  std::vector<std::pair<std::string, size_t>> starts() {
    const std::lock_guard lock(mutex_);
    return starts_;
  }

 private:
  std::atomic<size_t> steps_done_{0};
  std::mutex mutex_;
  std::vector<std::pair<std::string, size_t>> starts_;
};

class Latency : public ::testing::Test {
 protected:
  static constexpr int kSteps = 40;

  static Program named(Program program, const std::string& name) {
    program.name = name;
    return program;
  }
  void SetUp() override {
    low_ = long_network("low", kSteps, OPENHB_EMULATED ? 2 : 100);
    for (int core = 0; core < 2; ++core)
      ASSERT_DONE(openhbGetCoreThreads(1 << core, &threads_[core], &masks_[core]));
  }
  void TearDown() override {
    dnn::set_observer(nullptr);
    for (int core = 0; core < 2; ++core)
      EXPECT_DONE(openhbSetCoreThreads(1 << core, threads_[core], masks_[core]));
  }

  // Submits "high" of `priority` to the core of "low" after its step `at`; how many steps of "low" were done
  // when "high" started.
  size_t steps_before(int32_t priority, size_t at, const Program& low, openhbTaskTimes* low_times = nullptr) {
    const Pack pack({folder_.add(low), folder_.add(named(small_network(), "high"))});
    Tensors slow(pack.model("low"), 1), fast(pack.model("high"), 1);
    EXPECT_DONE(slow.run());
    EXPECT_DONE(fast.run());
    const auto slow_expected = slow.output_bytes(), fast_expected = fast.output_bytes();
    slow.clear_outputs(), fast.clear_outputs();

    auto watcher = std::make_shared<Watcher>();
    hbDNNTaskHandle_t high = nullptr;
    std::atomic<bool> submitted{false};
    watcher->at_step = at;
    watcher->then = [&] {
      EXPECT_DONE(fast.submit(&high, control_parameters(priority, HB_BPU_CORE_0)));
      submitted = true;
    };
    dnn::set_observer(watcher);
    hbDNNTaskHandle_t task = nullptr;
    EXPECT_DONE(slow.submit(&task, control_parameters(0, HB_BPU_CORE_0)));
    while (!submitted) std::this_thread::yield();
    EXPECT_DONE(hbDNNWaitTaskDone(high, 0));
    EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
    dnn::set_observer(nullptr);
    EXPECT_TRUE(slow.output_bytes() == slow_expected) << "an interruption changed the result";
    EXPECT_TRUE(fast.output_bytes() == fast_expected);
    EXPECT_EQ(times_of(high).bpuCoreId, HB_BPU_CORE_0);
    if (low_times) *low_times = times_of(task);
    EXPECT_DONE(hbDNNReleaseTask(task));
    EXPECT_DONE(hbDNNReleaseTask(high));
    EXPECT_EQ(watcher->steps_done(), static_cast<size_t>(kSteps));
    const auto starts = watcher->starts();
    EXPECT_EQ(starts.size(), 1u);
    return starts.empty() ? 0 : starts[0].second;
  }

  ModelFolder folder_{"latency"};
  Program low_;
  int32_t threads_[2] = {};
  uint64_t masks_[2] = {};
};

TEST_F(Latency, UrgentTaskStartsWithinOneStep) {
  for (size_t at : {size_t{0}, size_t{1}, size_t{17}, size_t{kSteps - 2}}) {
    SCOPED_TRACE(at);
    openhbTaskTimes low = {};
    const size_t steps = steps_before(HB_DNN_PRIORITY_PREEMP, at, low_, &low);
    EXPECT_GE(steps, at + 1);
    EXPECT_LE(steps, at + 2);
    EXPECT_EQ(low.interruptions, 1);
    EXPECT_GT(low.interruptedNs, 0u);
  }
}

TEST_F(Latency, OthersWait) {
  for (int32_t priority : {0, 1, 254}) {
    openhbTaskTimes low = {};
    EXPECT_EQ(steps_before(priority, 3, low_, &low), static_cast<size_t>(kSteps)) << priority;
    EXPECT_EQ(low.interruptions, 0);
  }
}

// max_time_per_fc: interruptions only behind the steps that the compiler chose.
TEST_F(Latency, PreemptionPoints) {
  Program low = low_;
  low.properties["preemption_points"] = "9 29";
  EXPECT_EQ(steps_before(255, 3, low), 10u);
  EXPECT_EQ(steps_before(255, 10, low), 30u);
  EXPECT_EQ(steps_before(255, 30, low), static_cast<size_t>(kSteps));
}

// While a task holds the core, tasks line up: greater priorities first, then smaller customIds, then as they
// came.
TEST_F(Latency, Order) {
  std::vector<std::string> files = {folder_.add(low_)};
  const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g"};
  for (const std::string& name : names) files.push_back(folder_.add(named(small_network(), name)));
  const Pack pack(files);
  Tensors slow(pack.model("low"), 1);
  auto watcher = std::make_shared<Watcher>();
  std::atomic<bool> started{false}, go{false};
  watcher->then = [&] {
    started = true;
    while (!go) std::this_thread::yield();
  };
  dnn::set_observer(watcher);
  hbDNNTaskHandle_t task = nullptr;
  ASSERT_DONE(slow.submit(&task, control_parameters(0, HB_BPU_CORE_1)));
  while (!started) std::this_thread::yield();
  struct Want {
    int32_t priority;
    int64_t custom_id;
  };
  const std::vector<Want> wants = {{5, 100},   {5, 3},    {200, 9},        {5, 3},
                                   {0, -1000}, {200, -9}, {254, INT64_MAX}};
  std::vector<std::unique_ptr<Tensors>> tensors;
  std::vector<hbDNNTaskHandle_t> tasks(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    tensors.push_back(std::make_unique<Tensors>(pack.model(names[i]), 1));
    ASSERT_DONE(tensors[i]->submit(
        &tasks[i], control_parameters(wants[i].priority, HB_BPU_CORE_1, 0, wants[i].custom_id)));
  }
  go = true;
  for (hbDNNTaskHandle_t t : tasks) EXPECT_DONE(hbDNNWaitTaskDone(t, 0));
  dnn::set_observer(nullptr);
  std::string order;
  for (const auto& [name, steps] : watcher->starts()) order += name;
  EXPECT_EQ(order, "gfcbdae");
  for (hbDNNTaskHandle_t t : tasks) EXPECT_DONE(hbDNNReleaseTask(t));
  EXPECT_DONE(hbDNNReleaseTask(task));
}

// Two long tasks for any core use both; a task for one core stays there.
TEST_F(Latency, Cores) {
  const Pack pack({folder_.add(low_)});
  Tensors first(pack.model("low"), 1), second(pack.model("low"), 2);
  hbDNNTaskHandle_t tasks[2] = {};
  auto watcher = std::make_shared<Watcher>();
  std::atomic<int> running{0};
  watcher->then = [&] {  // each waits for the other one
    ++running;
    while (running < 2) std::this_thread::yield();
  };
  dnn::set_observer(watcher);
  ASSERT_DONE(first.submit(&tasks[0], control_parameters()));
  ASSERT_DONE(second.submit(&tasks[1], control_parameters()));
  for (hbDNNTaskHandle_t t : tasks) EXPECT_DONE(hbDNNWaitTaskDone(t, 0));
  dnn::set_observer(nullptr);
  EXPECT_EQ(times_of(tasks[0]).bpuCoreId + times_of(tasks[1]).bpuCoreId, HB_BPU_CORE_0 + HB_BPU_CORE_1);
  for (hbDNNTaskHandle_t t : tasks) EXPECT_DONE(hbDNNReleaseTask(t));
  for (int32_t core : {HB_BPU_CORE_0, HB_BPU_CORE_1}) {
    tasks[0] = nullptr;
    ASSERT_DONE(first.submit(&tasks[0], control_parameters(0, core)));
    EXPECT_DONE(hbDNNWaitTaskDone(tasks[0], 0));
    EXPECT_EQ(times_of(tasks[0]).bpuCoreId, core);
    EXPECT_DONE(hbDNNReleaseTask(tasks[0]));
  }
}

// Figures: from hbDNNInfer to the start, on an idle core and on one that runs something less urgent.
TEST_F(Latency, Figures) {
  if (OPENHB_EMULATED) GTEST_SKIP() << "times under emulation say nothing";
  for (int core = 0; core < 2; ++core) ASSERT_DONE(openhbSetCoreThreads(1 << core, 1, 0));
  constexpr int kLongSteps = 4;  // run in strips of 48 rows by the engine (chain.h)
  const Pack pack(
      {folder_.add(long_network("low", kLongSteps, 1000)), folder_.add(named(small_network(), "high"))});
  Tensors slow(pack.model("low"), 1), fast(pack.model("high"), 1);
  ASSERT_DONE(slow.run());
  hbDNNTaskHandle_t task = nullptr;
  const auto pending = [&](bool loaded, int n) {
    std::vector<uint64_t> all;
    for (int i = 0; i < n; ++i) {
      hbDNNTaskHandle_t low = nullptr;
      if (loaded) {
        EXPECT_DONE(slow.submit(&low, control_parameters(0, HB_BPU_CORE_0)));
        std::this_thread::sleep_for(std::chrono::microseconds(500 + 300 * (i % 5)));
      }
      task = nullptr;
      EXPECT_DONE(fast.submit(&task, control_parameters(255, HB_BPU_CORE_0)));
      EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
      all.push_back(times_of(task).pendingNs);
      EXPECT_DONE(hbDNNReleaseTask(task));
      if (low) EXPECT_DONE(hbDNNReleaseTask(low));
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  hbDNNTaskHandle_t low = nullptr;
  ASSERT_DONE(slow.submit(&low, control_parameters(0, HB_BPU_CORE_0)));
  ASSERT_DONE(hbDNNWaitTaskDone(low, 0));
  const auto run_ns = times_of(low).runningNs;
  const double step_us = static_cast<double>(run_ns) / kLongSteps / 1000;
  EXPECT_DONE(hbDNNReleaseTask(low));
  const auto idle = pending(false, 200),
             loaded = pending(true, std::clamp(static_cast<int>(1'000'000'000 / run_ns), 5, 40));
  const auto us = [](const std::vector<uint64_t>& v, size_t percent) {
    return static_cast<double>(v[(v.size() - 1) * percent / 100]) / 1000;
  };
  std::printf(
      "submit to start: idle p50 %.1f us, p99 %.1f us; under load p50 %.1f us, p99 %.1f us, a step being"
      " %.1f us\n",
      us(idle, 50), us(idle, 99), us(loaded, 50), us(loaded, 99), step_us);
}

}  // namespace
}  // namespace openhb::testing
