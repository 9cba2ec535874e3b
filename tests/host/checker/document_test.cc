// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "host/checker/check.h"
#include "host/ops/operator.h"
#include "tests/host/checker/random_graph.h"

namespace openhb {
namespace {

TEST(OperatorsDocument, IsTheTable) {
  std::stringstream committed;
  committed << std::ifstream(OPENHB_SOURCE_DIR "/docs/operators.md").rdbuf();
  const std::string expected = checker::operators_document();
  if (committed.str() != expected) {
    std::ofstream("operators.md") << expected;
    FAIL() << "docs/operators.md is out of date; what it should be was written to operators.md in "
           << std::filesystem::current_path();
  }
}

// The columns int8 and int16 are true: what a rule grants a node, the operator's description announces.
TEST(OperatorsDocument, AnnouncesWhatRulesGrant) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const graph::Graph graph = test::random_graph(seed);
    for (const auto& node : graph.nodes()) {
      const ops::OpRow& row = ops::op_of(*node, graph.opset);
      const ops::QuantRule rule = row.quant(*node);
      if (rule.kind == ops::QuantKind::none) continue;
      EXPECT_NE(row.integer, ops::Integer::none) << node->op;
      if (rule.int16) {
        EXPECT_EQ(row.integer, ops::Integer::int16) << node->op;
      }
    }
  }
}

}  // namespace
}  // namespace openhb
