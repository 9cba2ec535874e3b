// SPDX-License-Identifier: Apache-2.0
// The official ONNX node tests that are known not to pass, each with its reason.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace openhb::test {

struct KnownFailures {
  std::string_view reason;
  std::vector<std::string_view> cases;
};

std::span<const KnownFailures> known_failures();

}  // namespace openhb::test
