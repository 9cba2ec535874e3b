// SPDX-License-Identifier: Apache-2.0
// Chains: neighbouring steps that run strip by strip. Where a step needs of the one before it only the rows
// that it computes itself (an activation after a convolution, a 1x1 convolution after a depthwise one), a
// strip of rows passes through all of them before the next one starts: what lies between stays in the nearest
// cache, and threads meet once per chain.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "device/engine/model.h"

namespace openhb::engine {

struct Chain {
  size_t first, last;  // steps [first, last)
  int64_t rows;        // of every step; 0 when the only step runs as a whole
  int64_t strip;       // rows that pass at a time
};

// All steps of a program, in order, in chains of one step or more. Reads and writes of the arena (offsets and
// pitches of the tensors) decide what may be in one chain: the bytes after a chain are those after its steps.
// Steps `alone` are chains of their own.
std::vector<Chain> find_chains(const Program& program, std::span<const size_t> alone = {});

// Runs the steps of a chain; its parts are ranges of rows.
class ChainRunner final : public Runner {
 public:
  ChainRunner(const Chain& chain, std::vector<Runner*> steps) : chain_(chain), steps_(std::move(steps)) {
    ns_.resize(steps_.size());
  }
  int max_parts() const override;
  void run(int part, int parts) noexcept override;

  // Called by part 0 between strips of the runs that follow; false ends its part. Null: never.
  using Border = bool (*)(const void* context) noexcept;
  void set_border(Border border, const void* context) { border_ = border, border_context_ = context; }
  // Measures the time of every step in part 0 of the runs that follow.
  void measure(bool on) { measure_ = on; }
  // Nanoseconds of the steps in the last run.
  const std::vector<uint64_t>& nanoseconds() const { return ns_; }

 private:
  Chain chain_;
  std::vector<Runner*> steps_;
  bool measure_ = false;
  Border border_ = nullptr;
  const void* border_context_ = nullptr;
  std::vector<uint64_t> ns_;
};

}  // namespace openhb::engine
