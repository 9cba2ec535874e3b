// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>

#include "host/verify/verification.h"

namespace openhb::verify {
namespace {

using Json = nlohmann::ordered_json;

// An element as it is; JSON has no NaN and no infinity.
Json element(double value) { return std::isfinite(value) ? Json(value) : Json(fmt::format("{}", value)); }

Json pairs_of(const std::vector<std::pair<std::string, std::string>>& rows) {
  Json object = Json::object();
  for (const auto& [key, value] : rows) object[key] = value;
  return object;
}

template <class T>
Json list(const std::vector<T>& rows);

Json of(const report::File& f) {
  return {{"role", f.role}, {"path", f.path}, {"files", f.files}, {"bytes", f.bytes}, {"xxh3", f.xxh3}};
}
Json of(const Sample& s) { return {{"name", s.name}, {"files", pairs_of(s.files)}}; }
Json of(const SideInfo& s) {
  return {{"name", s.name},       {"facts", pairs_of(s.facts)}, {"kernels", s.rows},
          {"seconds", s.seconds}, {"bytes_sent", s.bytes_sent}, {"bytes_received", s.bytes_received},
          {"error", s.error}};
}
Json of(const TensorResult& t) {
  const Difference& d = t.difference;
  Json json = {{"tensor", t.tensor},
               {"kind", t.kind},
               {"step", t.step},
               {"shape", t.shape},
               {"left", {{"dtype", t.dtype_left}, {"kernel", t.row_left}}},
               {"right", {{"dtype", t.dtype_right}, {"kernel", t.row_right}}},
               {"passed", t.passed},
               {"total", d.total},
               {"mismatches", d.mismatches()},
               {"line_miss", d.line_miss},
               {"line_diff", d.line_diff},
               {"line_nan", d.line_nan},
               {"mismatch_rate", d.mismatch_rate()},
               {"max_relative", d.max_relative},
               {"max_abs", d.max_abs},
               {"cosine", d.cosine},
               {"relative_l2", d.relative_l2},
               {"mse", d.mse},
               {"bits_differ", d.bits_differ},
               {"ulp", d.ulp}};
  if (d.first >= 0)
    json["first"] = {{"index", d.first},
                     {"position", position_text(d.first, t.shape)},
                     {"left", element(d.first_a)},
                     {"right", element(d.first_b)}};
  if (d.worst >= 0) json["worst"] = {{"index", d.worst}, {"position", position_text(d.worst, t.shape)}};
  return json;
}
Json of(const PairResult& p) {
  Json json = {{"left", p.left},
               {"right", p.right},
               {"sample", p.sample},
               {"bit_exact", p.bit_exact},
               {"passed", p.passed},
               {"first", p.first ? Json(*p.first) : Json(nullptr)},
               {"reproducer", p.reproducer},
               {"only_left", p.only_left},
               {"only_right", p.only_right}};
  json["tensors"] = list(p.tensors);
  return json;
}
Json of(const StageTensor& t) {
  return {{"tensor", t.tensor},           {"node", t.node},
          {"cosine", t.cosine},           {"step_cosine", t.step_cosine},
          {"relative_l2", t.relative_l2}, {"worst_sample", t.worst_sample}};
}
Json of(const StageResult& s) {
  return {{"name", s.name},
          {"side", s.side},
          {"loses", s.loses},
          {"outputs", list(s.outputs)},
          {"tensors", list(s.tensors)}};
}
Json of(const Loss& l) {
  return {{"stage", l.stage},   {"tensor", l.tensor}, {"node", l.node},
          {"op", l.op},         {"before", l.before}, {"after", l.after},
          {"sample", l.sample}, {"reason", l.reason}, {"advice", l.advice}};
}

template <class T>
Json list(const std::vector<T>& rows) {
  Json array = Json::array();
  for (const T& row : rows) array.push_back(of(row));
  return array;
}

}  // namespace

std::string verification_json(const Verification& v) {
  Json json = {{"tool", v.tool},
               {"version", v.version},
               {"passed", v.passed},
               {"model", v.model},
               {"files", list(v.files)},
               {"digits", v.digits},
               {"seed", v.seed ? Json(*v.seed) : Json(nullptr)},
               {"samples", list(v.samples)},
               {"sides", list(v.sides)},
               {"pairs", list(v.pairs)},
               {"notes", v.notes}};
  if (v.stages)
    json["stages"] = {{"verdict", v.stages->verdict},
                      {"stages", list(v.stages->stages)},
                      {"losses", list(v.stages->losses)}};
  // Names come from models and boards: what is not UTF-8 is replaced.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace openhb::verify
