// SPDX-License-Identifier: Apache-2.0
// The likeness of every tensor, stage by stage and sample by sample, with float and with the stage before.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/verify/stages.h"
#include "host/verify/stages/network.h"

namespace openhb::verify {

struct Likeness {
  Similarity with_float, with_before;
};

struct Survey {
  struct Row {
    const graph::Value* value;
    // Per stage behind float and per sample; nothing where the stage does not have the tensor.
    std::vector<std::vector<std::optional<Likeness>>> cells;
  };
  std::vector<Row> rows;     // in the order of the network's nodes
  std::vector<size_t> ends;  // of `rows`: outputs, and what outputs that are no real numbers are made of
  // Rows of the stage, in the form of the report.
  StageResult result(const StageDumps& stage, size_t index) const;

  struct Worst {
    size_t row = 0, sample = 0;
    Likeness likeness;
  };
  // The end that is furthest from float (or from the stage before) in stage `index`.
  std::optional<Worst> worst_end(size_t index, bool before = false) const;
  // Any tensor in stage `index` that is not what it was in the stage before.
  std::optional<Worst> changed(size_t index) const;
};

// dumps[0] is float. One sample is open at a time, and of it one tensor in three stages is in memory.
Survey survey(const std::vector<StageDumps>& dumps, const Network& network,
              const StagesProgress& progress = {});

// The float values of `value` as the stages from calibrated on should have them: with per_channel, channels
// are multiplied by powers of two. `stage`: some such stage's values.
std::vector<float> scaled_like(const Network& network, const graph::Value& value, std::vector<float> floats,
                               std::span<const float> stage);

}  // namespace openhb::verify
