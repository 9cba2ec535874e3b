// SPDX-License-Identifier: Apache-2.0
#include "host/report/conversion_json.h"

#include <nlohmann/json.hpp>

namespace openhb::report {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<double>& x) { return x ? Json(*x) : Json(nullptr); }

Json of(const compiler::NodeReport& n) {
  return {{"node", n.node},
          {"on", n.on},
          {"subgraph", n.subgraph},
          {"type", n.type},
          {"op", n.op},
          {"cosine", number(n.cosine)},
          {"threshold", number(n.threshold)},
          {"reason", n.reason},
          {"macs", n.macs},
          {"bytes", n.bytes},
          {"shape", n.shape},
          {"inputs", n.inputs},
          {"outputs", n.outputs}};
}
Json of(const compiler::OutputReport& o) {
  return {{"output", o.output}, {"cosine", o.cosine}, {"l1", o.l1}, {"l2", o.l2}, {"chebyshev", o.chebyshev}};
}
Json of(const MethodScore& m) { return {{"method", m.method}, {"cosine", m.cosine}, {"used", m.used}}; }
Json of(const TensorHistogram& h) {
  return {{"tensor", h.tensor},
          {"codes", h.codes},
          {"scale", h.scale},
          {"zero_point", h.zero_point},
          {"lo", h.lo},
          {"hi", h.hi},
          {"min", h.min},
          {"max", h.max},
          {"count", h.count},
          {"zeros", h.zeros},
          {"non_finite", h.non_finite},
          {"clipped", h.clipped},
          {"first", h.first},
          {"width", h.width},
          {"bins", h.bins}};
}
Json of(const Buffer& b) {
  return {{"offset", b.offset}, {"size", b.size},   {"first", b.first},
          {"last", b.last},     {"dtype", b.dtype}, {"tensors", b.tensors}};
}
Json of(const RemovedNode& n) { return {{"node", n.node}, {"op", n.op}, {"reason", n.reason}}; }
Json of(const calibration::Finding& f) {
  return {{"severity", f.severity},
          {"check", f.check},
          {"input", f.input},
          {"samples", f.samples},
          {"text", f.text}};
}
Json of(const File& f) {
  return {{"role", f.role}, {"path", f.path}, {"files", f.files}, {"bytes", f.bytes}, {"xxh3", f.xxh3}};
}
Json of(const config::Setting& s) {
  return {{"group", s.group}, {"key", s.key}, {"value", s.value}, {"usual", s.usual}};
}

template <class T>
Json list(const std::vector<T>& rows) {
  Json array = Json::array();
  for (const T& row : rows) array.push_back(of(row));
  return array;
}

}  // namespace

std::string conversion_json(const ConversionResult& result, int indent) {
  const compiler::ConversionReport& r = result.report;
  Json j;
  j["tool"] = {{"name", "hb_mapper"}, {"version", result.version}};
  if (!result.date.empty()) j["date"] = result.date;
  j["model"] = result.config.prefix;
  j["march"] = result.config.march;
  j["bin"] = r.bin_path;
  j["calibration_method"] = r.method;
  if (result.predicted_peak_bytes) j["predicted_peak_bytes"] = *result.predicted_peak_bytes;
  j["macs"] = r.macs;
  j["arena_bytes"] = r.arena_bytes;
  j["arena_lower_bound"] = r.arena_lower_bound;
  j["weight_bytes"] = r.weight_bytes;
  j["nodes"] = list(r.nodes);
  j["outputs"] = list(r.outputs);
  j["search"] = list(r.search);
  j["histograms"] = list(r.histograms);
  j["steps"] = r.steps;
  j["buffers"] = list(r.buffers);
  j["removed"] = list(r.removed);
  j["calibration_samples"] = r.lint.samples;
  j["findings"] = list(r.lint.findings);
  j["configuration"] = list(config::effective_settings(result.config));
  std::vector<File> inputs = result.more_inputs;
  inputs.insert(inputs.end(), r.inputs.begin(), r.inputs.end());
  j["inputs"] = list(inputs);
  j["results"] = list(result.results);
  return j.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace openhb::report
