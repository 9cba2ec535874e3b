// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/stage_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/io/file.h"
#include "common/io/hash.h"
#include "common/text/text.h"
#include "host/compiler/inputs.h"
#include "host/frontend/onnx/onnx.h"
#include "host/ops/operator.h"
#include "host/quantize/qdq.h"
#include "host/quantize/restore.h"

namespace openhb::compiler {
namespace {

using onnx_frontend::Metadata;

constexpr std::array<std::string_view, 4> kWords{"original_float", "optimized_float", "calibrated",
                                                 "quantized"};

// Keys of the metadata.
constexpr auto kStage = "openhb.stage";                  // its name
constexpr auto kFormat = "openhb.format";                // of the metadata
constexpr auto kConfiguration = "openhb.configuration";  // what was configured up to here, JSON
constexpr auto kScales = "openhb.scales";                // original and optimized: of calibration_type load
constexpr auto kNotes = "openhb.notes";                  // calibrated and quantized: quantize::Notes
constexpr auto kMethod = "openhb.method";                // calibrated and quantized: how ranges were chosen
constexpr auto kCalibrated = "openhb.calibrated";        // quantized: hash of the calibrated model
constexpr std::string_view kCurrentFormat = "1";

Metadata metadata_of(const Conversion& c, Stage stage) {
  Metadata metadata;
  metadata[kStage] = name_of(stage);
  metadata[kFormat] = kCurrentFormat;
  metadata[kConfiguration] = nlohmann::json(config::settings_of(c.config, stage))
                                 .dump(0, ' ', true, nlohmann::json::error_handler_t::replace);
  if (stage <= Stage::optimize) {
    if (c.loads()) metadata[kScales] = quantize::params_to_json(c.loaded);
    return metadata;
  }
  metadata[kNotes] = quantize::notes_to_json(quantize::notes_of(c.graph));
  metadata[kMethod] = c.report.method;
  if (stage == Stage::quantize) metadata[kCalibrated] = c.float_hash;
  return metadata;
}

const std::string& entry(const Metadata& metadata, const char* key, const std::string& origin) {
  const auto it = metadata.find(key);
  if (it == metadata.end())
    fail(ErrorCode::model_structure,
         "{}: its metadata has lost the entry '{}' (some tools drop it); continue from the file of an "
         "earlier stage",
         origin, key);
  return it->second;
}

Stage stage_of(const Metadata& metadata, const std::string& origin) {
  const auto it = metadata.find(kStage);
  const auto known =
      std::ranges::find(config::kStageNames, it == metadata.end() ? std::string_view() : it->second);
  if (known == config::kStageNames.end() || *known == name_of(Stage::compile))
    fail(ErrorCode::usage,
         "--resume-from {}: no stage of hb_mapper wrote this file, or its metadata was lost; expected one of "
         "<prefix>_{}_model.onnx",
         origin, fmt::join(kWords, "_model.onnx, <prefix>_"));
  if (const std::string& format = entry(metadata, kFormat, origin); format != kCurrentFormat)
    fail(ErrorCode::usage,
         "--resume-from {}: another version of hb_mapper wrote this file (format {}, expected {}); convert "
         "the model "
         "again",
         origin, format, kCurrentFormat);
  return static_cast<Stage>(known - config::kStageNames.begin());
}

// What was configured for the stages that wrote the file.
std::map<std::string, std::string> settings_in(const Metadata& metadata, const std::string& origin) {
  try {
    return nlohmann::json::parse(entry(metadata, kConfiguration, origin))
        .get<std::map<std::string, std::string>>();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::model_structure,
         "{}: the configuration in its metadata was damaged; continue from the file of an earlier stage",
         origin);
  }
}

// The inputs that are pictures.
std::vector<std::string> pictures_in(const std::map<std::string, std::string>& settings,
                                     const graph::Graph& graph) {
  const auto words = [&](const char* key) {
    const auto it = settings.find(key);
    return it == settings.end() ? std::vector<std::string>{} : split(it->second, ';');
  };
  std::vector<std::string> names = words("input_name"), types = words("input_type_rt"), pictures;
  if (names.empty())
    for (const graph::Value* v : graph.inputs) names.push_back(v->name);
  for (size_t i = 0; i < std::min(names.size(), types.size()); ++i)
    if (types[i] != "featuremap") pictures.push_back(names[i]);
  return pictures;
}

// Everything that was configured for the stages that wrote the file must still hold.
void check_configuration(const Conversion& c, Stage stage, const Metadata& metadata,
                         const std::string& origin, std::string_view except = {}) {
  const std::map<std::string, std::string> then = settings_in(metadata, origin);
  std::vector<std::string> differences;
  for (const auto& [key, value] : config::settings_of(c.config, stage)) {
    const auto old = then.find(key);
    if (old != then.end() && old->second != value && key != except)
      differences.push_back(
          fmt::format("\n  {}: '{}' in the configuration, '{}' in the file", key, value, old->second));
  }
  if (!differences.empty())
    fail(ErrorCode::config_bad_value,
         "{} was made with another configuration. Undo these changes, or resume from an earlier stage:{}",
         origin, fmt::join(differences, ""));
}

// Weights that the reference holds as well stay in memory once.
void share_constants(graph::Graph& graph, const graph::Graph& with) {
  for (const auto& v : graph.values()) {
    const graph::Value* other = v->is_constant() ? with.find_value(v->name) : nullptr;
    if (other && other->is_constant() && other->constant->dtype() == v->constant->dtype() &&
        other->constant->shape() == v->constant->shape() &&
        std::ranges::equal(other->constant->bytes(), v->constant->bytes()))
      v->constant = other->constant;
  }
}

// The graph of the state from a file of `stage`.
void read(Conversion& c, Stage stage, graph::Graph graph, const Metadata& metadata,
          const std::string& origin) {
  const auto notes = [&] { return quantize::notes_from_json(entry(metadata, kNotes, origin), origin); };
  if (stage <= Stage::optimize) {
    if (c.loads()) c.loaded = quantize::params_from_json(entry(metadata, kScales, origin), origin);
    ops::infer_shapes(graph);
  } else if (stage == Stage::calibrate) {
    quantize::restore_calibrated(graph, notes(), pictures(c.config), c.reporter.warn);
  } else {
    graph = quantize::restore_quantized(graph, notes(), pictures(c.config), c.reporter.warn);
  }
  if (stage >= Stage::calibrate) c.report.method = entry(metadata, kMethod, origin);
  if (stage == Stage::quantize) c.float_hash = entry(metadata, kCalibrated, origin);
  if (c.reference) share_constants(graph, *c.reference);
  c.graph = std::move(graph);
  if (stage == Stage::calibrate) c.reference = std::make_shared<graph::Graph>(c.graph.clone());
}

// What integers are compared with: the calibrated model, if it still lies beside the quantized one.
void find_reference(Conversion& c, const std::string& path) {
  const std::string name = fmt::format("{}_{}_model.onnx", c.config.prefix, file_word(Stage::calibrate));
  const std::string beside = (std::filesystem::path(path).parent_path() / name).string();
  for (const std::string& candidate : {beside, c.artefacts.path(name)}) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(candidate, ignored)) continue;
    const auto file = MappedFile::open(candidate);
    if (hash_text(file->bytes()) != c.float_hash) continue;
    const std::string_view bytes(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
    Metadata metadata;
    graph::Graph graph =
        onnx_frontend::import_onnx_bytes(bytes, candidate, {.allow_nan = true, .metadata = &metadata});
    const auto notes = quantize::notes_from_json(entry(metadata, kNotes, candidate), candidate);
    quantize::restore_calibrated(graph, notes, pictures(c.config), [](const std::string&) {});
    c.reference = std::make_shared<graph::Graph>(std::move(graph));
    return;
  }
  c.reporter.warn(
      fmt::format("'{}' is not there, or not the one that {} was made from: similarities with the float "
                  "model are left out",
                  beside, path));
}

}  // namespace

std::string_view file_word(Stage stage) { return kWords.at(static_cast<size_t>(stage)); }

void hand_on(Conversion& c, Stage stage) {
  const std::string name = fmt::format("{}_{}_model.onnx", c.config.prefix, file_word(stage));
  c.reporter.info(fmt::format("Saving model to: {}.", c.artefacts.path(name)));
  std::string bytes;
  {
    const Metadata metadata = metadata_of(c, stage);
    if (stage == Stage::calibrate)
      bytes = onnx_frontend::serialize_onnx(quantize::calibrated_graph(c.graph), metadata);
    else if (stage == Stage::quantize)
      bytes = onnx_frontend::serialize_onnx(
          quantize::quantized_graph(c.graph, pictures(c.config), nhwc_pictures(c.config)), metadata);
    else
      bytes = onnx_frontend::serialize_onnx(c.graph, metadata);
  }
  if (stage == Stage::calibrate) c.float_hash = hash_text(std::as_bytes(std::span(bytes)));
  c.artefacts.write(name, bytes);
  c.graph = {};
  Metadata metadata;
  graph::Graph graph = onnx_frontend::import_onnx_bytes(bytes, c.artefacts.path(name),
                                                        {.allow_nan = true, .metadata = &metadata});
  bytes = {};
  read(c, stage, std::move(graph), metadata, c.artefacts.path(name));
}

Stage resume(Conversion& c, const std::string& path) {
  Metadata metadata;
  graph::Graph graph = onnx_frontend::import_onnx(path, {.allow_nan = true, .metadata = &metadata});
  const Stage stage = stage_of(metadata, path);
  std::vector<std::string> names;
  for (const auto* v : graph.inputs) names.push_back(v->name);
  c.config.inputs = config::inputs_in_order(c.config, names);
  // The layout of some inputs is settled by the graph only.
  check_configuration(c, stage, metadata, path, "input_layout_train");
  read(c, stage, std::move(graph), metadata, path);
  settle_inputs(c.config, c.graph);
  check_configuration(c, stage, metadata, path);
  check_inputs(c.config, c.graph);
  if (stage == Stage::calibrate) c.float_hash = hash_text(MappedFile::open(path)->bytes());
  if (stage == Stage::quantize) find_reference(c, path);
  return stage;
}

std::optional<StageFile> open_stage(const std::string& path, Stage stage,
                                    const std::optional<std::vector<std::string>>& pictures,
                                    const std::function<void(const std::string&)>& warn) {
  Metadata metadata;
  graph::Graph file = onnx_frontend::import_onnx(path, {.allow_nan = true, .metadata = &metadata});
  if (metadata[kStage] != name_of(stage) || metadata[kFormat] != kCurrentFormat || !metadata.contains(kNotes))
    return std::nullopt;
  StageFile opened;
  opened.settings = settings_in(metadata, path);
  opened.method = metadata[kMethod];
  opened.calibrated = metadata[kCalibrated];
  const auto known = pictures ? *pictures : pictures_in(opened.settings, file);
  const auto notes = quantize::notes_from_json(metadata[kNotes], path);
  if (stage == Stage::calibrate) {
    quantize::restore_calibrated(file, notes, known, warn);
    opened.graph = std::move(file);
  } else {
    opened.graph = quantize::restore_quantized(file, notes, known, warn);
  }
  return opened;
}

}  // namespace openhb::compiler
