// SPDX-License-Identifier: Apache-2.0
// Operators that plug-ins bring (docs/custom-operators.md): one description for all of them, used for nodes
// whose operator list.h does not have.
#pragma once

#include <string>
#include <vector>

#include "host/ops/operator.h"

namespace openhb::ops {

struct Custom {
  static constexpr OpInfo info{.name = "Custom", .min_inputs = 0, .max_inputs = 62, .max_outputs = 62};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

// The row of Custom when a plug-in brings the node's operator, else nullptr.
const OpRow* custom_row(const Node& node);

// Loads plug-ins for all that follows in this process. Throws Error(plugin_load, plugin_conflict). Gives a
// sentence for each operator that is never used because this compiler has one of its name.
std::vector<std::string> load_plugins(const std::vector<std::string>& files);

}  // namespace openhb::ops
