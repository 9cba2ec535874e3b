// SPDX-License-Identifier: Apache-2.0
// Damaged and hostile configurations: an Error with a configuration code or a Config, never anything else.
#include <random>

#include "host/config/keys.h"
#include "tests/host/calibration/config_files.h"

namespace openhb::config {
namespace {

// True when the text was accepted; what is accepted must survive its effective form.
bool survives(const std::string& text) {
  try {
    const std::string yaml = effective_yaml(load(text));
    EXPECT_EQ(effective_yaml(load(yaml)), yaml) << text;
    return true;
  } catch (const Error& e) {
    const int code = static_cast<int>(e.code());
    EXPECT_TRUE(code >= 300 && code < 400) << e.text() << "\n" << text;
    return false;
  }
}

TEST(ConfigFuzz, EveryTruncation) {
  const std::string full = kFull;
  for (size_t size = 0; size < full.size(); ++size) survives(full.substr(0, size));
}

TEST(ConfigFuzz, EveryKeyWithEveryWrongType) {
  const char* values[] = {"[1, 2]",
                          "{a: b}",
                          "[[[]]]",
                          "-1",
                          "1e400",
                          "0x10",
                          "nan",
                          "''",
                          "';'",
                          "';;;'",
                          "'a;'",
                          "True",
                          "!!binary aGk=",
                          "&x [*x]",
                          "*missing",
                          "2000-01-01",
                          "'\\0'",
                          "\"\\0\"",
                          "\"a\\nb\"",
                          "'None; None'",
                          "1x1",
                          "'\xff\xfe'",
                          "? a",
                          "|\n    text\n",
                          "99999999999999999999",
                          "'x x x'",
                          "'1 2 3; 4'",
                          "!tag value",
                          "- a",
                          "None",
                          "featuremap",
                          "bgr",
                          "NHWC",
                          "skip"};
  for (const Key& key : keys())
    for (const char* value : values)
      for (const char* base : {kMinimal, kFull})
        survives(with(base, std::string(kGroups[static_cast<size_t>(key.group)].name), std::string(key.name),
                      value));
}

TEST(ConfigFuzz, RandomDamage) {
  std::mt19937 generator(7);
  const std::string full = kFull;
  const std::string alphabet = ":;'\"-{}[]&*!|>%@`#,? \n\t\\xX0123456789.eNone\xc3\xa9";
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = full;
    for (uint32_t edits = 1 + generator() % 4; edits > 0; --edits) {
      const size_t at = generator() % text.size();
      const char c =
          generator() % 4 == 0 ? static_cast<char>(generator()) : alphabet[generator() % alphabet.size()];
      if (generator() % 3 == 0)
        text.erase(at, 1 + generator() % 20);
      else if (generator() % 2 == 0)
        text.insert(at, 1, c);
      else
        text[at] = c;
      if (text.empty()) text.push_back(':');
    }
    accepted += survives(text);
  }
  EXPECT_GT(accepted, 0);
}

TEST(ConfigFuzz, RandomBytes) {
  std::mt19937 generator(8);
  for (int round = 0; round < 1000; ++round) {
    std::string text(generator() % 400, '\0');
    for (char& c : text) c = static_cast<char>(generator());
    survives(text);
  }
}

TEST(ConfigFuzz, HostileNesting) {
  for (size_t depth : {100u, 10000u, 200000u})
    for (const char* piece : {"[", "{", "- ", "? ", "{a: ", "&a ", "!!map "}) {
      std::string text = "model_parameters: ";
      for (size_t i = 0; i < depth; ++i) text += piece;
      if (text.size() < (1u << 20)) {
        EXPECT_FALSE(survives(text));
      }
    }
  std::string aliases = "model_parameters: &a0 [x]\n";
  for (int i = 1; i < 40; ++i) aliases += fmt::format("k{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
  EXPECT_FALSE(survives(aliases));
  EXPECT_FALSE(survives("&a model_parameters: *a\n"));
  EXPECT_FALSE(survives("&a [*a]\n"));
  EXPECT_FALSE(survives("model_parameters: &a {x: *a}\n"));
}

}  // namespace
}  // namespace openhb::config
