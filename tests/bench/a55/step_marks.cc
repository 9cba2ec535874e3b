// SPDX-License-Identifier: Apache-2.0
// Runs a .bin or a single layer on one thread with marks for the counting plugin (block_counts.c) around a
// whole run and around each step of another one; says on stdout, as JSON, what the steps are.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "tests/bench/a55/mark.h"
#include "tests/bench/describe.h"
#include "tests/bench/layers.h"

namespace {

using namespace openhb;

enum : long { kDiscard = -1, kWholeRun = -2 };  // tags; others are numbers of steps

void mark(long tag) { ::syscall(kMarkSyscall, long{kMarkMagic}, tag); }

void run(const std::string& target) {
  engine::Session session(bench::open_target(target));
  fmt::print("{}\n", bench::describe_steps(session));
  bench::fill_inputs(session);
  session.run();  // code is translated, tables are built
  mark(kDiscard);
  session.run();
  mark(kWholeRun);
  session.set_hook([](size_t step) { mark(static_cast<long>(step)); });
  session.run();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: step_marks FILE.bin|layer:NAME|--layers\n", stderr);
    return 2;
  }
  try {
    if (std::string_view(argv[1]) == "--layers") {
      for (const bench::Layer& layer : bench::layers()) fmt::print("{}\t{}\n", layer.name, layer.what);
      return 0;
    }
    run(argv[1]);
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  return 1;
}
