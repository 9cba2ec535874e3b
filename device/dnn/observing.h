// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "device/dnn/observer.h"

namespace openhb::dnn {

// The observer of a run that starts now; null, without a lock, when there is none.
std::shared_ptr<Observer> current_observer() noexcept;

}  // namespace openhb::dnn
