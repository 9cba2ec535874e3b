// SPDX-License-Identifier: Apache-2.0
// Helpers of the ONNX tests: comparing graphs, temporary folders, small models.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "host/graph/graph.h"

namespace openhb::test {

// Both graphs have the same contents: names, nodes in order, attributes, constants byte by byte.
void expect_equal(const graph::Graph& a, const graph::Graph& b);

// The function must throw Error with this code and all these words in its message.
void expect_error(ErrorCode code, const std::vector<std::string>& words,
                  const std::function<void()>& function);

// An empty folder that disappears with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

}  // namespace openhb::test
