// SPDX-License-Identifier: Apache-2.0
// Options that hb_verifier and hb_model_verifier share, and how both run. For their main.cc files only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/tools/command_line.h"
#include "host/verify/verify.h"

namespace openhb::tools {

struct VerifierArguments {
  verify::VerifyOptions options;
  std::string boards;  // separated by commas
  std::optional<std::string> password;
  std::optional<uint64_t> seed;
  std::string push_runtime;
  bool push = false;
  double timeout = 20, run_timeout = 600;
  int threads = 0;
  bool drop_cache = false;
  std::string json, junit, html;
  bool quiet = false, verbose = false;
};

// Connection, results, everything beyond the documented options.
void add_common_options(CLI::App& app, VerifierArguments& arguments);

// "True", "false", "1", "" (the option alone): as a truth value. Throws CLI::ValidationError.
bool truth(const std::string& option, const std::string& word);

// Overwrites the password in the process's own command line, which others can read.
void hide_password(int argc, char** argv);

// Runs the verification, prints and writes the results; returns the exit status.
int run_verifier(VerifierArguments arguments);

}  // namespace openhb::tools
