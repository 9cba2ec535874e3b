// SPDX-License-Identifier: Apache-2.0
// What the host's tools share: their log, and how they end.
#pragma once

#include <algorithm>
#include <filesystem>
#include <new>
#include <string>
#include <thread>

#include "common/error.h"
#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "host/report/log.h"

namespace openhb::tools {

inline int thread_count(int wanted) {
  return wanted > 0 ? wanted : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// Runs `body(log)` with the log file <tool>_<command>.log (<tool>.log without a command); errors end there
// and on stderr. Returns the exit status: 1 after a failure, 2 when the command line was wrong, 128 + signal
// after Ctrl-C or `kill`, which only tools notice that call watch_signals().
template <class Options, class Body>
int run_command(const std::string& tool, const std::string& command, const Options& options, Body body) {
  report::Log log(tool, command,
                  options.quiet     ? report::Level::error
                  : options.verbose ? report::Level::debug
                                    : report::Level::info);
  const auto failed = [&](const std::string& sentence, int status) {
    log.error("{}", sentence);
    log.error("exception in command: {}", command.empty() ? tool : command);
    return status;
  };
  try {
    log.info("log will be stored in {}", std::filesystem::absolute(log.path()).string());
    // Before the work, so that a wrong path is told at once.
    if (!options.json.empty()) ensure_directory(std::filesystem::path(options.json).parent_path().string());
    log.info("Start {}....\nOpenHB version {}", tool, OPENHB_VERSION);
    return body(log);
  } catch (const Error& e) {
    return failed(e.text(), e.code() == ErrorCode::usage ? 2 : 1);
  } catch (const Interrupted& e) {
    return failed("interrupted: nothing was left half-written", e.exit_status());
  } catch (const std::bad_alloc&) {
    return failed(Error(ErrorCode::resources,
                        "out of memory; use fewer --threads, smaller pictures or a machine with more memory")
                      .text(),
                  1);
  }
}

}  // namespace openhb::tools
