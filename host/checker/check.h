// SPDX-License-Identifier: Apache-2.0
// The checker: what a conversion would place where, without calibration data.
#pragma once

#include <string>
#include <vector>

#include "host/compiler/convert.h"
#include "host/march/march.h"

namespace openhb::checker {

// A node that cannot be converted at all, or whose shapes depend on one that cannot.
struct Problem {
  std::string node, op;
  ErrorCode code;
  std::string sentence;
};
// All nodes of an imported graph that infer_shapes refuses. Behind a refused node shapes are unknown; there
// only unknown operators are found.
std::vector<Problem> problems_of(const graph::Graph& graph);
// The problems as one Error.
Error error_of(const std::vector<Problem>& problems);

struct Placement : compiler::NodeReport {
  std::vector<march::Violation> violations;  // the limits of the march that keep it on the CPU
};
struct Report {
  std::vector<Placement> nodes;
  int64_t macs = 0, bytes = 0;  // of the whole network
};

// Places the nodes of an optimized graph as the compiler does: the same precision assignment and lowering,
// with made-up ranges. What depends on the ranges that calibration finds is left out: a bias beyond int32.
Report check(graph::Graph& graph, march::March march);

// The operator document (docs/operators.md).
std::string operators_document();

}  // namespace openhb::checker
