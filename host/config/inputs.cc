// SPDX-License-Identifier: Apache-2.0
#include "host/config/inputs.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/text/text.h"
#include "host/config/keys.h"

namespace openhb::config {
namespace {

// What a program may be given for each type that a model was trained on.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kTypes = {
    {{"yuv444", "nv12 yuv444"},
     {"rgb", "nv12 yuv444 rgb bgr"},
     {"bgr", "nv12 yuv444 rgb bgr"},
     {"gray", "gray"},
     {"featuremap", "featuremap"}}};

// In the order of InputKind and of InputSource.
constexpr std::array<std::string_view, 6> kKindWords = {"featuremap", "rgb", "bgr", "gray", "yuv444", "nv12"};
constexpr std::array<std::string_view, 3> kSourceWords = {"ddr", "pyramid", "resizer"};

std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (char c : text) result += c == '\'' ? std::string("''") : std::string{c};
  return result + "'";
}

}  // namespace

std::string_view type_word(InputKind kind) { return kKindWords[static_cast<size_t>(kind)]; }

std::string unsupported_types(std::string_view train, std::string_view rt) {
  const auto* row = std::ranges::find(kTypes, train, &std::pair<std::string_view, std::string_view>::first);
  if (row == kTypes.end()) return "";
  const std::vector<std::string> possible = words(row->second);
  if (std::ranges::find(possible, rt) != possible.end()) return "";
  return fmt::format(
      "input_type_rt {} and input_type_train {} is not supported; a model trained on {} takes: {}", rt, train,
      train, fmt::join(possible, ", "));
}

std::string parse_input_source(const std::string& text, std::map<std::string, InputSource>& sources) {
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& e) {
    return fmt::format("this is no YAML map: {}", e.msg);
  }
  if (!root.IsMap()) return "expected a map such as {'image': 'pyramid'}";
  for (const auto& entry : root) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar())
      return "expected a map such as {'image': 'pyramid'}";
    const std::string name = entry.first.Scalar(), word = entry.second.Scalar();
    const auto* found = std::ranges::find(kSourceWords, word);
    if (found == kSourceWords.end())
      return fmt::format(
          "input '{}': '{}' is none of: {}.{}", name, word, fmt::join(kSourceWords, ", "),
          suggestion(word, std::vector<std::string>(kSourceWords.begin(), kSourceWords.end())));
    if (!sources.emplace(name, static_cast<InputSource>(found - kSourceWords.begin())).second)
      return fmt::format("input '{}' is named twice", name);
  }
  return "";
}

InputSource source_of(const Config& config, const InputConfig& input) {
  const auto it = config.input_sources.find(input.name);
  if (it != config.input_sources.end()) return it->second;
  if (input.name.empty() && config.inputs.size() == 1 && config.input_sources.size() == 1)
    return config.input_sources.begin()->second;
  const bool camera = input.kind_rt == InputKind::nv12 || input.kind_rt == InputKind::gray;
  return camera ? InputSource::pyramid : InputSource::ddr;
}

std::string show_input_source(const Config& config) {
  std::map<std::string, InputSource> sources = config.input_sources;
  for (const InputConfig& input : config.inputs)
    if (!input.name.empty()) sources[input.name] = source_of(config, input);
  std::vector<std::string> entries;
  for (const auto& [name, source] : sources)
    entries.push_back(
        fmt::format("{}: {}", in_quotes(name), in_quotes(kSourceWords[static_cast<size_t>(source)])));
  return entries.empty() ? "" : fmt::format("{{{}}}", fmt::join(entries, ", "));
}

std::string wrong_shape(const InputConfig& input, const Shape& shape) {
  if (input.kind_train == InputKind::featuremap) {
    if (shape.size() == 4 || input.norm == Norm::none) return "";
    return fmt::format("a featuremap of {} dimensions can only have no_preprocess", shape.size());
  }
  const size_t channel_axis = input.nhwc_train ? 3 : 1, rows = input.nhwc_train ? 1 : 2;
  const int64_t channels = input.kind_train == InputKind::gray ? 1 : 3;
  const std::string no_shape =
      fmt::format("{} is no shape of a {} input in layout {} (input_type_train, input_layout_train)",
                  to_string(shape), type_word(input.kind_train), input.nhwc_train ? "NHWC" : "NCHW");
  if (shape.size() != 4) return no_shape + ": a picture has 4 dimensions";
  if (shape[channel_axis] != channels)
    return fmt::format("{}: {} channel{} would be at position {}", no_shape, channels,
                       channels == 1 ? "" : "s", channel_axis);
  if (input.kind_rt == InputKind::nv12 && (shape[rows] % 2 != 0 || shape[rows + 1] % 2 != 0))
    return fmt::format("nv12 has one u and v for each 2x2 pixels: height {} and width {} must be even",
                       shape[rows], shape[rows + 1]);
  return "";
}

}  // namespace openhb::config
