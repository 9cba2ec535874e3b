// SPDX-License-Identifier: Apache-2.0
// Eight threads do everything at once: submit, wait, cancel, release, batches, callbacks, priorities, packs
// loaded and released. Whatever is completed has the bits of a run by itself. Made for preset tsan.
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "tests/device/dnn/test_client.h"
#include "tests/device/dnn/test_models.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::testing {
namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::byte>;

constexpr int kThreads = 8;
constexpr uint32_t kSeeds = 3;
constexpr auto kDuration = std::chrono::milliseconds(2500);

struct Kind {
  std::string name;
  std::vector<Bytes> expected;  // by seed
};

// One task and what it needs; freed when the last thread lets go of it.
struct Job {
  hbDNNTaskHandle_t task = nullptr;
  std::vector<std::unique_ptr<Tensors>> tensors;
  std::vector<const Bytes*> expected;
  std::atomic<int> callbacks{0};
  std::atomic<int32_t> callback_status{1};
};

class Stress {
 public:
  Stress(const std::vector<std::string>& files, std::vector<Kind> kinds)
      : files_(files), kinds_(std::move(kinds)), pack_(files) {}

  void run() {
    const auto end = Clock::now() + kDuration;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([this, i, end] {
        std::mt19937 random(static_cast<uint32_t>(i + 1));
        while (Clock::now() < end && !::testing::Test::HasFailure()) act(pack_, random);
      });
    for (std::thread& t : threads) t.join();
    for (auto& job : shared_) finish(*job);
    EXPECT_DONE(pack_.release());
    std::printf("%d completed, %d cancelled, %d refused for lack of a place, %d packs\n", completed_.load(),
                cancelled_.load(), refused_.load(), packs_.load());
    EXPECT_GT(completed_, 20);
    EXPECT_GT(cancelled_, 5);
  }

 private:
  void act(const Pack& pack, std::mt19937& random) {
    switch (random() % 16) {
      case 0: {  // another pack, which goes away again
        ++packs_;
        const Pack own(files_);
        for (int i = 0; i < 3; ++i) run_one(own, random);
        return;
      }
      case 1:  // a task that another thread may end
        if (auto job = submit(pack, random)) {
          const std::lock_guard lock(mutex_);
          shared_.push_back(std::move(job));
        }
        return;
      case 2:
      case 3:
        if (auto job = take_shared(random)) finish(*job);
        return;
      case 4:
        return wait_while_released(pack, random);
      case 5: {
        int32_t threads = 0;
        uint64_t mask = 0;
        EXPECT_DONE(openhbGetCoreThreads(HB_BPU_CORE_0, &threads, &mask));
        const int32_t status = openhbSetCoreThreads(HB_BPU_CORE_1, 1 + static_cast<int32_t>(random() % 3), 0);
        EXPECT_TRUE(status == 0 || status == HB_DNN_API_USE_ERROR) << openhbGetLastError();
        return;
      }
      case 6: {
        openhbModelMemory memory = {};
        memory.structSize = sizeof memory;
        EXPECT_DONE(openhbGetModelMemory(&memory, pack.model(kinds_[0].name)));
        EXPECT_GE(memory.arenas, 0);
        return;
      }
      case 7:
        return add_while_released(pack, random);
      default:
        return run_one(pack, random);
    }
  }

  // Null when there are too many tasks.
  std::shared_ptr<Job> submit(const Pack& pack, std::mt19937& random) {
    auto job = std::make_shared<Job>();
    const int models = random() % 3 == 0 ? 1 + static_cast<int>(random() % 4) : 1;
    for (int i = 0; i < models; ++i) {
      const Kind& kind = kinds_[random() % kinds_.size()];
      const uint32_t seed = random() % kSeeds;
      job->tensors.push_back(std::make_unique<Tensors>(pack.model(kind.name), seed));
      job->expected.push_back(&kind.expected[seed]);
    }
    for (int i = 0; i < models; ++i) {
      const int32_t priority = random() % 4 == 0 ? 255 : static_cast<int32_t>(random() % 255);
      const auto control = control_parameters(priority, static_cast<int32_t>(random() % 4), i + 1 < models,
                                              static_cast<int64_t>(random() % 5));
      const int32_t status = job->tensors[static_cast<size_t>(i)]->submit(&job->task, control);
      if (status == HB_DNN_TASK_NUM_EXCEED_LIMIT) {
        EXPECT_EQ(job->task, nullptr);
        ++refused_;
        return nullptr;
      }
      EXPECT_DONE(status);
    }
    return job;
  }

  void complete(Job& job) {
    for (size_t i = 0; i < job.tensors.size(); ++i)
      EXPECT_TRUE(job.tensors[i]->output_bytes() == *job.expected[i]) << "other bits";
    ++completed_;
  }

  void finish(Job& job) {
    EXPECT_DONE(hbDNNWaitTaskDone(job.task, 0));
    complete(job);
    EXPECT_DONE(hbDNNReleaseTask(job.task));
  }

  void run_one(const Pack& pack, std::mt19937& random) {
    const auto job = submit(pack, random);
    if (!job) return;
    switch (random() % 5) {
      case 0:
        finish(*job);
        return;
      case 1: {
        int32_t status;
        do status = hbDNNWaitTaskDone(job->task, 1);
        while (status == HB_DNN_TIMEOUT);
        EXPECT_DONE(status);
        complete(*job);
        EXPECT_DONE(hbDNNReleaseTask(job->task));
        return;
      }
      case 2:
        EXPECT_DONE(hbDNNReleaseTask(job->task));
        ++cancelled_;
        return;
      case 3: {  // cancelled while it runs
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
        EXPECT_DONE(hbDNNReleaseTask(job->task));
        ++cancelled_;
        // The memory is ours again: nobody writes it any more.
        for (auto& t : job->tensors) t->clear_outputs();
        return;
      }
      default:  // released by its own callback
        const auto callback = [](hbDNNTaskHandle_t task, int32_t status, void* userdata) {
          Job& j = *static_cast<Job*>(userdata);
          EXPECT_EQ(task, j.task);
          EXPECT_DONE(hbDNNReleaseTask(task));
          j.callback_status = status;
          ++j.callbacks;
        };
        EXPECT_DONE(hbDNNSetTaskDoneCb(job->task, callback, job.get()));
        while (job->callbacks == 0) std::this_thread::yield();
        EXPECT_EQ(job->callback_status, 0);
        complete(*job);
        EXPECT_EQ(job->callbacks, 1);
    }
  }

  // One thread waits for a task that another one releases.
  void wait_while_released(const Pack& pack, std::mt19937& random) {
    const auto job = submit(pack, random);
    if (!job) return;
    const int32_t timeout = random() % 2 == 0 ? 0 : 5000;
    std::thread waiter([&job, timeout] {
      const int32_t status = hbDNNWaitTaskDone(job->task, timeout);
      EXPECT_TRUE(status == 0 || status == HB_DNN_INVALID_TASK_HANDLE) << openhbGetLastError();
    });
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    EXPECT_DONE(hbDNNReleaseTask(job->task));
    waiter.join();
    ++cancelled_;
  }

  // One thread adds models to a task that another one releases.
  void add_while_released(const Pack& pack, std::mt19937& random) {
    Tensors tensors(pack.model(kinds_[0].name), 0);
    hbDNNTaskHandle_t task = nullptr;
    if (const int32_t status = tensors.submit(&task, control_parameters(0, 0, 1)); status != 0) {
      EXPECT_EQ(status, HB_DNN_TASK_NUM_EXCEED_LIMIT);
      return;
    }
    const auto adding = random() % 5;
    std::thread releaser([task] { EXPECT_DONE(hbDNNReleaseTask(task)); });
    for (uint32_t i = 0; i <= adding; ++i) {
      const int32_t status = tensors.submit(&task, control_parameters(255, 0, i < adding));
      EXPECT_TRUE(status == 0 || status == HB_DNN_INVALID_TASK_HANDLE || status == HB_DNN_API_USE_ERROR)
          << openhbGetLastError();
      if (status != 0) break;
    }
    releaser.join();
    ++cancelled_;
  }

  std::shared_ptr<Job> take_shared(std::mt19937& random) {
    const std::lock_guard lock(mutex_);
    if (shared_.empty()) return nullptr;
    std::swap(shared_[random() % shared_.size()], shared_.back());
    auto job = std::move(shared_.back());
    shared_.pop_back();
    return job;
  }

  const std::vector<std::string> files_;
  const std::vector<Kind> kinds_;
  Pack pack_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Job>> shared_;
  std::atomic<int> completed_{0}, cancelled_{0}, refused_{0}, packs_{0};
};

TEST(Stress, EverythingAtOnce) {
  const ModelFolder folder("stress");
  std::vector<std::string> files;
  std::vector<Kind> kinds;
  for (const Program& program : {small_network(), float_network(), quantized_network(), mixed_network(),
                                 batch_network(4), long_network("long_network", 8, 40)}) {
    files.push_back(folder.add(program));
    kinds.push_back({program.name, {}});
  }
  // One after the other on one thread.
  int32_t threads[2];
  uint64_t masks[2];
  for (int core = 0; core < 2; ++core) {
    ASSERT_DONE(openhbGetCoreThreads(1 << core, &threads[core], &masks[core]));
    ASSERT_DONE(openhbSetCoreThreads(1 << core, 1, 0));
  }
  {
    const Pack pack(files);
    for (Kind& kind : kinds)
      for (uint32_t seed = 0; seed < kSeeds; ++seed) {
        Tensors tensors(pack.model(kind.name), seed);
        ASSERT_DONE(tensors.run());
        kind.expected.push_back(tensors.output_bytes());
      }
  }
  for (int core = 0; core < 2; ++core) ASSERT_DONE(openhbSetCoreThreads(1 << core, 2, masks[core]));
  Stress(files, kinds).run();
  for (int core = 0; core < 2; ++core)
    ASSERT_DONE(openhbSetCoreThreads(1 << core, threads[core], masks[core]));
}

}  // namespace
}  // namespace openhb::testing
