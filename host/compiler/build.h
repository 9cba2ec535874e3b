// SPDX-License-Identifier: Apache-2.0
// From an annotated graph to a planned program, with as much effort as asked for.
#pragma once

#include <optional>
#include <string>

#include "host/compiler/lowering.h"
#include "host/compiler/plan_search.h"
#include "host/config/config.h"

namespace openhb::compiler {

struct BuildOptions {
  // 0: the steps of every node, one after the other, in a memory plan made in one go.
  // 1: and steps are folded into tables, copies left out, memory shared.
  // 2: and memory plans are compared by the objective.
  // 3: and searched for, together with the order of steps.
  int level = 2;
  Objective objective = {};
  int jobs = 1;                    // threads of the search
  bool debug = false;              // costs of layers in the program
  double most_microseconds = 0;    // between preemption points; 0: none
  double advice_microseconds = 0;  // 0: no advice

  // The parameters that decide the program, as the log and the program's properties show them.
  std::string text() const;
};
BuildOptions build_options(const config::Config& config, int threads);

// Every level computes the same numbers.
Program build_program(const graph::Graph& graph, LowerOptions lower, const BuildOptions& options,
                      SearchResult* searched = nullptr);

}  // namespace openhb::compiler
