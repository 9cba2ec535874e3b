// SPDX-License-Identifier: Apache-2.0
// Holds one session and runs it when told to, so that a driver can alternate between programs: engine_worker
// FILE.bin|layer:NAME THREADS, then lines on stdin, each answered by one line:
//   run N      nanoseconds of each of N runs
//   load N     nanoseconds of N times opening the file and making a session
//   profile N  JSON: per step {step, node, row, output, macs, ns of one run on average}
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>

#include "tests/bench/describe.h"
#include "tests/bench/layers.h"

namespace {

using namespace openhb;

template <class Fn>
int64_t nanoseconds(Fn fn) {
  const auto start = std::chrono::steady_clock::now();
  fn();
  return std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
}

std::string profile(engine::Session& session, int runs) {
  const auto before = session.profile();
  session.enable_profile(true);
  for (int i = 0; i < runs; ++i) session.run();
  session.enable_profile(false);
  return bench::describe_steps(session, [&](size_t i) {
    const uint64_t total = session.profile()[i].total_ns - before[i].total_ns;
    return fmt::format(", \"ns\": {}", total / static_cast<uint64_t>(runs));
  });
}

void serve(const std::string& target, int threads) {
  engine::Session session(bench::open_target(target), {.threads = threads});
  bench::fill_inputs(session);
  session.run();
  fmt::print("ready\n");
  std::fflush(stdout);
  int n = 0;
  for (std::string command; std::cin >> command >> n;) {
    std::vector<int64_t> times;
    if (command == "run")
      for (int i = 0; i < n; ++i) times.push_back(nanoseconds([&] { session.run(); }));
    else if (command == "load")
      for (int i = 0; i < n; ++i)
        times.push_back(
            nanoseconds([&] { engine::Session(bench::open_target(target), {.threads = threads}); }));
    else if (command != "profile" || n < 1)
      fail(ErrorCode::usage, "'{} {}' is not a command", command, n);
    fmt::print("{}\n", times.empty() ? profile(session, n) : fmt::format("{}", fmt::join(times, " ")));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: engine_worker FILE.bin|layer:NAME THREADS\n", stderr);
    return 2;
  }
  try {
    serve(argv[1], std::stoi(argv[2]));
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  return 1;
}
