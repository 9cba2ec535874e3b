// SPDX-License-Identifier: Apache-2.0
// onnx_node_tests: runs folders of official ONNX test cases and says of each whether it gives the official
// result.
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/io/file.h"
#include "common/io/npy.h"
#include "common/program/file.h"
#include "tests/conformance/case.h"

namespace {

namespace fs = std::filesystem;
using namespace openhb;
using conformance::CaseResult;
using conformance::Status;

constexpr std::array kStatusNames{"pass", "excluded", "miss"};
const char* status_name(Status s) { return kStatusNames[static_cast<size_t>(s)]; }

struct Options {
  std::vector<std::string> folders;
  std::string json, markdown, check, recordings;
  unsigned seconds = 60;
  bool quiet = false;
};

// Cases in or below `root`, sorted by path.
std::set<fs::path> cases_below(const fs::path& root) {
  std::set<fs::path> found;
  if (!fs::is_directory(root)) fail(ErrorCode::file_missing, "{} is not a folder", root.string());
  if (fs::exists(root / "model.onnx")) found.insert(root);
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_directory() && fs::exists(entry.path() / "model.onnx")) found.insert(entry.path());
  return found;
}

// program.bin, input_I.npy and output_I.npy per data set: tests/conformance/replay.cc runs them again.
void record(const CaseResult& result, const fs::path& root) {
  for (size_t k = 0; k < result.recordings.size(); ++k) {
    const auto& r = result.recordings[k];
    const fs::path folder = root / fmt::format("{}_{}", result.name, k);
    fs::create_directories(folder);
    auto write = [&](const std::string& name, std::span<const std::byte> bytes) {
      std::ofstream(folder / name, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    };
    write("program.bin", serialize_program(r.program));
    for (size_t i = 0; i < r.inputs.size(); ++i)
      write(fmt::format("input_{}.npy", i), serialize_npy(r.inputs[i]));
    for (size_t i = 0; i < r.outputs.size(); ++i)
      write(fmt::format("output_{}.npy", i), serialize_npy(r.outputs[i]));
  }
}

// A case in a process of its own: one that crashes or hangs is a miss and stops nothing else.
CaseResult run_apart(const fs::path& folder, const Options& options) {
  CaseResult result;
  result.name = folder.filename().string();
  int ends[2];
  if (pipe(ends) != 0) fail(ErrorCode::internal, "no pipe: {}", std::strerror(errno));
  const pid_t child = fork();
  if (child < 0) fail(ErrorCode::internal, "no process: {}", std::strerror(errno));
  if (child == 0) {
    alarm(options.seconds);
    std::string line;
    try {
      CaseResult own = conformance::run_case(folder);
      if (!options.recordings.empty() && own.status == Status::pass) record(own, options.recordings);
      line = fmt::format("{}{}", static_cast<int>(own.status), own.detail);
    } catch (const std::exception& e) {
      line = fmt::format("{}{}", static_cast<int>(Status::miss), e.what());
    }
    const bool sent = write(ends[1], line.data(), line.size()) == static_cast<ssize_t>(line.size());
    _exit(sent ? 0 : 1);
  }
  close(ends[1]);
  std::string line;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = read(ends[0], buffer.data(), buffer.size())) > 0;)
    line.append(buffer.data(), static_cast<size_t>(n));
  close(ends[0]);
  int state = 0;
  waitpid(child, &state, 0);
  if (WIFSIGNALED(state))
    result.detail = WTERMSIG(state) == SIGALRM ? fmt::format("longer than {} s", options.seconds)
                                               : fmt::format("crashed (signal {})", WTERMSIG(state));
  else if (!line.empty())
    result.status = static_cast<Status>(line[0] - '0'), result.detail = line.substr(1);
  return result;
}

struct Counts {
  size_t of[3] = {0, 0, 0};
  size_t all() const { return of[0] + of[1] + of[2]; }
  std::string share() const {
    const size_t rest = of[0] + of[2];
    return rest ? fmt::format("{:.1f} %", 100.0 * static_cast<double>(of[0]) / static_cast<double>(rest))
                : "-";
  }
};
using Results = std::map<std::string, std::vector<CaseResult>>;  // by the folder that holds the cases

Counts count(const std::vector<CaseResult>& list) {
  Counts c;
  for (const auto& r : list) ++c.of[static_cast<size_t>(r.status)];
  return c;
}

// A cell of a Markdown table holds no line breaks and no bars.
std::string cell(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '|') c = ' ';
  return text;
}

std::string markdown(const Results& results) {
  std::string text =
      "# ONNX conformance\n\n"
      "Printed by `onnx_node_tests --markdown`; a test fails when it is stale. Every official case of "
      "Debian's\n"
      "libonnx-testdata runs through importer, lowering and engine in float. A pass is the official result\n"
      "within the official tolerance (floats) or exactly (everything else). Excluded are cases that no "
      "compiler\n"
      "for static tensor programs can take; each says why. Newer sets run the same way:\n"
      "`onnx_node_tests DIR... [--json FILE]`.\n\n"
      "| folder | cases | pass | excluded | miss | pass of the rest |\n|---|---|---|---|---|---|\n";
  for (const auto& [folder, list] : results) {
    const Counts c = count(list);
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", folder, c.all(), c.of[0], c.of[1], c.of[2],
                        c.share());
  }
  for (const auto& [folder, list] : results) {
    text += fmt::format("\n## {}\n\n| case | result | remark |\n|---|---|---|\n", folder);
    for (const auto& r : list)
      text += fmt::format("| {} | {} | {} |\n", r.name, status_name(r.status), cell(r.detail));
  }
  return text;
}

int run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  Results results;
  Counts total;
  for (const std::string& root : options.folders)
    for (const fs::path& folder : cases_below(root)) {
      const std::string group = folder.parent_path().filename().string();
      CaseResult r = run_apart(folder, options);
      ++total.of[static_cast<size_t>(r.status)];
      if (!options.quiet)
        std::cout << fmt::format("{:<9} {}{}{}\n", status_name(r.status), r.name,
                                 r.detail.empty() ? "" : ": ", r.detail);
      results[group].push_back(std::move(r));
    }
  if (total.all() == 0)
    fail(ErrorCode::file_missing, "there is no case (a folder with model.onnx) in the given folders");
  for (const auto& [folder, list] : results) {
    const Counts c = count(list);
    std::cout << fmt::format("{}: {} cases, {} pass, {} excluded, {} miss: {} of what is not excluded\n",
                             folder, c.all(), c.of[0], c.of[1], c.of[2], c.share());
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  std::cout << fmt::format(
      "all: {} cases, {} pass, {} excluded, {} miss: {} of what is not excluded, {:.1f} s\n", total.all(),
      total.of[0], total.of[1], total.of[2], total.share(), elapsed.count());
  if (!options.json.empty()) {
    nlohmann::json json{{"pass", total.of[0]}, {"excluded", total.of[1]}, {"miss", total.of[2]}};
    for (const auto& [folder, list] : results)
      for (const auto& r : list)
        json["cases"].push_back(
            {{"folder", folder}, {"name", r.name}, {"result", status_name(r.status)}, {"remark", r.detail}});
    write_file_atomically(options.json,
                          json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  if (!options.markdown.empty()) write_file_atomically(options.markdown, markdown(results));
  if (!options.check.empty() && read_text_file(options.check) != markdown(results))
    fail(ErrorCode::usage,
         "{} is stale: the results changed; look at the difference, then print it again with --markdown",
         options.check);
  return total.of[2] == 0 || !options.check.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Runs official ONNX test cases (folders with model.onnx and test_data_set_K) in float. Exit status 1 "
      "when one that is not excluded fails."};
  app.name("onnx_node_tests");
  app.set_version_flag("--version", OPENHB_VERSION);
  Options options;
  app.add_option("DIR", options.folders, "Folders of cases, or single cases")->required();
  app.add_option("--json", options.json, "Write all results to this JSON file");
  app.add_option("--markdown", options.markdown, "Write the table of all results");
  app.add_option("--check", options.check,
                 "Exit status 1 only when this table is not what --markdown would write");
  app.add_option("--record", options.recordings,
                 "Keep programs, inputs and outputs of passing cases in this folder");
  app.add_option("--timeout", options.seconds, "Seconds for one case")->check(CLI::Range(1u, 3600u));
  app.add_flag("--quiet", options.quiet, "The summary only");
  app.footer("Example:\n  onnx_node_tests /usr/share/libonnx-testdata/data/node --json result.json");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::cerr << Error(ErrorCode::usage, std::string(e.what()) + "; --help shows what is expected").text()
              << "\n";
    return 2;
  }
  try {
    return run(options);
  } catch (const Error& e) {
    std::cerr << e.text() << "\n";
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
  }
  return 1;
}
