// SPDX-License-Identifier: Apache-2.0
#include "device/plugin/registry.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "common/error.h"
#include "device/plugin/attributes.h"
#include "device/plugin/library.h"

namespace openhb::plugin {
namespace {

constexpr size_t kMaxName = 256;
constexpr int32_t kMaxOperators = 4096, kMaxAttributes = 256;
// Of the first version of the struct: later ones append fields.
constexpr size_t kLeastSize = offsetof(openhb_op, run) + sizeof(openhb_op::run);
constexpr const char* kApplication = "the application";

struct Operators {
  std::mutex mutex;
  std::map<std::pair<std::string, std::string>, Operator> list;
};
Operators& operators() {
  static auto* all = new Operators;  // never destroyed: sessions may end after main()
  return *all;
}

bool is_name(const char* text) {
  if (!text) return false;
  const size_t length = ::strnlen(text, kMaxName + 1);
  return length > 0 && length <= kMaxName &&
         std::all_of(text, text + length, [](char c) { return c > ' ' && c != 0x7f; });
}

std::string wrong_attributes(const openhb_op& op) {
  if (op.attribute_count < 0 || op.attribute_count > kMaxAttributes ||
      (op.attribute_count > 0 && !op.attributes))
    return "its list of attributes is missing or too long";
  std::set<std::string_view> names;
  for (int32_t i = 0; i < op.attribute_count; ++i) {
    const openhb_attribute_rule& rule = op.attributes[i];
    if (!is_name(rule.name)) return fmt::format("attribute {} has no sound name", i);
    if (!names.insert(rule.name).second) return fmt::format("attribute '{}' is there twice", rule.name);
    if (kind_name(rule.kind) == kind_name(-1))
      return fmt::format("attribute '{}' is of the unknown kind {}", rule.name, rule.kind);
  }
  return "";
}

std::string wrong_table(const openhb_op& op) {
  if (!is_name(op.type)) return "its type is missing, or no printable word";
  if (op.domain && *op.domain && !is_name(op.domain)) return "its domain is no printable word";
  const auto counts = [](int32_t least, int32_t most, int32_t from) {
    return least >= from && least <= most && most <= OPENHB_MAX_PORTS;
  };
  if (!counts(op.min_inputs, op.max_inputs, 0))
    return fmt::format("{} to {} inputs are impossible (0 to {})", op.min_inputs, op.max_inputs,
                       OPENHB_MAX_PORTS);
  if (!counts(op.min_outputs, op.max_outputs, 1))
    return fmt::format("{} to {} outputs are impossible (1 to {})", op.min_outputs, op.max_outputs,
                       OPENHB_MAX_PORTS);
  if (!op.infer || !op.run) return "it has no infer() or no run()";
  return wrong_attributes(op);
}

// The operator's own table in the size that this program knows.
Operator checked(const openhb_op* id, std::string plugin, const std::string& origin) {
  const auto refuse = [&](const std::string& why) {
    fail(ErrorCode::plugin_load, "an operator of {} cannot be used: {}", origin, why);
  };
  if (!id) refuse("its table is NULL");
  if (id->size < kLeastSize)
    refuse(fmt::format("its table has {} bytes, {} are needed", id->size, kLeastSize));
  Operator op{.table = {}, .id = id, .domain = {}, .type = {}, .plugin = std::move(plugin), .origin = origin};
  std::memcpy(&op.table, id, std::min<size_t>(id->size, sizeof(openhb_op)));
  if (const std::string wrong = wrong_table(op.table); !wrong.empty())
    refuse(fmt::format("{}: {}", is_name(id->type) ? id->type : "?", wrong));
  op.domain = id->domain ? id->domain : "";
  if (op.domain == "ai.onnx") op.domain.clear();
  op.type = id->type;
  return op;
}

void add(std::vector<Operator> list) {
  Operators& all = operators();
  const std::lock_guard lock(all.mutex);
  for (size_t i = 0; i < list.size(); ++i) {
    const Operator& op = list[i];
    const auto same = [&](const Operator& o) { return o.domain == op.domain && o.type == op.type; };
    const auto found = all.list.find({op.domain, op.type});
    const bool twice = std::any_of(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), same);
    if (twice || (found != all.list.end() && found->second.id != op.id))
      fail(ErrorCode::plugin_conflict, "operator {} comes from {} and from {}; remove one of them",
           full_name(op.domain, op.type), twice ? op.origin : found->second.origin, op.origin);
  }
  for (Operator& op : list) {
    std::pair key{op.domain, op.type};
    all.list.emplace(std::move(key), std::move(op));
  }
}

const Operator* known(std::string_view domain, std::string_view type) {
  Operators& all = operators();
  const std::lock_guard lock(all.mutex);
  const auto found = all.list.find({std::string(domain), std::string(type)});
  return found == all.list.end() ? nullptr : &found->second;
}

std::string search_path() {
  const char* path = std::getenv(kSearchPath);
  return path ? path : "";
}

// Loads whatever is in the folders; gives what could not be loaded.
std::vector<std::string> load_search_path() {
  std::vector<std::string> problems;
  for (const std::string& file : list_plugins(search_path(), problems)) try {
      load_file(file);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::plugin_load) throw;
      problems.emplace_back(e.what());
    }
  return problems;
}

}  // namespace

std::string full_name(std::string_view domain, std::string_view type) {
  return domain.empty() ? std::string(type) : fmt::format("{}::{}", domain, type);
}

std::vector<std::string> load_file(const std::string& path) {
  const openhb_plugin* table = open_plugin(path);
  if (table->op_count > kMaxOperators)
    fail(ErrorCode::plugin_load, "cannot load plug-in '{}': it has {} operators, at most {} are possible",
         path, table->op_count, kMaxOperators);
  const std::string plugin = fmt::format("{} {}", table->name, table->version);
  std::vector<Operator> list;
  std::vector<std::string> names;
  for (int32_t i = 0; i < table->op_count; ++i) {
    list.push_back(checked(table->ops[i], plugin, fmt::format("plug-in '{}'", path)));
    names.push_back(full_name(list.back().domain, list.back().type));
  }
  add(std::move(list));
  return names;
}

void add_operator(const openhb_op* op) {
  std::vector<Operator> list;
  list.push_back(checked(op, kApplication, kApplication));
  add(std::move(list));
}

const Operator* find_operator(std::string_view domain, std::string_view type) {
  if (const Operator* op = known(domain, type)) return op;
  if (search_path().empty()) return nullptr;
  load_search_path();
  return known(domain, type);
}

std::string why_missing(std::string_view domain, std::string_view type) {
  const std::string name = full_name(domain, type), path = search_path();
  if (path.empty())
    return fmt::format(
        "no plug-in brings operator {}: {} is not set; set it to the folder of the plug-in (.so)", name,
        kSearchPath);
  const std::vector<std::string> problems = load_search_path();
  std::string text =
      fmt::format("no plug-in in {}='{}' brings operator {}; add the folder of the one that does",
                  kSearchPath, path, name);
  for (const std::string& problem : problems) text += fmt::format(". {}", problem);
  return text;
}

}  // namespace openhb::plugin
