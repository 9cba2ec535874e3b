// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "host/verify/compare/vec_diff.h"

namespace openhb::tools {

struct VecDiffArguments {
  verify::VecDiffOptions compare;
  verify::VecDiffLimits limits;
  verify::VecDiffOrder order = verify::VecDiffOrder::order;
  std::string output = "vec_diff_out.csv", json;
  bool strict = false, verbose = false, quiet = false;
};

// Exit status: 0, 1 when something could not be compared or a limit is not kept.
int vec_diff(const VecDiffArguments& arguments);

}  // namespace openhb::tools
