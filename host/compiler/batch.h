// SPDX-License-Identifier: Apache-2.0
// Several samples in one run of the program (input_batch).
#pragma once

#include "host/compiler/lowering.h"

namespace openhb::compiler {

// The graph, annotations included, for inputs of `batch` samples instead of one: the first dimension of every
// computed value becomes `batch`. Checks that no sample depends on another one, by shapes and by running two
// random samples as `options` says. Throws Error(config_bad_value) naming the node where that fails.
graph::Graph batched(const graph::Graph& graph, int64_t batch, const LowerOptions& options);

}  // namespace openhb::compiler
