// SPDX-License-Identifier: Apache-2.0
// Single layers as programs of one step, by the names that benchmarks show.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "device/engine/model.h"

namespace openhb::bench {

struct Layer {
  const char* name;  // e.g. "conv3x3_64_64_56"
  const char* what;
  std::shared_ptr<const engine::Model> (*make)();
};

std::span<const Layer> layers();

// A file's program, or the layer "layer:NAME". Throws Error.
std::shared_ptr<const engine::Model> open_target(const std::string& target);

// Random bytes (floats in [0, 1)) in all inputs, the same ones in every run.
void fill_inputs(engine::Session& session);

}  // namespace openhb::bench
