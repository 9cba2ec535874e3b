// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "host/graph/graph.h"

namespace openhb::compiler {

// XXH3-128, in hexadecimal digits, of everything in an annotated graph that its program can depend on: nodes,
// names, attributes, shapes, constants, precision and quantization parameters.
std::string fingerprint(const graph::Graph& graph);

// The same hash of bytes.
std::string fingerprint(std::span<const std::byte> bytes);

}  // namespace openhb::compiler
