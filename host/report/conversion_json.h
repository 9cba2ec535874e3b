// SPDX-License-Identifier: Apache-2.0
// A conversion's result for machines (--json) and for the page that shows it: the same text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/compiler/convert.h"
#include "host/config/config.h"

namespace openhb::report {

struct ConversionResult {
  const compiler::ConversionReport& report;
  const config::Config& config;
  std::string version;            // of the tool
  std::string date;               // "": none
  std::vector<File> more_inputs;  // the configuration file
  std::vector<File> results;
  // Depends on the machine and the number of threads, so the page does not have it.
  std::optional<uint64_t> predicted_peak_bytes = std::nullopt;
};

// In lines indented by `indent`, or in one when it is -1. Names that are not UTF-8 keep what of them is.
std::string conversion_json(const ConversionResult& result, int indent);

}  // namespace openhb::report
