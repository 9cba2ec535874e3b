// SPDX-License-Identifier: Apache-2.0
#include "host/quantize/notes.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "host/ops/operator.h"

namespace openhb::quantize {
namespace {

using Json = nlohmann::ordered_json;

Json attribute_to_json(const graph::Attribute& attribute) {
  if (const auto* integer = std::get_if<int64_t>(&attribute)) return *integer;
  if (const auto* real = std::get_if<float>(&attribute)) return *real;
  return nullptr;  // no operator that is written in parts has another kind
}

graph::Attribute attribute_from_json(const Json& json) {
  if (json.is_number_integer()) return json.get<int64_t>();
  return json.get<float>();
}

float finite(const Json& json) {
  const float value = json.get<float>();
  if (!std::isfinite(value)) throw std::runtime_error("a number is not finite");
  return value;
}

// `read` throws whatever it meets; the user is told that the metadata is damaged.
template <class Read>
auto checked(std::string_view json, const std::string& origin, Read read) {
  try {
    return read(Json::parse(json));
  } catch (const std::exception& error) {
    fail(ErrorCode::model_structure,
         "{}: its metadata was damaged ({}); continue from the file of an earlier stage", origin,
         error.what());
  }
}

// Names in models are bytes, JSON is UTF-8: every byte becomes the character of its number.
std::string packed(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) text += static_cast<char>(0xc0 | byte >> 6);
    text += static_cast<char>(byte >= 0x80 ? 0x80 | (byte & 0x3f) : byte);
  }
  return text;
}
std::string unpacked(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool pair = byte >= 0xc0 && i + 1 < text.size();
    bytes += static_cast<char>(pair ? (byte & 3) << 6 | (text[++i] & 0x3f) : byte);
  }
  return bytes;
}

constexpr std::string_view kInt8 = "int8", kInt16 = "int16";

}  // namespace

Notes notes_of(const graph::Graph& graph) {
  Notes notes;
  for (const auto& node : graph.nodes()) {
    NodeNote note{.name = node->name, .int8 = node->int8, .reason = node->reason};
    for (const graph::Value* v : node->outputs) note.outputs.push_back(v->name);
    // Sums of products for a float consumer become several nodes, which do not tell Gemm from MatMul.
    if (node->int8 && ops::op_of(*node, graph.opset).quant(*node).kind == ops::QuantKind::compute) {
      note.op = node->op, note.domain = node->domain;
      if (node->op == "Gemm") note.attributes = node->attributes;
    }
    notes.nodes.push_back(std::move(note));
  }
  for (const auto& v : graph.values())
    if (v->quant && !v->is_constant())
      notes.ranges[v->name] = {v->range_lo, v->range_hi, v->quant->scale(), v->quant->zero_point(),
                               v->codes == DType::i16};
  return notes;
}

std::string notes_to_json(const Notes& notes) {
  Json json;
  json["nodes"] = Json::array();
  for (const NodeNote& note : notes.nodes) {
    Json entry{{"name", packed(note.name)}, {"on", note.int8 ? "BPU" : "CPU"}};
    if (!note.reason.empty()) entry["reason"] = packed(note.reason);
    entry["outputs"] = Json::array();
    for (const std::string& name : note.outputs) entry["outputs"].push_back(packed(name));
    if (!note.op.empty()) entry["op"] = packed(note.op);
    if (!note.domain.empty()) entry["domain"] = packed(note.domain);
    for (const auto& [name, value] : note.attributes)
      entry["attributes"][packed(name)] = attribute_to_json(value);
    json["nodes"].push_back(std::move(entry));
  }
  json["ranges"] = Json::object();
  for (const auto& [name, r] : notes.ranges)
    json["ranges"][packed(name)] = {r.lo, r.hi, r.scale, r.zero_point, r.int16};
  return json.dump();
}

Notes notes_from_json(std::string_view json, const std::string& origin) {
  return checked(json, origin, [](const Json& parsed) {
    Notes notes;
    for (const Json& entry : parsed.at("nodes")) {
      NodeNote note{.name = unpacked(entry.at("name").get<std::string>()),
                    .op = unpacked(entry.value("op", "")),
                    .domain = unpacked(entry.value("domain", "")),
                    .int8 = entry.at("on").get<std::string>() == "BPU",
                    .reason = unpacked(entry.value("reason", ""))};
      for (const Json& name : entry.at("outputs")) note.outputs.push_back(unpacked(name.get<std::string>()));
      if (entry.contains("attributes"))
        for (const auto& [name, value] : entry.at("attributes").items())
          note.attributes[unpacked(name)] = attribute_from_json(value);
      notes.nodes.push_back(std::move(note));
    }
    for (const auto& [name, r] : parsed.at("ranges").items())
      notes.ranges[unpacked(name)] = {finite(r.at(0)), finite(r.at(1)), finite(r.at(2)),
                                      r.at(3).get<int32_t>(), r.at(4).get<bool>()};
    for (const auto& [name, r] : notes.ranges)
      if (!(r.scale > 0) || r.zero_point < -128 || r.zero_point > 127)
        throw std::runtime_error("a scale or zero point is out of range");
    return notes;
  });
}

std::string params_to_json(const LoadedParams& params) {
  Json json = Json::object();
  for (const auto& [name, entry] : params.values)
    json[packed(name)] = {{"codes", entry.codes == DType::i16 ? kInt16 : kInt8},
                          {"axis", entry.quant.axis},
                          {"scales", entry.quant.scales},
                          {"zero_points", entry.quant.zero_points}};
  return json.dump();
}

LoadedParams params_from_json(std::string_view json, const std::string& origin) {
  return checked(json, origin, [](const Json& parsed) {
    LoadedParams params;
    for (const auto& [name, entry] : parsed.items()) {
      LoadedParams::Entry& own = params.values[unpacked(name)];
      own.codes = entry.at("codes").get<std::string>() == kInt16 ? DType::i16 : DType::i8;
      own.quant.axis = entry.at("axis").get<int32_t>();
      for (const Json& s : entry.at("scales")) own.quant.scales.push_back(finite(s));
      own.quant.zero_points = entry.at("zero_points").get<std::vector<int32_t>>();
      if (own.quant.scales.empty() || own.quant.scales.size() != own.quant.zero_points.size())
        throw std::runtime_error("scales and zero points differ in number");
    }
    return params;
  });
}

}  // namespace openhb::quantize
