// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host/config/config.h"
#include "host/tools/hb_mapper/makertbin.h"

namespace openhb::tools {

// The configuration of `makertbin --fast-perf`: as fast as the model can become, without calibration data and
// without regard to accuracy. Nodes of the types that remove_node_type knows go at the borders, whatever the
// integer engine takes runs there, optimize_level is O3. Reads the model for the names of inputs and nodes.
// Throws Error.
config::Config fast_perf_config(const MakertbinOptions& options);

}  // namespace openhb::tools
