// SPDX-License-Identifier: Apache-2.0
#include "host/config/node_info.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "common/text/text.h"

namespace openhb::config {
namespace {

constexpr std::string_view kInt16 = "int16";

bool is_digits(std::string_view text) {
  return !text.empty() && text.size() < 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// One entry of a node's map.
std::string set_entry(NodeInfo& node, const std::string& key, const std::string& value) {
  if (key == "ON") {
    if (value != "BPU" && value != "CPU")
      return fmt::format("node '{}': 'ON' is '{}', expected BPU or CPU", node.name, value);
    node.on = value;
    return "";
  }
  const std::string_view number = std::string_view(key).substr(std::min<size_t>(key.size(), 9));
  const bool one_input = key.starts_with("InputType") && is_digits(number);
  if (key != "InputType" && key != "OutputType" && !one_input)
    return fmt::format("node '{}': '{}' is none of: ON, InputType, InputType0 (and so on), OutputType.{}",
                       node.name, key,
                       suggestion(key, std::vector<std::string>{"ON", "InputType", "OutputType"}));
  if (value != kInt16)
    return fmt::format("node '{}': '{}' is '{}', expected int16 (int8 is what it is without)", node.name, key,
                       value);
  if (key == "OutputType")
    node.int16_outputs = true;
  else if (one_input)
    node.int16_input.push_back(std::stoi(std::string(number)));
  else
    node.int16_inputs = true;
  return "";
}

std::string parse_map(const std::string& text, std::vector<NodeInfo>& nodes) {
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& e) {
    return fmt::format("this is no YAML map: {}", e.msg);
  }
  if (!root.IsMap()) return "expected a map of nodes";
  for (const auto& entry : root) {
    if (!entry.first.IsScalar() || entry.first.Scalar().empty()) return "a node needs a name";
    NodeInfo node{.name = entry.first.Scalar()};
    if (!entry.second.IsMap() || entry.second.size() == 0)
      return fmt::format("node '{}': expected a map such as {{'ON': 'BPU', 'InputType': 'int16'}}",
                         node.name);
    for (const auto& item : entry.second) {
      const YAML::Node &key = item.first, &value = item.second;
      if (!key.IsScalar() || !value.IsScalar())
        return fmt::format("node '{}': expected entries such as 'InputType': 'int16'", node.name);
      if (auto wrong = set_entry(node, key.Scalar(), value.Scalar()); !wrong.empty()) return wrong;
    }
    nodes.push_back(std::move(node));
  }
  return "";
}

}  // namespace

std::string parse_node_types(const std::vector<std::string>& entries, std::vector<std::string>& names) {
  for (const std::string& entry : entries) {
    const size_t colon = entry.rfind(':');
    if (colon == std::string::npos || trim(entry.substr(0, colon)).empty())
      return fmt::format("'{}' is not of the form name:int16", entry);
    if (trim(entry.substr(colon + 1)) != kInt16)
      return fmt::format("'{}' asks for '{}', expected int16", entry, trim(entry.substr(colon + 1)));
    names.push_back(trim(entry.substr(0, colon)));
  }
  return names.empty() ? "no name between the separators" : "";
}

std::string parse_node_info(const std::string& text, std::vector<NodeInfo>& nodes) {
  if (text.starts_with('{')) {
    if (auto wrong = parse_map(text, nodes); !wrong.empty()) return wrong;
  } else {
    std::vector<std::string> names;
    if (auto wrong = parse_node_types(split(text, ';'), names); !wrong.empty()) return wrong;
    for (std::string& name : names) nodes.push_back({.name = std::move(name), .int16_outputs = true});
  }
  for (size_t i = 0; i < nodes.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (nodes[i].name == nodes[j].name) return fmt::format("node '{}' is named twice", nodes[i].name);
  return "";
}

std::string show_node_info(const std::vector<NodeInfo>& nodes) {
  if (nodes.empty()) return "";
  YAML::Emitter out;
  out.SetMapFormat(YAML::Flow);
  out.SetStringFormat(YAML::DoubleQuoted);
  out << YAML::BeginMap;
  for (const NodeInfo& node : nodes) {
    out << YAML::Key << node.name << YAML::Value << YAML::BeginMap;
    const auto entry = [&](const std::string& key, const std::string& value) {
      out << YAML::Key << key << YAML::Value << value;
    };
    if (!node.on.empty()) entry("ON", node.on);
    if (node.int16_inputs) entry("InputType", "int16");
    for (int i : node.int16_input) entry(fmt::format("InputType{}", i), "int16");
    if (node.int16_outputs) entry("OutputType", "int16");
    out << YAML::EndMap;
  }
  out << YAML::EndMap;
  std::string text = out.c_str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

bool parse_int16_option(std::string_view word, Int16Request& request) {
  if (word == "set_all_nodes_int16") return true;
  for (const bool input : {true, false}) {
    const std::string_view end = input ? "_input_int16" : "_output_int16";
    if (!word.starts_with("set_") || !word.ends_with(end) || word.size() <= 4 + end.size()) continue;
    request.op = word.substr(4, word.size() - 4 - end.size());
    request.inputs = input;
    request.outputs = !input;
    return request.op != "model";
  }
  return false;
}

std::vector<std::string> nodes_on_cpu(const Config& config) {
  std::vector<std::string> names = config.run_on_cpu;
  for (const NodeInfo& node : config.node_info)
    if (node.on == "CPU") names.push_back(node.name);
  return names;
}

std::vector<std::string> nodes_on_bpu(const Config& config) {
  std::vector<std::string> names = config.run_on_bpu;
  for (const NodeInfo& node : config.node_info)
    if (node.on == "BPU") names.push_back(node.name);
  return names;
}

std::vector<Int16Request> int16_requests(const Config& config) {
  std::vector<Int16Request> requests;
  for (const std::string& name : config.int16_nodes) requests.push_back({.node = name, .inputs = false});
  for (const NodeInfo& node : config.node_info) {
    if (node.int16_inputs || node.int16_outputs)
      requests.push_back({.node = node.name, .inputs = node.int16_inputs, .outputs = node.int16_outputs});
    for (int i : node.int16_input) requests.push_back({.node = node.name, .outputs = false, .input = i});
  }
  for (const std::string& word : config.optimization) {
    Int16Request request;
    if (parse_int16_option(word, request)) requests.push_back(std::move(request));
  }
  return requests;
}

}  // namespace openhb::config
