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
std::shared_ptr<ObserverSlot>& current() {
  static auto& slot = *new std::shared_ptr<ObserverSlot>;
  return slot;
}
std::atomic<bool> is_set{false};

}  // namespace

void set_observer(std::shared_ptr<Observer> observer) {
  auto slot = observer ? std::make_shared<ObserverSlot>() : nullptr;
  if (slot) slot->observer = std::move(observer);
  {
    const std::lock_guard lock(mutex());
    is_set = slot != nullptr;
    current().swap(slot);
  }
  // It is rare that one is taken away while models run.
  while (slot && slot->runs.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

ObserverUse::ObserverUse() {
  if (!is_set.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex());
  slot_ = current();
  if (slot_) slot_->runs.fetch_add(1);
}

ObserverUse::~ObserverUse() {
  if (slot_) slot_->runs.fetch_sub(1);
}

std::shared_ptr<const engine::Model> engine_model(hbDNNHandle_t handle) noexcept {
  const ModelRef ref = models().acquire(handle);
  return ref ? ref->model->engine_model() : nullptr;
}

}  // namespace openhb::dnn
