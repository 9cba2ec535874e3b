// SPDX-License-Identifier: Apache-2.0
// The one exception type of the project: a sentence for the user and a stable code.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace openhb {

// Stable codes, printed as OHB-0123 and listed in docs/errors.md. Never renumber.
enum class ErrorCode : uint16_t {
  internal = 1,
  usage = 2,
  resources = 3,

  file_missing = 100,
  file_unreadable = 101,
  file_unwritable = 102,
  file_empty = 103,

  model_parse = 200,
  model_unsupported_op = 201,
  model_bad_attribute = 202,
  model_bad_shape = 203,
  model_bad_value = 204,
  model_structure = 205,
  model_dynamic_shape = 206,

  config_parse = 300,
  config_unknown_key = 301,
  config_bad_value = 302,
  config_missing_key = 303,

  data_missing = 400,
  data_bad_size = 401,
  data_bad_image = 402,
  data_bad_value = 403,

  program_format = 500,
  program_version = 501,
  program_checksum = 502,
  program_tensor = 503,
  program_step = 504,

  quantize_failed = 600,
  compile_failed = 700,

  plugin_load = 800,
  plugin_missing = 801,
  plugin_failed = 802,
  plugin_conflict = 803,

  board_unreachable = 900,
  board_host_key = 901,
  board_login = 902,
  board_lost = 903,
  board_timeout = 904,
  board_command = 905,
  board_storage = 906,
  board_unsuitable = 907,
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }
  // "OHB-0123: message", as tools print it.
  std::string text() const { return fmt::format("OHB-{:04}: {}", static_cast<int>(code_), what()); }

 private:
  ErrorCode code_;
};

// Throws Error with a formatted sentence: what was being done, where, what was found, what to do next.
template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace openhb
