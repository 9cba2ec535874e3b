// SPDX-License-Identifier: Apache-2.0
// The table of all configuration keys. Parsing, checking, effective_yaml and the documentation read it.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/config/config.h"
#include "host/config/stage.h"

namespace openhb::config {

struct GroupInfo {
  std::string_view name;
  bool required;
  std::string_view help;
};

enum class Group { model, input, calibration, compiler, custom_op };
inline constexpr std::array<GroupInfo, 5> kGroups{
    {{"model_parameters", true, "The model and where results go."},
     {"input_parameters", true,
      "The network's inputs. With several inputs every key is a list with one entry per input, separated by "
      "`;`, in "
      "the order of `input_name`."},
     {"calibration_parameters", true, "How ranges of activations are found."},
     {"compiler_parameters", true, "How the program is made."},
     {"custom_op", false, "Operators of your own."}}};

// How the text of a value is read.
enum class Type { text, path, boolean, integer, number, names, shape, numbers, anything, node_info, options };

// One value after its type was checked; for a key with one entry per input, one entry.
struct Value {
  std::string text;   // as written; for a key with allowed values, the allowed spelling
  bool none = false;  // "None": nothing for this input
  bool boolean = false;
  double number = 0;
  std::vector<std::string> names;  // separated by ; or, as options, by ,
  std::vector<float> numbers;      // separated by blanks; empty for "None"
  Shape shape;
  std::vector<NodeInfo> nodes;  // of node_info
};

struct Key {
  Group group;
  std::string_view name;
  Type type;
  bool per_input = false;
  bool required = false;
  std::optional<Stage> since =
      {};  // the first stage whose result depends on it; unset: as the group (stage_of)
  std::string_view fallback = {};  // the default, as text; empty: not set
  std::string_view values = {};    // allowed words separated by blanks, or empty
  std::string_view later = {};     // known words that are not available yet
  std::string_view help = {};
  std::string_view start = {};             // in the template: what a first configuration says
  double least = 0, most = 0;              // bounds of numbers, when least < most
  bool available = true;                   // false: only the default is accepted
  std::string (*check)(Value&) = nullptr;  // beyond what the type asks: what is wrong, or ""
  void (*set)(Config&, const Value&) = nullptr;
  std::string (*show)(const Config&) = nullptr;
  void (*set_input)(InputConfig&, const Value&) = nullptr;
  std::string (*show_input)(const InputConfig&) = nullptr;
};

std::span<const Key> keys();
Stage stage_of(const Key& key);
std::string_view type_name(const Key& key);
// Words of a row's `values` or `later`.
std::vector<std::string> words(std::string_view text);

// docs/configuration.md.
std::string configuration_markdown();
// A configuration to start from, with comments: hb_mapper makertbin --print-template.
std::string configuration_template();

}  // namespace openhb::config
