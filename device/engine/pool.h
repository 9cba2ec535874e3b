// SPDX-License-Identifier: Apache-2.0
// The session's threads: a step is split statically, part i always runs on thread i. Internal to the engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "device/engine/model.h"

namespace openhb::engine {

class Session::Pool {
 public:
  // `threads` counts the calling thread; at least 2. Throws Error when the system gives no thread.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs all parts of a step (2 <= parts <= threads), part 0 on the calling thread, and waits for them.
  void run(Runner& runner, int parts) noexcept;

 private:
  void work(int part) noexcept;
  void stop() noexcept;

  // The job; written before `generation_` changes, read after.
  Runner* runner_ = nullptr;  // null: end
  int parts_ = 0;
  std::atomic<uint32_t> generation_{0};
  std::atomic<uint32_t> pending_{0};  // workers that have not finished the job
  std::vector<std::thread> workers_;
};

}  // namespace openhb::engine
