// SPDX-License-Identifier: Apache-2.0
// A loop whose rounds are independent of each other, on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "common/io/interrupt.h"

namespace openhb::calibration {

// Calls work(i) for every i < count. Of several errors that of the smallest i is thrown; Ctrl-C ends the loop
// with Interrupted.
template <class Work>
void in_parallel(size_t count, int workers, const Work& work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  size_t failed = count;
  const auto loop = [&] {
    for (size_t i = next++; i < count; i = next++) try {
        check_interrupt();
        work(i);
      } catch (...) {
        next = count;
        const std::lock_guard lock(mutex);
        if (i < failed) error = std::current_exception(), failed = i;
      }
  };
  {
    std::vector<std::jthread> others;
    const auto useful = std::min<size_t>(count, static_cast<size_t>(std::max(workers, 1)));
    for (size_t w = 1; w < useful; ++w) others.emplace_back(loop);
    loop();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace openhb::calibration
