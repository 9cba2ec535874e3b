// SPDX-License-Identifier: Apache-2.0
// Runs commands on another machine through connect_ssh(), for tests/e2e/check_ssh.py:
//   ssh_client ADDRESS [OPTION...] COMMAND...
// Each command's output goes to stdout, what is known about it to stderr as one line of JSON. The password
// comes from OPENHB_BOARD_PASSWORD.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/error.h"
#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "host/verify/ssh/ssh.h"

namespace {

using namespace openhb;

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Options {
  std::string address, input, held;
  verify::Login login;
  std::vector<std::string> commands;
  double limit = 0, interval = 1, pause = 0;
  int repeat = 1, beside = 0;
  bool ask = false, discard = false, keep = false;
};

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app("commands over SSH");
  app.add_option("address", options.address)->required();
  app.add_option("commands", options.commands);
  app.add_option("--user", options.login.user);
  app.add_option("--key", options.login.key_file);
  app.add_option("--known-hosts", options.login.known_hosts);
  app.add_flag("--accept", options.login.accept_new_key);
  app.add_option("--timeout", options.login.timeout);
  app.add_flag("--ask", options.ask, "for passwords, on the terminal");
  app.add_option("--limit", options.limit, "of a command");
  app.add_option("--input", options.input, "file that each command is given");
  app.add_flag("--discard", options.discard, "take the output in pieces and count it only");
  app.add_flag("--keep-going", options.keep, "after a command whose error leaves the connection whole");
  app.add_option("--repeat", options.repeat, "of all commands");
  app.add_option("--hold", options.held, "command to hold");
  app.add_option("--interval", options.interval, "of its heartbeats");
  app.add_option("--pause", options.pause, "between commands");
  app.add_option("--beside", options.beside, "further logins at the same time");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  if (const char* password = std::getenv("OPENHB_BOARD_PASSWORD")) options.login.password = password;
  if (options.ask) options.login.ask_password = verify::ask_on_terminal;
  options.login.notice = [](const std::string& sentence) {
    std::fprintf(stderr, "notice: %s\n", sentence.c_str());
  };
  return options;
}

void print(const nlohmann::json& line) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void run_one(verify::Connection& connection, const Options& options, const std::string& command,
             std::span<const std::byte> input) {
  uint64_t taken = 0, sent = 0, calls = 0;
  verify::CommandOptions how{.input = input, .limit = options.limit};
  how.progress = [&](uint64_t up, uint64_t) {
    sent = up;
    calls++;
  };
  if (options.discard) how.sink = [&](std::span<const std::byte> bytes) { taken += bytes.size(); };
  const double start = seconds();
  const verify::CommandResult result = connection.run(command, how);
  const double end = seconds();
  std::fwrite(result.out.data(), 1, result.out.size(), stdout);
  print({{"status", result.status},
         {"signal", result.signal},
         {"err", result.err},
         {"taken", taken},
         {"sent", sent},
         {"calls", calls},
         {"seconds", end - start}});
}

int run(const Options& options) {
  std::vector<std::byte> input;
  if (!options.input.empty()) input = read_file(options.input);
  const double start = seconds();
  const auto connect = [&] {
    return verify::connect_ssh(verify::parse_address(options.address), options.login);
  };
  std::vector<std::future<std::unique_ptr<verify::Connection>>> others;
  for (int i = 0; i < options.beside; i++) others.push_back(std::async(std::launch::async, connect));
  const auto connection = connect();
  for (auto& other : others) other.get();
  print({{"name", connection->name()}, {"login", seconds() - start}});
  if (!options.held.empty()) print({{"held", connection->hold(options.held, options.interval)}});
  int failures = 0;
  for (int i = 0; i < options.repeat; i++) {
    for (const std::string& command : options.commands) {
      try {
        run_one(*connection, options, command, input);
      } catch (const Error& error) {
        if (!options.keep) throw;
        failures++;
        std::fprintf(stderr, "%s\n", error.text().c_str());
      }
      std::this_thread::sleep_for(std::chrono::duration<double>(options.pause));
    }
  }
  print({{"bytes_sent", connection->bytes_sent()}, {"bytes_received", connection->bytes_received()}});
  return failures ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  watch_signals();
  try {
    return run(parse(argc, argv));
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.text().c_str());
    return error.code() == ErrorCode::usage ? 2 : 1;
  } catch (const Interrupted& interrupted) {
    std::fprintf(stderr, "interrupted\n");
    return interrupted.exit_status();
  }
}
