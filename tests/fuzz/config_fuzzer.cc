// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any text as a configuration is refused with an Error of that kind or accepted, and what
// is accepted survives its effective form.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include "common/error.h"
#include "host/config/config.h"
#include "host/config/keys.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using namespace openhb;
using namespace openhb::config;

const Key& random_key(std::mt19937& random) { return keys()[random() % keys().size()]; }

std::string random_value(std::mt19937& random) {
  constexpr std::string_view kValues[] = {"True",      "None",    "'a; b'", "1x3x8x8", "'1 2 3'",
                                          "-1",        "1e400",   "{}",     "[a]",     "{a: {'ON': 'CPU'}}",
                                          "'a:int16'", "\"\\0\"", "&x *x"};
  const Key& key = random_key(random);
  if (random() % 2 == 0 && !key.values.empty()) {
    const auto known = words(key.values);
    return known[random() % known.size()];
  }
  return std::string(kValues[random() % std::size(kValues)]);
}

}  // namespace

// Every second time a whole line of the language, which bytes alone would hardly find.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  std::mt19937 random(seed);
  if (random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string text(reinterpret_cast<const char*>(data), size);
  if (text.empty() || random() % 64 == 0) text = configuration_template();
  const std::string line = fmt::format("  {}: {}\n", random_key(random).name, random_value(random));
  size_t at = text.find('\n', random() % (text.size() + 1));
  at = at == std::string::npos ? text.size() : at + 1;
  if (random() % 2 == 0) text.erase(at, text.find('\n', at) + 1 - at);
  text.insert(at, line);
  if (text.size() > max_size) text.resize(max_size);
  std::copy(text.begin(), text.end(), data);
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const std::string yaml = effective_yaml(parse_config(text, "config.yaml"));
    if (effective_yaml(parse_config(yaml, "config.yaml")) != yaml) std::abort();
  } catch (const Error& e) {
    const int code = static_cast<int>(e.code());
    if (code < 300 || code >= 400) std::fprintf(stderr, "%s\n", e.text().c_str()), std::abort();
  }
  return 0;
}
