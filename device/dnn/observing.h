// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

#include "device/dnn/observer.h"

namespace openhb::dnn {

struct ObserverSlot {
  std::shared_ptr<Observer> observer;
  std::atomic<int> runs{0};  // that use it
};

// The observer of a run that starts now, for as long as this lives; null, without a lock, when there is none.
class ObserverUse {
 public:
  ObserverUse();
  ~ObserverUse();
  ObserverUse(const ObserverUse&) = delete;
  ObserverUse& operator=(const ObserverUse&) = delete;
  Observer* get() const { return slot_ ? slot_->observer.get() : nullptr; }

 private:
  std::shared_ptr<ObserverSlot> slot_;
};

}  // namespace openhb::dnn
