// SPDX-License-Identifier: Apache-2.0
// An operator that fails on demand, and programs that use it.
#pragma once

#include <string>

#include "common/program/program.h"
#include "device/plugin/attributes.h"
#include "device/plugin/registry.h"

namespace openhb::testing {

// test::Probe: y = x + sum(k), float32, over up to 8 parts.
// Attributes: mode (a string, what to do wrong; "" nothing), k (integers), scratch (an integer), w (a tensor,
// added too). Input 1, if there, is added to every row.
const openhb_op& probe_op();
// It is known to this process from the first call on.
void register_probe();

// x [2, 3, 4] -> Probe -> y.
Program probe_program(const plugin::Attributes& attributes, bool second_input = false,
                      const std::string& type = "Probe");

int live_instances();
int most_parts();  // of a run so far

}  // namespace openhb::testing
