// SPDX-License-Identifier: Apache-2.0
// What the table of keys promises for every row: its own message for each wrong value, a suggestion for a
// misspelt name, a place in the template.
#include <set>

#include "host/config/keys.h"
#include "tests/host/calibration/config_files.h"

namespace openhb::config {
namespace {

std::string group_of(const Key& key) { return std::string(kGroups[static_cast<size_t>(key.group)].name); }

// A configuration with one value for the key, whatever the number of inputs.
std::string document(const Key& key, const std::string& name, const std::string& value) {
  return with(std::string(kMinimal) + "custom_op:\n", group_of(key), name, value);
}

int line_of(const std::string& text, const std::string& name) {
  const size_t at = text.find("  " + name + ":");
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

// Values of the wrong type, out of range, or not among the allowed words.
std::vector<std::string> wrong_values(const Key& key) {
  std::vector<std::string> values;
  if (key.type != Type::node_info && key.type != Type::anything) values = {"{a: b}"};
  if (!key.values.empty() && key.type != Type::options) {
    values.push_back("no_such_word");
    values.push_back(words(key.values).front() + "x");
  }
  switch (key.type) {
    case Type::boolean:
      values.insert(values.end(), {"maybe", "2"});
      break;
    case Type::integer:
      values.insert(values.end(), {"many", "1.5", "0x10"});
      break;
    case Type::number:
      values.insert(values.end(), {"many", "nan", "1 2"});
      break;
    case Type::shape:
      values.insert(values.end(), {"1xtwox3", "0x3", "-1x3", "x"});
      break;
    case Type::numbers:
      values.insert(values.end(), {"'1 two'", "inf", "'0.1,0.2'"});
      break;
    case Type::node_info:
      values.insert(values.end(), {"{a: {OFF: BPU}}", "{a: {'ON': 'GPU'}}", "'a:int17'", "[a]"});
      break;
    case Type::options:
      values.insert(values.end(), {"no_such_option", "'set_conv'"});
      break;
    default:
      break;
  }
  if (key.least < key.most && (key.type == Type::integer || key.type == Type::number)) {
    values.push_back(fmt::format("{}", key.least - 1));
    values.push_back(fmt::format("{:.0f}", key.most + 1));
  }
  return values;
}

TEST(ConfigKeys, EveryWrongValueIsNamedWithItsKeyAndLine) {
  std::set<std::string> messages;
  for (const Key& key : keys()) {
    const auto values = wrong_values(key);
    EXPECT_FALSE(values.empty() && key.type != Type::anything) << key.name;
    for (const std::string& value : values) {
      const std::string text = document(key, std::string(key.name), value);
      const std::string what = error_text(text);
      SCOPED_TRACE(fmt::format("{}: {}\n{}", key.name, value, what));
      EXPECT_NE(what.find(fmt::format("'{}'", key.name)), std::string::npos);
      EXPECT_NE(what.find(fmt::format("line {}: ", line_of(text, std::string(key.name)))), std::string::npos);
      // The same sentence for two keys or two values would not tell which.
      EXPECT_TRUE(messages.insert(what).second || !key.available);
    }
  }
}

TEST(ConfigKeys, MisspeltNamesAreSuggested) {
  for (const Key& key : keys()) {
    std::string name(key.name);
    std::swap(name[1], name[2]);
    if (name == key.name) name += "x";
    const std::string what = error_text(document(key, name, "1"));
    EXPECT_NE(what.find(fmt::format("'{}'", name)), std::string::npos) << what;
    EXPECT_NE(what.find(std::string(key.name)), std::string::npos) << what;
  }
}

TEST(ConfigKeys, AKeyInAnotherGroupIsToldWhereItBelongs) {
  for (const Key& key : keys()) {
    const std::string other = key.group == Group::model ? "calibration_parameters" : "model_parameters";
    const std::string what = error_text(with(kMinimal, other, std::string(key.name), "1"));
    EXPECT_NE(what.find(std::string(key.name)), std::string::npos) << what;
    EXPECT_NE(what.find(group_of(key)), std::string::npos) << what;
  }
}

TEST(ConfigKeys, TemplateIsAConfiguration) {
  const std::string text = configuration_template();
  const Config config = load(text);
  EXPECT_EQ(config.onnx_model, "model.onnx");
  EXPECT_EQ(effective_yaml(load(effective_yaml(config))), effective_yaml(config));
  for (const Key& key : keys())
    EXPECT_EQ(text.find(fmt::format("\n  {}:", key.name)) != std::string::npos ||
                  text.find(fmt::format("\n  # {}:", key.name)) != std::string::npos,
              key.available)
        << key.name;
}

// Whoever removes a # gets a configuration: the default changes nothing, an example is allowed.
TEST(ConfigKeys, EveryLineOfTheTemplateCanBeUsed) {
  const std::string text = configuration_template(), base = effective_yaml(load(text));
  size_t tried = 0;
  for (const Key& key : keys()) {
    const std::string hidden = fmt::format("\n  # {}: ", key.name);
    const size_t at = text.find(hidden);
    if (at == std::string::npos) continue;
    ++tried;
    std::string used = text;
    used.replace(at, hidden.size(), fmt::format("\n  {}: ", key.name));
    SCOPED_TRACE(key.name);
    try {
      const std::string effective = effective_yaml(load(used));
      if (!key.fallback.empty()) {
        EXPECT_EQ(effective, base);
      }
      EXPECT_EQ(effective_yaml(load(effective)), effective);
    } catch (const Error& e) {
      ADD_FAILURE() << e.what();
    }
  }
  EXPECT_GT(tried, 25u);
}

TEST(ConfigKeys, WordsThatNeedDataAreRefusedWithoutCalibration) {
  for (const char* word :
       {"asymmetric", "bias_correction", "set_model_output_int8", "set_model_output_int16"}) {
    const std::string text = with(with(kMinimal, "calibration_parameters", "calibration_type", "load"),
                                  "calibration_parameters", "optimization", word);
    const std::string what = error_text(text);
    EXPECT_NE(what.find(fmt::format("'{}' needs calibration data", word)), std::string::npos) << what;
    EXPECT_NE(what.find("line "), std::string::npos) << what;
  }
}

}  // namespace
}  // namespace openhb::config
