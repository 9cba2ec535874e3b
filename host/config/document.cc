// SPDX-License-Identifier: Apache-2.0
// What people read of the table of keys: its documentation and a configuration to start from.
#include "common/text/text.h"
#include "host/config/keys.h"

namespace openhb::config {
namespace {

std::string code_words(std::string_view text) {
  std::vector<std::string> marked;
  for (const std::string& word : words(text)) marked.push_back("`" + word + "`");
  return fmt::format("{}", fmt::join(marked, ", "));
}

std::string values_cell(const Key& key) {
  std::string cell = code_words(key.values);
  if (key.least < key.most) cell = fmt::format("{} to {}", key.least, key.most);
  if (!key.later.empty()) cell += fmt::format("; not available yet: {}", code_words(key.later));
  return cell;
}

// `text` without Markdown's marks, in lines of at most 100 characters behind "<indent># ".
std::string comment(std::string_view text, std::string_view indent) {
  std::string result, line;
  const auto flush = [&] {
    if (!line.empty()) result += fmt::format("{}# {}\n", indent, line);
    line.clear();
  };
  for (std::string word : split(std::string(text), ' ')) {
    std::erase(word, '`');
    if (line.size() + word.size() > 96) flush();
    line += (line.empty() ? "" : " ") + word;
  }
  flush();
  return result;
}

// What a user writes for a key without a default.
std::string example(const Key& key) {
  switch (key.type) {
    case Type::shape:
      return "1x3x224x224";
    case Type::integer:
    case Type::number:
      return fmt::format("{}", key.least < key.most ? key.least : 0);
    default:
      return std::string(key.values.substr(0, key.values.find(' ')));
  }
}

}  // namespace

std::string configuration_markdown() {
  std::string text =
      "# Configuration of hb_mapper makertbin\n\n"
      "<!-- Made from the table in host/config/keys.cc by configuration_markdown(); a test compares the two. "
      "-->\n\n"
      "One YAML file with the groups below. A value is a plain or quoted scalar; an empty one counts as not "
      "given. "
      "Several names are separated by `;`; `None` stands for an input that needs no value. Relative paths of "
      "inputs are looked up beside the file first, "
      "then in the "
      "current directory. Unknown keys and values are errors, all of which are reported at once with their "
      "lines. Keys "
      "marked *not available yet* are known, but accepted only with their default.\n";
  for (size_t g = 0; g < kGroups.size(); ++g) {
    text +=
        fmt::format("\n## {}\n\n{}{}\n\n| key | type | default | values | meaning |\n|---|---|---|---|---|\n",
                    kGroups[g].name, kGroups[g].help,
                    kGroups[g].required ? " This group is required." : " This group is optional.");
    for (const Key& key : keys()) {
      if (key.group != static_cast<Group>(g)) continue;
      const std::string fallback = key.required           ? "required"
                                   : key.fallback.empty() ? "-"
                                                          : fmt::format("`{}`", key.fallback);
      text += fmt::format("| `{}` | {}{} | {} | {} | {}{} |\n", key.name, type_name(key),
                          key.per_input ? ", per input" : "", fallback, values_cell(key),
                          key.available ? "" : "*Not available yet.* ", key.help);
    }
  }
  return text;
}

// The keys that every configuration needs stand with an example, the others behind a # with their default.
std::string configuration_template() {
  std::string text = comment(
      "Configuration for hb_mapper makertbin. With several inputs the keys of input_parameters are lists "
      "with one entry "
      "per input, separated by ;. Keys behind a # show their default; docs/configuration.md explains all of "
      "them.",
      "");
  for (size_t g = 0; g < kGroups.size(); ++g) {
    std::string rows;
    for (const Key& key : keys()) {
      if (key.group != static_cast<Group>(g) || !key.available) continue;
      rows += comment(key.help, "  ");
      if (!key.values.empty()) rows += comment(fmt::format("One of: {}", key.values), "  ");
      if (key.least < key.most) rows += comment(fmt::format("{} to {}", key.least, key.most), "  ");
      const bool wanted = key.required || !key.start.empty();
      const std::string value = !key.start.empty()      ? std::string(key.start)
                                : !key.fallback.empty() ? std::string(key.fallback)
                                                        : example(key);
      rows += fmt::format("  {}{}: '{}'\n", wanted ? "" : "# ", key.name, value);
    }
    if (!rows.empty())
      text += fmt::format("\n{}{}:\n{}", comment(kGroups[g].help, ""), kGroups[g].name, rows);
  }
  return text;
}

}  // namespace openhb::config
