// SPDX-License-Identifier: Apache-2.0
// Class Board over SSH, for tests/e2e/check_board_class.py: prints facts and bytes as JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/error.h"
#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "host/verify/board/board.h"
#include "host/verify/ssh/ssh.h"

namespace {

using namespace openhb;

struct Options {
  std::string address, model, folder = "out";
  std::vector<std::string> inputs;
  verify::Login login;
  verify::BoardOptions board;
  int runs = 1;
  double pause = 0;
  bool all = false;
};

Options parse(int argc, char** argv) {
  Options o;
  CLI::App app("runs a model on a board");
  bool no_cache = false;
  app.add_option("address", o.address)->required();
  app.add_option("model", o.model)->required();
  app.add_option("inputs", o.inputs, "files");
  app.add_option("--folder", o.folder, "for the results of each run: <folder>0, <folder>1, ...");
  app.add_option("--user", o.login.user);
  app.add_option("--key", o.login.key_file);
  app.add_option("--known-hosts", o.login.known_hosts);
  app.add_option("--timeout", o.login.timeout);
  CLI::Option* lease = app.add_option("--board-timeout", o.board.timeout, "without: as --timeout");
  app.add_option("--run-timeout", o.board.run_timeout);
  app.add_option("--board-dir", o.board.folder);
  app.add_option("--runtime", o.board.runtime);
  app.add_option("--push", o.board.runtime_file);
  app.add_option("--runs", o.runs);
  app.add_option("--pause", o.pause, "seconds between runs");
  app.add_flag("--all", o.all);
  app.add_flag("--no-cache", no_cache);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  if (lease->empty()) o.board.timeout = o.login.timeout;
  o.board.push_runtime = !o.board.runtime_file.empty();
  o.board.keep_cache = !no_cache;
  o.board.info = o.board.warn = [](const std::string& sentence) { fmt::print(stderr, "{}\n", sentence); };
  return o;
}

void run(const Options& o) {
  verify::Board board(verify::connect_ssh(verify::parse_address(o.address), o.login), o.board);
  const verify::BoardFacts& f = board.facts();
  board.load(o.model);
  const uint64_t loaded = board.bytes_sent();
  std::vector<Tensor> inputs;
  for (const std::string& file : o.inputs) {
    const auto bytes = read_file(file);
    inputs.emplace_back(DType::u8, Shape{static_cast<int64_t>(bytes.size())});
    std::ranges::copy(bytes, inputs.back().bytes().begin());
  }
  for (int i = 0; i < o.runs; ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::duration<double>(o.pause));
    fmt::print(stderr, "run {}\n", i);
    board.run("", inputs, o.all, fmt::format("{}{}", o.folder, i));
  }
  const nlohmann::json json = {{"address", f.address},
                               {"architecture", f.architecture},
                               {"kernel", f.kernel},
                               {"libc", f.libc},
                               {"cpu", f.cpu},
                               {"features", f.features},
                               {"processors", f.processors},
                               {"memory", f.memory_bytes},
                               {"free", f.free_bytes},
                               {"clock", f.clock_difference},
                               {"folder", f.folder},
                               {"runtime", f.runtime},
                               {"version", f.runtime_version},
                               {"pushed", f.runtime_pushed},
                               {"sent_before_runs", loaded},
                               {"sent", board.bytes_sent()},
                               {"received", board.bytes_received()}};
  fmt::print("{}\n", json.dump());
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  watch_signals();
  try {
    run(options);
    return 0;
  } catch (const Interrupted& e) {
    fmt::print(stderr, "interrupted\n");
    return e.exit_status();
  } catch (const Error& e) {
    fmt::print(stderr, "{}\n", e.text());
    return 1;
  }
}
