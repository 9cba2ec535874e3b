// SPDX-License-Identifier: Apache-2.0
// Command lines of the host's tools: how they are parsed, and what a wrong one is told. For main.cc files
// only, because CLI11 is large.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/text/text.h"

namespace openhb::tools {

// The parser's complaint as a sentence with a code.
inline std::string usage_text(const CLI::App& app, const CLI::ParseError& error) {
  std::string sentence = error.what();
  if (const auto words = app.remaining(true); !words.empty()) {
    auto commands = app.get_subcommands();  // the one that was given
    if (commands.empty())
      for (const CLI::App* any : app.get_subcommands(nullptr)) commands.push_back(const_cast<CLI::App*>(any));
    std::vector<std::string> known;
    const auto add = [&](const CLI::App& a) {
      for (const CLI::Option* o : a.get_options())
        if (!o->get_lnames().empty()) known.push_back("--" + o->get_single_name());
    };
    add(app);
    for (const CLI::App* command : commands) add(*command);
    for (const CLI::App* any : app.get_subcommands(nullptr)) known.push_back(any->get_name());
    sentence = fmt::format("'{}' is not known; --help lists all {}options.{}", words.front(),
                           app.get_subcommands(nullptr).empty() ? "" : "commands and ",
                           suggestion(words.front(), known));
  } else if (dynamic_cast<const CLI::ArgumentMismatch*>(&error)) {
    sentence = fmt::format("{} needs a value; --help shows which", sentence.substr(0, sentence.find(':')));
  } else {
    sentence += "; --help shows what is expected";
  }
  return Error(ErrorCode::usage, sentence).text();
}

// Parses, then calls check(), which throws CLI::ParseError for what the parser cannot know. Gives the exit
// status when the process has to end now: after --help and --version, and 2 after a complaint on stderr.
template <class Check>
std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv, Check check) {
  try {
    app.parse(argc, argv);
    check();
    return std::nullopt;
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::fprintf(stderr, "%s\n", usage_text(app, e).c_str());
    return 2;
  }
}

// The exit status of body(); errors that end here have no log to be written to.
template <class Body>
int run_main(Body body) {
  try {
    return body();
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
    return e.code() == ErrorCode::usage ? 2 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "OHB-0001: internal error: %s; please report it with the command you ran\n",
                 e.what());
    return 1;
  }
}

}  // namespace openhb::tools
