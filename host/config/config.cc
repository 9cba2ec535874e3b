// SPDX-License-Identifier: Apache-2.0
#include "host/config/config.h"

#include <algorithm>
#include <filesystem>

#include "common/io/file.h"
#include "common/text/text.h"
#include "host/config/inputs.h"
#include "host/config/keys.h"
#include "host/config/values.h"

namespace openhb::config {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileSize = size_t{1} << 20;

bool is_image(InputKind kind) { return kind != InputKind::featuremap; }
int64_t channels_of(InputKind kind) { return kind == InputKind::gray ? 1 : 3; }
bool uses_mean(Norm norm) { return norm == Norm::mean || norm == Norm::mean_and_scale; }
bool uses_scale(Norm norm) { return norm == Norm::scale || norm == Norm::mean_and_scale; }

class Builder {
 public:
  Builder(const Document& document, Problems& problems) : document_(document), problems_(problems) {}

  Config build() {
    count_inputs();
    for (const Key& key : keys()) apply(key);
    check_model();
    for (size_t i = 0; i < config_.inputs.size(); ++i) check_input(i);
    check_source_names();
    check_calibration();
    check_placement();
    if (config_.compile_mode == "balance" && !given("balance_factor"))
      missing("balance_factor", "; compile_mode balance needs it");
    if (config_.prefix.find('/') != std::string::npos)
      bad("output_model_file_prefix", "'{}' must not contain '/'; folders go into working_dir",
          config_.prefix);
    return std::move(config_);
  }

 private:
  template <class... Args>
  void bad(std::string_view key, fmt::format_string<Args...> format, Args&&... args) {
    problems_.add(ErrorCode::config_bad_value, document_.line(key), "'{}': {}", key,
                  fmt::format(format, std::forward<Args>(args)...));
  }
  void missing(std::string_view key, std::string_view why) {
    const Key& row = *std::find_if(keys().begin(), keys().end(), [&](const Key& k) { return k.name == key; });
    const auto group = document_.groups.find(row.group);
    if (group == document_.groups.end()) return;  // the whole group is, which is reported already
    problems_.add(ErrorCode::config_missing_key, group->second, "'{}' is missing in '{}'{}", key,
                  kGroups[static_cast<size_t>(row.group)].name, why);
  }
  bool given(std::string_view key) const { return document_.line(key) > 0; }
  // "input 'x': ", or nothing when there is only one.
  std::string of_input(size_t i) const {
    return config_.inputs.size() == 1 ? "" : fmt::format("input '{}': ", config_.inputs[i].name);
  }

  void count_inputs() {
    const Given* names = document_.find("input_name");
    config_.inputs.resize(names ? names->values.size() : 1);
    if (!names) return;
    for (size_t i = 0; i < names->values.size(); ++i)
      for (size_t j = 0; j < i; ++j) {
        const std::string& name = names->values[i].text;
        if (names->values.size() > 1 && name.empty() && j == i) bad("input_name", "entry {} is empty", i + 1);
        if (name == names->values[j].text && !name.empty()) bad("input_name", "'{}' is named twice", name);
      }
  }

  void apply(const Key& key) {
    const Given* value = document_.find(key.name);
    if (!value) {
      if (key.required && !given(key.name)) missing(key.name, "");
      return;
    }
    if (!key.per_input) {
      if (key.set) key.set(config_, value->values.at(0));
      return;
    }
    if (value->values.size() != config_.inputs.size()) {
      bad(key.name, "{} entr{} for {} input{}; input_name {}", value->values.size(),
          value->values.size() == 1 ? "y" : "ies", config_.inputs.size(),
          config_.inputs.size() == 1 ? "" : "s",
          given("input_name") ? "sets how many there must be"
                              : "must name the inputs when there are several");
      return;
    }
    for (size_t i = 0; i < config_.inputs.size(); ++i)
      if (key.set_input && !value->values[i].none) key.set_input(config_.inputs[i], value->values[i]);
  }

  // One model, in one of the two formats.
  void check_model() {
    const bool onnx = given("onnx_model"), prototxt = given("prototxt"), weights = given("caffe_model");
    if (onnx && (prototxt || weights))
      bad("onnx_model", "there is a Caffe model, too (prototxt, caffe_model); give one model");
    else if (!onnx && !prototxt && !weights)
      missing("onnx_model", "; a Caffe model needs 'prototxt' and 'caffe_model' instead");
    else if (!onnx && !prototxt)
      missing("prototxt", "; caffe_model needs it");
    else if (!onnx && !weights)
      missing("caffe_model", "; prototxt needs it");
  }

  void check_input(size_t i) {
    InputConfig& input = config_.inputs[i];
    const bool kinds_known = document_.find("input_type_train") && document_.find("input_type_rt");
    if (kinds_known) {
      const std::string wrong = unsupported_types(word("input_type_train", i), word("input_type_rt", i));
      if (!wrong.empty()) bad("input_type_rt", "{}{}", of_input(i), wrong);
      const bool colour = input.kind_train == InputKind::rgb || input.kind_train == InputKind::bgr;
      if (input.bt601_video && wrong.empty() && !(colour && input.kind_rt == InputKind::nv12))
        bad("input_space_and_range",
            "{}bt601_video needs input_type_rt nv12 and input_type_train rgb or bgr, not {} and {}",
            of_input(i), word("input_type_rt", i), word("input_type_train", i));
      check_source(i);
    }
    if (word("input_layout_rt", i).empty()) input.nhwc_rt = is_image(input.kind_rt) ? true : input.nhwc_train;
    if (input.kind_rt == InputKind::nv12) {
      input.idle_layout_rt = !word("input_layout_rt", i).empty();
      input.nhwc_rt = false;
    }
    if (input.shape && document_.find("input_type_train")) check_shape(i);
    check_norm(i, "mean_value", uses_mean(input.norm), input.mean);
    check_norm(i, "scale_value", uses_scale(input.norm), input.scale);
    if (std::count(input.scale.begin(), input.scale.end(), 0.0f) > 0)
      bad("scale_value", "{}a scale of 0 would erase the input", of_input(i));
  }

  void check_shape(size_t i) {
    const InputConfig& input = config_.inputs[i];
    if (!document_.find("input_layout_train") || !document_.find("input_type_rt")) return;
    const std::string wrong = wrong_shape(input, *input.shape);
    if (!wrong.empty()) bad("input_shape", "{}{}", of_input(i), wrong);
    if (config_.input_batch > 1 && input.shape->at(0) != 1)
      bad("input_batch", "{}input_batch {} needs an input_shape that begins with 1, not {}", of_input(i),
          config_.input_batch, to_string(*input.shape));
  }

  void check_source(size_t i) {
    const InputConfig& input = config_.inputs[i];
    if (!document_.find("input_source")) return;
    const InputSource source = source_of(config_, input);
    const bool camera = input.kind_rt == InputKind::nv12 || input.kind_rt == InputKind::gray;
    if (source != InputSource::ddr && !camera)
      bad("input_source", "{}{} gives nv12 or gray, not {}", of_input(i),
          source == InputSource::pyramid ? "pyramid" : "resizer", word("input_type_rt", i));
    const Given* dump = document_.find("layer_out_dump");
    if (source == InputSource::resizer && dump && dump->values.at(0).boolean)
      bad("input_source", "{}resizer cannot be used with layer_out_dump", of_input(i));
  }

  // Names; a single input may go without one.
  void check_source_names() {
    if (!document_.find("input_source")) return;
    std::vector<std::string> names;
    for (const InputConfig& input : config_.inputs) names.push_back(input.name);
    for (const auto& [name, source] : config_.input_sources)
      if (names != std::vector<std::string>{""} && std::ranges::find(names, name) == names.end())
        bad("input_source", "'{}' is not in input_name.{}", name, suggestion(name, names));
    if (names == std::vector<std::string>{""} && config_.input_sources.size() > 1)
      bad("input_source", "{} sources for one input", config_.input_sources.size());
  }

  void check_norm(size_t i, std::string_view key, bool used, const std::vector<float>& values) {
    const InputConfig& input = config_.inputs[i];
    if (!used && !values.empty() && (document_.find("norm_type") || !given("norm_type")))
      bad(key, "{}norm_type {} does not use it; write None", of_input(i),
          document_.find("norm_type") ? word("norm_type", i) : "no_preprocess");
    if (used && values.empty()) {
      if (!given(key))
        missing(key, fmt::format("; {}norm_type {} needs it", of_input(i), word("norm_type", i)));
      else if (document_.find(key))
        bad(key, "{}norm_type {} needs a value here", of_input(i), word("norm_type", i));
    }
    if (values.size() < 2 || !document_.find("input_type_train")) return;
    int64_t channels = channels_of(input.kind_train);
    if (!is_image(input.kind_train)) {
      // A featuremap's channels are only known here when its shape is given.
      if (!input.shape || input.shape->size() != 4) return;
      channels = (*input.shape)[input.nhwc_train ? 3 : 1];
    }
    if (static_cast<int64_t>(values.size()) != channels)
      bad(key, "{}{} numbers for {} channel{}; write one, or one per channel", of_input(i), values.size(),
          channels, channels == 1 ? "" : "s");
  }

  void check_calibration() {
    const bool sound = document_.find("calibration_type") || !given("calibration_type");
    if (sound && config_.calibration != CalibrationType::skip &&
        config_.calibration != CalibrationType::load && !given("cal_data_dir"))
      missing("cal_data_dir", "; only calibration_type skip and load need no data");
    if (sound && config_.calibration == CalibrationType::percentile && !given("max_percentile"))
      missing("max_percentile", "; calibration_type percentile needs it");
    const bool percentile_used =
        config_.calibration == CalibrationType::max || config_.calibration == CalibrationType::percentile;
    if (sound && !percentile_used && config_.max_percentile != 1.0)
      bad("max_percentile", "only calibration_type max and percentile use it");
    if (sound && config_.calibration == CalibrationType::automatic && asks_for(config_, "asymmetric"))
      bad("optimization",
          "calibration_type default chooses between symmetric and asymmetric itself; remove 'asymmetric'");
    if (sound && config_.calibration == CalibrationType::load)
      for (const char* word :
           {"asymmetric", "bias_correction", "set_model_output_int8", "set_model_output_int16"})
        if (asks_for(config_, word))
          bad("optimization",
              "'{}' needs calibration data, which calibration_type load does without: the model's own scales "
              "are used; remove it",
              word);
    if (asks_for(config_, "set_model_output_int8") && asks_for(config_, "set_model_output_int16"))
      bad("optimization", "set_model_output_int8 and set_model_output_int16 exclude each other");
    const Given* kinds = document_.find("input_type_train");
    if (!config_.preprocess_on || !kinds || kinds->values.size() != config_.inputs.size()) return;
    for (size_t i = 0; i < config_.inputs.size(); ++i)
      if (!is_image(config_.inputs[i].kind_train))
        bad("preprocess_on", "{}pictures cannot feed a featuremap input", of_input(i));
  }

  void check_placement() {
    for (const std::string& node : config_.run_on_cpu)
      if (std::count(config_.run_on_bpu.begin(), config_.run_on_bpu.end(), node) > 0)
        bad("run_on_bpu", "'{}' is in run_on_cpu, too", node);
    for (const NodeInfo& node : config_.node_info) {
      const auto& others = node.on == "BPU" ? config_.run_on_cpu : config_.run_on_bpu;
      if (!node.on.empty() && std::count(others.begin(), others.end(), node.name) > 0)
        bad("node_info", "'{}' is {} here and in {}", node.name, node.on,
            node.on == "BPU" ? "run_on_cpu" : "run_on_bpu");
    }
  }

  std::string word(std::string_view key, size_t i) const {
    const Given* value = document_.find(key);
    return value && i < value->values.size() && !value->values[i].none ? value->values[i].text : "";
  }

  const Document& document_;
  Problems& problems_;
  Config config_;
};

// Paths of things that exist: beside the configuration first, then in the current directory.
void resolve(std::string& path, const fs::path& folder) {
  if (path.empty() || fs::path(path).is_absolute()) return;
  std::error_code ignored;
  if (const fs::path beside = folder / path; fs::exists(beside, ignored))
    path = beside.lexically_normal().string();
}

std::string quoted(const std::string& text) {
  const auto special = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::string result;
  if (std::any_of(text.begin(), text.end(), special)) {
    for (char c : text)
      result += special(c)              ? fmt::format("\\x{:02x}", c)
                : c == '"' || c == '\\' ? std::string{'\\', c}
                                        : std::string{c};
    return '"' + result + '"';
  }
  for (char c : text) result += c == '\'' ? std::string("''") : std::string{c};
  return "'" + result + "'";
}

// The value of a key, every default filled in.
std::string effective_value(const Key& key, const Config& config) {
  if (!key.per_input) return key.show ? key.show(config) : std::string(key.fallback);
  std::vector<std::string> entries;
  for (const InputConfig& input : config.inputs)
    entries.push_back(key.show_input ? key.show_input(input) : std::string(key.fallback));
  // An empty entry stands for "not given", which only the key as a whole can be.
  if (std::all_of(entries.begin(), entries.end(), [](const std::string& entry) { return entry.empty(); }))
    return "";
  for (std::string& entry : entries)
    if (entry.empty()) entry = "None";
  return fmt::format("{}", fmt::join(entries, "; "));
}

}  // namespace

Config parse_config(const std::string& yaml, const std::string& path) {
  if (yaml.size() > kMaxFileSize)
    fail(ErrorCode::config_parse,
         "configuration file '{}' has {} bytes, more than 1 MiB: is it the right file?", path, yaml.size());
  Problems problems;
  const Document document = read_document(yaml, problems);
  // A file that could not be parsed would only make every key "missing".
  if (document.groups.empty()) problems.throw_if_any(path);
  Config config = Builder(document, problems).build();
  problems.throw_if_any(path);

  const fs::path folder = fs::path(path).parent_path();
  for (std::string* path : {&config.onnx_model, &config.prototxt, &config.caffe_model})
    resolve(*path, folder);
  for (InputConfig& input : config.inputs) resolve(input.cal_dir, folder);
  resolve(config.custom_op_dir, folder);
  const auto beside = [&](const std::string& file) {
    std::error_code ignored;
    return fs::exists(folder / file, ignored);
  };
  if (config.custom_op_dir.empty() && std::ranges::any_of(config.op_register_files, beside))
    config.custom_op_dir = folder.string();
  return config;
}

Config load_config(const std::string& path) {
  return parse_config(read_text_file(path, EmptyFile::refuse), path);
}

std::vector<std::string> plugin_files(const Config& config) {
  std::vector<std::string> files;
  for (const std::string& file : config.op_register_files)
    files.push_back((fs::path(config.custom_op_dir) / file).string());
  return files;
}

bool asks_for(const Config& config, std::string_view option) {
  return std::ranges::find(config.optimization, option) != config.optimization.end();
}

std::vector<InputConfig> inputs_in_order(const Config& config, const std::vector<std::string>& names) {
  if (config.inputs.size() != names.size())
    fail(ErrorCode::config_bad_value, "input_name describes {} inputs, the model has {}: {}",
         config.inputs.size(), names.size(), fmt::join(names, "; "));
  for (const auto& input : config.inputs)
    if (!input.name.empty() && std::find(names.begin(), names.end(), input.name) == names.end())
      fail(ErrorCode::config_bad_value, "input_name: '{}' is no input of the model; its inputs are: {}.{}",
           input.name, fmt::join(names, "; "), suggestion(input.name, names));
  std::vector<InputConfig> ordered;
  for (const std::string& name : names) {
    const InputConfig* found = nullptr;
    for (const auto& input : config.inputs)
      if (input.name == name || (input.name.empty() && config.inputs.size() == 1)) found = &input;
    if (!found) fail(ErrorCode::config_bad_value, "input_name does not list the model's input '{}'", name);
    ordered.push_back(*found);
    ordered.back().name = name;
  }
  return ordered;
}

std::map<std::string, std::string> settings_of(const Config& config, Stage stage) {
  std::map<std::string, std::string> settings;
  for (const Key& key : keys())
    if (key.type != Type::path && stage_of(key) <= stage)
      settings[std::string(key.name)] = effective_value(key, config);
  return settings;
}

std::vector<Setting> effective_settings(const Config& config) {
  Config usual;
  usual.inputs.resize(config.inputs.size());
  std::vector<Setting> settings;
  for (size_t g = 0; g < kGroups.size(); ++g)
    for (const Key& key : keys())
      if (key.group == static_cast<Group>(g)) {
        std::string value = effective_value(key, config);
        const bool same = !key.required && value == effective_value(key, usual);
        settings.push_back({kGroups[g].name, key.name, std::move(value), same});
      }
  return settings;
}

std::string effective_yaml(const Config& config) {
  std::string text, group;
  for (const Setting& setting : effective_settings(config)) {
    if (setting.group != group) text += fmt::format("{}:\n", group = setting.group);
    text += fmt::format("  {}: {}\n", setting.key, quoted(setting.value));
  }
  return text;
}

}  // namespace openhb::config
