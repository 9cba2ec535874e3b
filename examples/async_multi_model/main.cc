// SPDX-License-Identifier: Apache-2.0
// Several models at a time: the first one is urgent and runs once per period, the others fill what is left.
// Usage: async_multi_model PERIOD_MS FRAMES URGENT_MODEL MODEL...
//
// The urgent model has priority HB_DNN_PRIORITY_PREEMP: it interrupts the others between two of their steps.
// The others are ordered by priority and, among equals, by customId: the oldest frame first. Each of them is
// submitted again as soon as its callback tells that it is done.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "dnn/hb_dnn.h"
#include "dnn/openhb_ext.h"

namespace {

using Clock = std::chrono::steady_clock;

void check(int32_t status, const char* what) {
  if (status != HB_DNN_SUCCESS)
    throw std::runtime_error(std::string(what) + ": " + openhbGetStatusName(status) + ": " +
                             openhbGetLastError());
}

class Worker;

// Finished tasks on their way from the library's threads to one of ours. A callback holds up its core, so it
// does no more than this.
class Finished {
 public:
  struct Item {
    Worker* worker;
    hbDNNTaskHandle_t task;
    int32_t status;
  };
  void put(Item item) {
    const std::lock_guard<std::mutex> lock(mutex_);
    items_.push_back(item);
    changed_.notify_one();
  }
  Item take() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !items_.empty(); });
    const Item first = items_.front();
    items_.pop_front();
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
};

// A model with memory for one frame, whose input is zeros here.
class Worker {
 public:
  Worker(hbDNNHandle_t model, std::string name, int32_t priority)
      : name_(std::move(name)), model_(model), priority_(priority) {
    int32_t count = 0;
    check(hbDNNGetInputCount(&count, model_), "inputs");
    inputs_.resize(static_cast<size_t>(count));
    check(hbDNNGetOutputCount(&count, model_), "outputs");
    outputs_.resize(static_cast<size_t>(count));
    for (size_t i = 0; i < inputs_.size(); ++i) {
      check(hbDNNGetInputTensorProperties(&inputs_[i].properties, model_, static_cast<int32_t>(i)), "input");
      allocate(inputs_[i]);
    }
    for (size_t i = 0; i < outputs_.size(); ++i) {
      check(hbDNNGetOutputTensorProperties(&outputs_[i].properties, model_, static_cast<int32_t>(i)),
            "output");
      allocate(outputs_[i]);
    }
  }
  ~Worker() {
    for (auto* list : {&inputs_, &outputs_})
      for (hbDNNTensor& t : *list) hbSysFreeMem(&t.sysMem[0]);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  hbDNNTaskHandle_t submit() {
    hbDNNInferCtrlParam control;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
    control.priority = priority_;
    control.customId = frames_;  // older frames first
    hbDNNTaskHandle_t task = nullptr;
    hbDNNTensor* output = outputs_.data();
    check(hbDNNInfer(&task, &output, inputs_.data(), model_, &control), name_.c_str());
    return task;
  }

  // Submits the next frame; `finished` gets it when it is done.
  void start_frame(Finished& finished) {
    finished_ = &finished;
    const hbDNNTaskHandle_t task = submit();
    check(hbDNNSetTaskDoneCb(task, &Worker::done, this), "callback");
  }
  void count_frame() { ++frames_; }
  const std::string& name() const { return name_; }
  int64_t frames() const { return frames_; }

 private:
  static void allocate(hbDNNTensor& tensor) {
    check(hbSysAllocCachedMem(&tensor.sysMem[0], static_cast<uint32_t>(tensor.properties.alignedByteSize)),
          "memory");
    check(hbSysFlushMem(&tensor.sysMem[0], HB_SYS_MEM_CACHE_CLEAN), "flush");
  }
  static void done(hbDNNTaskHandle_t task, int32_t status, void* userdata) {
    Worker& self = *static_cast<Worker*>(userdata);
    self.finished_->put({&self, task, status});
  }

  std::string name_;
  hbDNNHandle_t model_;
  int32_t priority_;
  std::vector<hbDNNTensor> inputs_, outputs_;
  int64_t frames_ = 0;
  Finished* finished_ = nullptr;
};

// Keeps all workers but the first one busy until `stop`; then waits for their last frames.
void run_others(const std::vector<std::unique_ptr<Worker>>& workers, const std::atomic<bool>& stop) {
  Finished finished;
  size_t running = 0;
  for (size_t i = 1; i < workers.size(); ++i, ++running) workers[i]->start_frame(finished);
  while (running > 0) {
    const Finished::Item item = finished.take();
    check(hbDNNReleaseTask(item.task), "release");
    check(item.status, item.worker->name().c_str());
    item.worker->count_frame();
    if (stop)
      --running;
    else
      item.worker->start_frame(finished);
  }
}

// One frame per period; each must be done before the next one comes.
void run_urgent(Worker& worker, std::chrono::milliseconds period, int frames) {
  std::vector<double> latencies;
  int late = 0;
  double pending = 0;
  auto due = Clock::now();
  for (int i = 0; i < frames; ++i, due += period) {
    std::this_thread::sleep_until(due);
    const auto start = Clock::now();
    const hbDNNTaskHandle_t task = worker.submit();
    int32_t status = hbDNNWaitTaskDone(task, static_cast<int32_t>(period.count()));
    if (status == HB_DNN_TIMEOUT) {  // too late for this frame: give it up, the next one is due
      ++late;
      check(hbDNNReleaseTask(task), "release");
      continue;
    }
    latencies.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    openhbTaskTimes times{};
    times.structSize = sizeof(times);
    if (status == HB_DNN_SUCCESS) status = openhbGetTaskTimes(&times, task);
    pending = std::max(pending, static_cast<double>(times.pendingNs) / 1e6);
    hbDNNReleaseTask(task);
    check(status, worker.name().c_str());
  }
  std::sort(latencies.begin(), latencies.end());
  std::printf("%s: %d frames, %d late", worker.name().c_str(), frames, late);
  if (!latencies.empty())
    std::printf(", latency %.3f ms (median), %.3f ms (longest), of which at most %.3f ms before its start",
                latencies[latencies.size() / 2], latencies.back(), pending);
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: async_multi_model PERIOD_MS FRAMES URGENT_MODEL MODEL...\n");
    return 2;
  }
  try {
    const std::vector<const char*> files(argv + 3, argv + argc);
    hbPackedDNNHandle_t package = nullptr;
    check(hbDNNInitializeFromFiles(&package, const_cast<const char**>(files.data()),
                                   static_cast<int32_t>(files.size())),
          "load");
    const char** names = nullptr;
    int32_t count = 0;
    check(hbDNNGetModelNameList(&names, &count, package), "names");
    std::vector<std::unique_ptr<Worker>> workers;
    for (int32_t i = 0; i < count; ++i) {
      hbDNNHandle_t model = nullptr;
      check(hbDNNGetModelHandle(&model, package, names[i]), names[i]);
      const int32_t priority = i == 0 ? HB_DNN_PRIORITY_PREEMP : HB_DNN_PRIORITY_LOWEST;
      workers.push_back(std::make_unique<Worker>(model, names[i], priority));
    }
    std::atomic<bool> stop{false};
    std::exception_ptr failures[2];
    std::thread others([&] {
      try {
        run_others(workers, stop);
      } catch (...) {
        failures[0] = std::current_exception();
      }
    });
    try {
      run_urgent(*workers[0], std::chrono::milliseconds(std::max(std::atoi(argv[1]), 1)), std::atoi(argv[2]));
    } catch (...) {
      failures[1] = std::current_exception();
    }
    stop = true;
    others.join();
    for (const std::exception_ptr& failure : failures)
      if (failure) std::rethrow_exception(failure);
    for (size_t i = 1; i < workers.size(); ++i)
      std::printf("%s: %lld frames\n", workers[i]->name().c_str(),
                  static_cast<long long>(workers[i]->frames()));
    workers.clear();
    check(hbDNNRelease(package), "hbDNNRelease");
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "async_multi_model: %s\n", e.what());
    return 1;
  }
}
