// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/observer.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "device/dnn/library.h"
#include "device/dnn/observing.h"

namespace openhb::dnn {
namespace {

std::mutex& mutex() {
  static std::mutex& m = *new std::mutex;
  return m;
}
std::shared_ptr<Observer>& slot() {
  static auto& s = *new std::shared_ptr<Observer>;
  return s;
}
std::atomic<bool> is_set{false};

}  // namespace

void set_observer(std::shared_ptr<Observer> observer) {
  {
    const std::lock_guard lock(mutex());
    is_set = observer != nullptr;
    slot().swap(observer);
  }
  // Runs hold the one before; it may be rare and slow.
  while (observer && observer.use_count() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::shared_ptr<Observer> current_observer() noexcept {
  if (!is_set.load(std::memory_order_relaxed)) return nullptr;
  const std::lock_guard lock(mutex());
  return slot();
}

std::shared_ptr<const engine::Model> engine_model(hbDNNHandle_t handle) noexcept {
  const ModelRef ref = models().acquire(handle);
  return ref ? ref->model->engine_model() : nullptr;
}

}  // namespace openhb::dnn
