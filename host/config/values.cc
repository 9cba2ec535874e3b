// SPDX-License-Identifier: Apache-2.0
#include "host/config/values.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "common/text/text.h"
#include "host/config/node_info.h"

namespace openhb::config {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

std::string list_words(std::string_view text) { return fmt::format("{}", fmt::join(words(text), ", ")); }

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// What is wrong with a value, or "".
using Check = std::string (*)(const Key&, Value&);

std::string check_text(const Key& key, Value& value) {
  if (key.values.empty()) return "";
  for (const std::string& word : words(key.values))
    if (lower(word) == lower(value.text)) {
      value.text = word;
      return "";
    }
  for (const std::string& word : words(key.later))
    if (lower(word) == lower(value.text))
      return fmt::format("'{}' is not available yet; use one of: {}", word, list_words(key.values));
  return fmt::format("'{}' is none of: {}.{}", value.text, list_words(key.values),
                     suggestion(value.text, words(key.values)));
}

std::string check_path(const Key&, Value& value) {
  return value.text.find('\0') == std::string::npos ? "" : "a path cannot contain a zero byte";
}

std::string check_boolean(const Key&, Value& value) {
  const std::string word = lower(value.text);
  value.boolean = word == "true";
  return word == "true" || word == "false" ? "" : fmt::format("'{}' is neither True nor False", value.text);
}

std::string check_number(const Key& key, Value& value) {
  const auto number = parse_number<double>(value.text);
  if (!number) return fmt::format("'{}' is not a number", value.text);
  if (key.type == Type::integer && *number != std::floor(*number))
    return fmt::format("'{}' is not a whole number", value.text);
  if (key.least < key.most && (*number < key.least || *number > key.most))
    return fmt::format("{} is not between {} and {}", value.text, key.least, key.most);
  value.number = *number;
  return "";
}

std::string check_names(const Key&, Value& value) {
  value.names = split(value.text, ';');
  for (size_t i = 0; i < value.names.size(); ++i)
    if (std::count(value.names.begin(), value.names.end(), value.names[i]) > 1)
      return fmt::format("'{}' is named twice", value.names[i]);
  return value.names.empty() ? "no name between the separators" : "";
}

std::string check_shape(const Key&, Value& value) {
  int64_t elements = 1;
  std::string_view rest = value.text;
  while (true) {
    const size_t end = rest.find_first_of("xX");
    const auto extent = parse_number<int32_t>(trim(rest.substr(0, end)));
    if (!extent || *extent < 1) return fmt::format("'{}' is not a shape such as 1x3x224x224", value.text);
    value.shape.push_back(*extent);
    if (value.shape.size() > kMaxRank || __builtin_mul_overflow(elements, int64_t{*extent}, &elements) ||
        elements > (int64_t{1} << 40))
      return fmt::format("the shape '{}' is too large", value.text);
    if (end == std::string_view::npos) return "";
    rest.remove_prefix(end + 1);
  }
}

std::string check_numbers(const Key&, Value& value) {
  if (lower(value.text) == "none") return "";
  for (const std::string& word : split(value.text, ' ')) {
    const auto number = parse_number<float>(word);
    if (!number) return fmt::format("'{}' is not a number; write numbers separated by blanks, or None", word);
    value.numbers.push_back(*number);
  }
  return value.numbers.empty() ? "no number between the separators" : "";
}

std::string check_node_info(const Key&, Value& value) { return parse_node_info(value.text, value.nodes); }

std::string check_options(const Key& key, Value& value) {
  value.names = split(value.text, ',');
  for (const std::string& word : value.names) {
    const auto later = words(key.later);
    if (std::find(later.begin(), later.end(), word) != later.end())
      return fmt::format("'{}' is not available yet; use: {}", word, list_words(key.values));
    const auto known = words(key.values);
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    if (Int16Request ignored; !parse_int16_option(word, ignored))
      return fmt::format("'{}' is none of: {}.{}", word, list_words(key.values),
                         suggestion(word, words(key.values)));
  }
  return value.names.empty() ? "no word between the separators" : "";
}

// In the order of Type.
constexpr Check kChecks[] = {check_text,   check_path,      check_boolean, check_number,
                             check_number, check_names,     check_shape,   check_numbers,
                             check_path,   check_node_info, check_options};

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

bool is_blank(const YAML::Node& node) {
  if (node.IsNull() || !node.IsDefined()) return true;
  return node.IsScalar() ? trim(node.Scalar()).empty() : node.size() == 0;
}

bool same_as_default(const Key& key, const std::string& text) {
  if (key.fallback.empty()) return false;
  const auto a = parse_number<double>(text), b = parse_number<double>(key.fallback);
  return a && b ? *a == *b : lower(text) == lower(std::string(key.fallback));
}

// The entries of a value; empty entries between separators stay, because each stands for an input.
std::vector<std::string> entries(const Key& key, const std::string& text) {
  if (!key.per_input) return {trim(text)};
  std::vector<std::string> pieces;
  for (size_t from = 0;;) {
    const size_t end = text.find(';', from);
    pieces.push_back(trim(std::string_view(text).substr(from, end == std::string::npos ? end : end - from)));
    if (end == std::string::npos) break;
    from = end + 1;
  }
  if (pieces.size() > 1 && pieces.back().empty()) pieces.pop_back();  // a closing separator
  return pieces;
}

// Where an input can do without a value; anything may be the name of an input.
bool may_be_none(const Key& key) {
  return key.per_input && !key.required && key.fallback.empty() && key.name != "input_name";
}

class Reader {
 public:
  explicit Reader(Problems& problems) : problems_(problems) {}

  Document read(const YAML::Node& root) {
    if (!root.IsMap()) {
      problems_.add(ErrorCode::config_parse, line_of(root), "the file must consist of groups such as '{}:'",
                    kGroups[0].name);
      return std::move(document_);
    }
    for (const auto& entry : root) read_group(entry.first, entry.second);
    for (size_t g = 0; g < kGroups.size(); ++g)
      if (kGroups[g].required && !document_.groups.contains(static_cast<Group>(g)))
        problems_.add(ErrorCode::config_missing_key, 0, "the group '{}' is missing", kGroups[g].name);
    return std::move(document_);
  }

 private:
  void read_group(const YAML::Node& name, const YAML::Node& content) {
    const std::string text = name.IsScalar() ? name.Scalar() : "";
    const auto* row =
        std::find_if(kGroups.begin(), kGroups.end(), [&](const GroupInfo& g) { return g.name == text; });
    if (row == kGroups.end()) {
      std::vector<std::string> names;
      for (const GroupInfo& group : kGroups) names.emplace_back(group.name);
      problems_.add(ErrorCode::config_unknown_key, line_of(name), "unknown group '{}'.{}", text,
                    suggestion(text, names));
      return;
    }
    const auto group = static_cast<Group>(row - kGroups.begin());
    if (!document_.groups.emplace(group, line_of(name)).second)
      problems_.add(ErrorCode::config_bad_value, line_of(name), "the group '{}' is given twice", text);
    if (is_blank(content)) return;
    if (!content.IsMap()) {
      problems_.add(ErrorCode::config_bad_value, line_of(content),
                    "the group '{}' must hold lines such as 'key: value'", text);
      return;
    }
    for (const auto& entry : content) read_key(group, entry.first, entry.second);
  }

  void read_key(Group group, const YAML::Node& name, const YAML::Node& content) {
    const int line = line_of(name);
    const std::string text = name.IsScalar() ? name.Scalar() : "";
    const auto row =
        std::find_if(keys().begin(), keys().end(), [&](const Key& key) { return key.name == text; });
    if (row == keys().end() || row->group != group) return unknown_key(group, text, line);
    const Key& key = *row;
    if (!seen_.emplace(key.name, line).second) {
      problems_.add(ErrorCode::config_bad_value, line, "'{}' is given twice, first in line {}", text,
                    seen_[key.name]);
      return;
    }
    if (is_blank(content)) return;
    document_.lines.emplace(key.name, line);
    if (!key.available) {
      if (!content.IsScalar() || !same_as_default(key, trim(content.Scalar())))
        problems_.add(
            ErrorCode::config_bad_value, line, "'{}' is not available yet; {}", text,
            key.fallback.empty() ? "remove it" : fmt::format("only its default {} is", key.fallback));
      return;
    }
    if ((key.type == Type::node_info || key.type == Type::anything) && content.IsMap()) {
      YAML::Emitter text;
      text.SetMapFormat(YAML::Flow);
      text.SetStringFormat(YAML::DoubleQuoted);
      text << content;
      return read_values(key, text.c_str(), line);
    }
    if (!content.IsScalar()) {
      problems_.add(
          ErrorCode::config_bad_value, line,
          "'{}' must be a plain value ({}), not a YAML list or map; several names are separated by ';'", text,
          type_name(key));
      return;
    }
    read_values(key, content.Scalar(), line);
  }

  void read_values(const Key& key, const std::string& text, int line) {
    Given given{line, {}};
    bool sound = true;
    for (std::string& entry : entries(key, text)) {
      Value value;
      value.text = std::move(entry);
      value.none = may_be_none(key) && lower(value.text) == "none";
      std::string wrong = value.none           ? ""
                          : value.text.empty() ? "an entry is empty"
                                               : kChecks[static_cast<size_t>(key.type)](key, value);
      if (wrong.empty() && !value.none && key.check) wrong = key.check(value);
      if (!wrong.empty()) problems_.add(ErrorCode::config_bad_value, line, "'{}': {}", key.name, wrong);
      sound = sound && wrong.empty();
      given.values.push_back(std::move(value));
    }
    if (sound) document_.values.emplace(key.name, std::move(given));
  }

  void unknown_key(Group group, const std::string& text, int line) {
    const std::string_view group_name = kGroups[static_cast<size_t>(group)].name;
    std::vector<std::string> here, all;
    for (const Key& key : keys()) {
      if (key.name == text) {
        problems_.add(ErrorCode::config_unknown_key, line, "'{}' belongs to '{}', not to '{}'", text,
                      kGroups[static_cast<size_t>(key.group)].name, group_name);
        return;
      }
      if (key.group == group) here.emplace_back(key.name);
      all.emplace_back(key.name);
    }
    const std::string hint = suggestion(text, here);
    problems_.add(ErrorCode::config_unknown_key, line, "unknown key '{}' in '{}'.{}", text, group_name,
                  hint.empty() ? suggestion(text, all) : hint);
  }

  Problems& problems_;
  Document document_;
  std::map<std::string_view, int> seen_;
};

}  // namespace

void Problems::insert(Problem problem) {
  const auto after = std::upper_bound(found_.begin(), found_.end(), problem.line,
                                      [](int line, const Problem& p) { return line < p.line; });
  found_.insert(after, std::move(problem));
}

void Problems::throw_if_any(const std::string& path) const {
  if (found_.empty()) return;
  std::string text = fmt::format("configuration file '{}' has {} error{}:", path, found_.size(),
                                 found_.size() == 1 ? "" : "s");
  for (const Problem& problem : found_)
    text +=
        problem.line > 0 ? fmt::format("\n  line {}: {}", problem.line, problem.text) : "\n  " + problem.text;
  throw Error(found_.front().code, text);
}

Document read_document(const std::string& text, Problems& problems) {
  try {
    return Reader(problems).read(YAML::Load(text));
  } catch (const YAML::Exception& e) {
    problems.add(ErrorCode::config_parse, e.mark.is_null() ? 0 : e.mark.line + 1,
                 "this is not valid YAML: {}", e.msg);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    problems.add(ErrorCode::config_parse, 0, "this is not valid YAML: {}", e.what());
  }
  return {};
}

}  // namespace openhb::config
