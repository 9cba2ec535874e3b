// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/tool.h"

#include <cstdio>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "device/tools/model_exec/bin_dump.h"
#include "device/tools/model_exec/infer.h"
#include "device/tools/model_exec/model_info.h"
#include "device/tools/model_exec/perf.h"

namespace openhb::model_exec {
namespace {

void run_mode(const Options& options, nlohmann::ordered_json* json) {
  const Package package(options.model_file);
  switch (options.mode) {
    case Mode::model_info:
      std::fputs(model_info(package, options.model_name, json).c_str(), stdout);
      break;
    case Mode::infer:
      infer(options, package, stdout, json);
      break;
    case Mode::perf:
      perf(options, package, stdout, json);
      break;
    case Mode::bin_dump:
      bin_dump(options, package, stdout, json);
      break;
  }
}

void write_json(const std::string& path, const nlohmann::ordered_json& json) {
  if (path.empty()) return;
  write_file_atomically(path, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void run(Tool tool, int argc, char** argv) {
  const CommandLine line = parse_command_line(tool, argc, argv);
  if (!line.options || !line.options->quiet)
    for (const std::string& note : line.notes) fmt::print(stderr, "note: {}\n", note);
  std::fputs(line.text.c_str(), stdout);
  if (line.options) {
    const Options& options = *line.options;
    set_log_level(options.verbose);
    watch_signals();
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    try {
      run_mode(options, options.json.empty() ? nullptr : &json);
    } catch (const Interrupted&) {
      if (!json.empty()) write_json(options.json, json);  // the results so far
      throw;
    }
    write_json(options.json, json);
  }
  if (std::fflush(stdout) != 0) fail(ErrorCode::file_unwritable, "cannot write to the standard output");
}

int report(ErrorCode code, const std::string& sentence) {
  std::fflush(stdout);
  fmt::print(stderr, "{}\n", Error(code, sentence).text());
  return code == ErrorCode::usage ? 2 : 1;
}

}  // namespace

int run_tool(Tool tool, int argc, char** argv) noexcept {
  try {
    run(tool, argc, argv);
    return 0;
  } catch (const Interrupted& e) {
    std::fflush(stdout);
    std::fputs("interrupted\n", stderr);
    return e.exit_status();
  } catch (const Error& e) {
    return report(e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return report(ErrorCode::resources, "out of memory");
  } catch (const std::exception& e) {
    return report(ErrorCode::internal, e.what());
  }
}

}  // namespace openhb::model_exec
