// SPDX-License-Identifier: Apache-2.0
#include "tests/host/compiler/onnx_node_known.h"

namespace openhb::test {

std::span<const KnownFailures> known_failures() {
  static const std::vector<KnownFailures> kList{
  };
  return kList;
}

}  // namespace openhb::test
