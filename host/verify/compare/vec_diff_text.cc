// SPDX-License-Identifier: Apache-2.0
// What vec_diff found out, as text.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/text/shortened.h"
#include "common/text/text.h"
#include "host/verify/compare/vec_diff.h"

namespace openhb::verify {
namespace {

using Json = nlohmann::ordered_json;

// RFC 4180.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

// Larger is worse; NaN is worst.
using Badness = double (*)(const VecDiffRow&);
double worse(double x) { return std::isnan(x) ? std::numeric_limits<double>::infinity() : x; }
constexpr std::array<Badness, 4> kColumns = {[](const VecDiffRow& r) { return worse(-r.cosine()); },
                                             [](const VecDiffRow& r) { return worse(r.relative()); },
                                             [](const VecDiffRow& r) { return worse(r.max_abs()); },
                                             [](const VecDiffRow& r) { return worse(r.mse()); }};

std::vector<const VecDiffRow*> sorted(const VecDiff& result, VecDiffOrder order) {
  std::vector<const VecDiffRow*> rows;
  for (const VecDiffRow& row : result.rows) rows.push_back(&row);
  if (order == VecDiffOrder::order) return rows;
  const auto before = [&](const VecDiffRow* a, const VecDiffRow* b) {
    if (order == VecDiffOrder::name) return a->name < b->name;
    if (a->error || b->error) return a->error.has_value() && !b->error;
    const Badness badness = kColumns[static_cast<size_t>(order) - static_cast<size_t>(VecDiffOrder::cosine)];
    return badness(*a) > badness(*b);
  };
  std::ranges::sort(rows, [&](const VecDiffRow* a, const VecDiffRow* b) {
    return before(a, b) || (!before(b, a) && std::less<>()(a, b));  // else in the given order
  });
  return rows;
}

// What both sides have in common, or both.
std::string either(const std::string& left, const std::string& right) {
  if (left == right || right.empty()) return left;
  return left.empty() ? right : left + " | " + right;
}
std::string shape_text(const std::optional<Shape>& shape) { return shape ? to_string(*shape) : ""; }

Json json_of(const VecDiffRow& row, const VecDiffLimits& limits) {
  Json json = {{"name", row.name}, {"left", row.left}, {"right", row.right}};
  if (row.error) {
    json["error"] = row.error->text();
    return json;
  }
  const Difference& d = row.difference;
  json.update({{"left_dtype", dtype_name(row.left_dtype)}, {"right_dtype", dtype_name(row.right_dtype)}});
  if (row.left_shape) json["left_shape"] = *row.left_shape;
  if (row.right_shape) json["right_shape"] = *row.right_shape;
  json.update({{"elements", d.total},
               {"cosine", row.cosine()},
               {"relative_euclidean", row.relative()},
               {"max_abs", row.max_abs()},
               {"mse", row.mse()},
               {"max_relative", d.max_relative},
               {"nan_on_one_side", d.line_nan},
               {"bits_differ", d.bits_differ}});
  const Shape shape = row.left_shape    ? *row.left_shape
                      : row.right_shape ? *row.right_shape
                                        : Shape{static_cast<int64_t>(d.total)};
  if (d.first >= 0)
    json["first"] = {{"index", d.first},
                     {"position", position_text(d.first, shape)},
                     {"left", d.first_a},
                     {"right", d.first_b}};
  if (d.worst >= 0) json["worst"] = {{"index", d.worst}, {"position", position_text(d.worst, shape)}};
  json["ulp"] = d.ulp;
  if (!row.note.empty()) json["note"] = row.note;
  json["passed"] = limits.broken_by(row).empty();
  return json;
}

}  // namespace

std::string vec_diff_csv(const VecDiff& result) {
  std::string text =
      "Left Files,Right Files,Cosine Similarity,Relative Euclidean Distance,Max Absolute Error,Mean Square "
      "Error\n";
  for (const VecDiffRow& row : result.rows) {
    text += csv_field(row.left) + ',' + csv_field(row.right);
    text += row.error ? ",,,,\n"
                      : fmt::format(",{},{},{},{}\n", row.cosine(), row.relative(), row.max_abs(), row.mse());
  }
  return text;
}

std::string vec_diff_table(const VecDiff& result, VecDiffOrder order) {
  std::array<double, kColumns.size()> worst;
  worst.fill(-std::numeric_limits<double>::infinity());
  size_t compared = 0;
  for (const VecDiffRow& row : result.rows) {
    if (row.error) continue;
    ++compared;
    for (size_t c = 0; c < worst.size(); ++c) worst[c] = std::max(worst[c], kColumns[c](row));
  }
  std::vector<std::vector<std::string>> rows;
  for (const VecDiffRow* row : sorted(result, order)) {
    std::vector<std::string>& cells = rows.emplace_back();
    cells.push_back(shortened(row->name));
    if (row->error) {
      cells.insert(cells.end(), {"", "", "not compared"});
      continue;
    }
    cells.push_back(either(shape_text(row->left_shape), shape_text(row->right_shape)));
    cells.push_back(
        either(std::string(dtype_name(row->left_dtype)), std::string(dtype_name(row->right_dtype))));
    const std::array<std::string, kColumns.size()> numbers = {
        fmt::format("{:.6f}", row->cosine()), fmt::format("{:.6g}", row->relative()),
        fmt::format("{:.6g}", row->max_abs()), fmt::format("{:.6g}", row->mse())};
    for (size_t c = 0; c < numbers.size(); ++c) {
      const double harmless = c == 0 ? -1 : 0;
      const bool is_worst = compared > 1 && kColumns[c](*row) == worst[c] && worst[c] > harmless;
      cells.push_back(numbers[c] + (is_worst ? " *" : ""));
    }
    cells.push_back(row->difference.bits_differ == 0
                        ? "equal"
                        : fmt::format("{}/{}", row->difference.bits_differ, row->difference.total));
  }
  return format_table({"Tensor", "Shape", "Type", "Cosine Similarity", "Relative Euclidean Distance",
                       "Max Absolute Error", "Mean Square Error", "Bits Differ"},
                      rows);
}

std::string vec_diff_json(const VecDiff& result, const VecDiffOptions& options, const VecDiffLimits& limits,
                          bool passed) {
  Json json = {
      {"tool", "vec_diff"}, {"version", OPENHB_VERSION}, {"left", options.left}, {"right", options.right}};
  Json bounds = Json::object();
  const auto bound = [&](const char* name, const std::optional<double>& value) {
    if (value) bounds[name] = *value;
  };
  bound("min_cosine", limits.min_cosine), bound("max_relative", limits.max_relative);
  bound("max_abs", limits.max_abs), bound("max_mse", limits.max_mse);
  json["limits"] = bounds;
  json["rows"] = Json::array();
  for (const VecDiffRow& row : result.rows) json["rows"].push_back(json_of(row, limits));
  json["only_left"] = result.only_left;
  json["only_right"] = result.only_right;
  json["missing"] = result.missing;
  json["passed"] = passed;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace openhb::verify
