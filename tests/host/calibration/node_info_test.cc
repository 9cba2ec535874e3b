// SPDX-License-Identifier: Apache-2.0
// node_info, set_node_data_type and optimization: what they ask for, and that it survives effective_yaml.
#include "host/config/node_info.h"

#include "tests/host/calibration/config_files.h"

namespace openhb::config {
namespace {

Config with_line(const std::string& group, const std::string& line) {
  std::string text = kMinimal;
  const size_t at = text.find(group + ":\n") + group.size() + 2;
  return parse_config(text.insert(at, "  " + line + "\n"), "config.yaml");
}

struct Asked {
  std::string node, op;
  bool inputs, outputs;
  int input;
  bool operator==(const Asked&) const = default;
};
std::vector<Asked> asked(const Config& c) {
  std::vector<Asked> list;
  for (const Int16Request& r : int16_requests(c))
    list.push_back({r.node, r.op, r.inputs, r.outputs, r.input});
  return list;
}
using Names = std::vector<std::string>;

void check(const Config& c, const Names& cpu, const Names& bpu, const std::vector<Asked>& expected) {
  for (const Config& same : {c, parse_config(effective_yaml(c), "config.yaml")}) {
    EXPECT_EQ(nodes_on_cpu(same), cpu);
    EXPECT_EQ(nodes_on_bpu(same), bpu);
    EXPECT_EQ(asked(same), expected);
  }
}

TEST(NodeInfo, Maps) {
  for (const std::string quote : {"", "\""})
    check(with_line("model_parameters",
                    "node_info: " + quote +
                        "{'a: {b}''s': {'ON': 'BPU'}, c: {'ON': 'CPU', 'InputType': int16}, "
                        "'d/e': {'InputType0': 'int16', 'InputType12': 'int16', 'OutputType': "
                        "'int16'}}" +
                        quote),
          {"c"}, {"a: {b}'s"},
          {{"c", "", true, false, -1},
           {"d/e", "", false, true, -1},
           {"d/e", "", true, false, 0},
           {"d/e", "", true, false, 12}});
  check(with_line("model_parameters", "node_info:\n    a:\n      ON: CPU\n      OutputType: int16"), {"a"},
        {}, {{"a", "", false, true, -1}});
}

TEST(NodeInfo, ShortForms) {
  const std::vector<Asked> expected{{"a", "", false, true, -1}, {"b:0", "", false, true, -1}};
  check(with_line("model_parameters", "node_info: 'a:int16; b:0:int16;'"), {}, {}, expected);
  check(with_line("model_parameters", "set_node_data_type: 'a:int16;b:0:int16'"), {}, {}, expected);
}

TEST(NodeInfo, Optimization) {
  check(with_line("calibration_parameters",
                  "optimization: 'set_all_nodes_int16, set_Conv_input_int16,set_Global_Pool_output_int16'"),
        {}, {},
        {{"", "", true, true, -1}, {"", "Conv", true, false, -1}, {"", "Global_Pool", false, true, -1}});
}

TEST(NodeInfo, PlacementsMustAgree) {
  for (const bool cpu : {true, false}) {
    const std::string text = std::string("run_on_") + (cpu ? "cpu" : "bpu") + ": a";
    std::string yaml = kMinimal;
    yaml.insert(yaml.find("calibration_parameters:\n") + 24, "  " + text + "\n");
    yaml.insert(yaml.find("model_parameters:\n") + 18,
                std::string("  node_info: {a: {'ON': '") + (cpu ? "BPU" : "CPU") + "'}}\n");
    EXPECT_THROW(parse_config(yaml, "config.yaml"), Error);
  }
}

}  // namespace
}  // namespace openhb::config
