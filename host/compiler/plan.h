// SPDX-License-Identifier: Apache-2.0
// How many samples and candidates are under way at the same time, and what memory that takes.
#pragma once

#include <cstdint>
#include <memory>

#include "device/engine/model.h"
#include "host/graph/graph.h"

namespace openhb::compiler {

struct Plan {
  int workers = 1;    // samples at a time
  int threads = 1;    // of the engine, for each sample or candidate
  int search = 1;     // candidates at a time
  uint64_t peak = 0;  // predicted: the largest resident set of the whole run, bytes
  std::shared_ptr<const engine::Model> real = {};  // the float program
};

// What there is to do. Sizes in bytes.
struct Work {
  size_t samples = 1;
  size_t candidates = 1;
  size_t tensors = 0;            // with a histogram each
  uint64_t weights = 0;          // constants of the graph
  uint64_t sample = 0;           // all inputs of one sample while it is decoded and converted
  uint64_t program_weights = 0;  // of the float program
  uint64_t arena = 0;            // of the float program
  uint64_t activations = 0;      // all tensors of the float program
  uint64_t now = 0, so_far = 0;  // resident set of the process: present, largest
};

// The resident set of this process in bytes: now, and its largest value so far.
uint64_t resident_now();
uint64_t resident_peak();

uint64_t predicted_peak(const Work& work, int workers, int search);

// As many workers as threads and samples allow, fewer when `limit` (0: none) does not hold them. Throws
// Error(resources) with what is needed when one is too many.
Plan make_plan(const Work& work, int threads, uint64_t limit);

// "512M", "2G", "900000000": bytes. Throws Error(usage).
uint64_t parse_size(const std::string& text);

}  // namespace openhb::compiler
