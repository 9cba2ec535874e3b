// SPDX-License-Identifier: Apache-2.0
#include "host/tools/hb_verifier/arguments.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>

#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "host/tools/run.h"
#include "host/verify/stages.h"

namespace openhb::tools {
namespace {

constexpr const char* kPasswordVariable = "OPENHB_BOARD_PASSWORD";

// The static program that packages and builds put beside the tools.
std::string static_runtime() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return "";
  const auto folder = self.parent_path();
  for (const auto& candidate : {folder / "../share/openhb/aarch64/hrt_model_exec",      // installed
                                folder / "../../aarch64/device/tools/hrt_model_exec"})  // build tree
    if (std::filesystem::is_regular_file(candidate, error)) return candidate.lexically_normal().string();
  return "";
}

// That a result cannot be written is told before the work, not behind it.
void check_place(const std::string& file) {
  if (file.empty()) return;
  ensure_directory(std::filesystem::path(file).parent_path().string());
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    fail(ErrorCode::file_unwritable, "cannot write the result to '{}': a folder of this name exists", file);
  std::string probe = file + ".XXXXXX";
  const int created = ::mkstemp(probe.data());
  if (created < 0)
    fail(ErrorCode::file_unwritable, "cannot write the result to '{}': {}", file,
         std::generic_category().message(errno));
  ::close(created);
  ::unlink(probe.c_str());
}

void complete(VerifierArguments& a, report::Log& log) {
  verify::VerifyOptions& o = a.options;
  for (const std::string& word : split(a.boards, ',')) {
    const verify::Address address = verify::parse_address(word);
    if (std::ranges::find(o.boards, address.text(), &verify::Address::text) != o.boards.end())
      fail(ErrorCode::usage, "the board {} is named twice", address.text());
    o.boards.push_back(address);
  }
  o.threads = thread_count(a.threads);
  o.seed_given = a.seed.has_value();
  o.samples.seed = a.seed ? *a.seed : std::random_device{}();
  o.login.password = a.password;
  if (const char* variable = std::getenv(kPasswordVariable); !o.login.password && variable)
    o.login.password = variable;
  unsetenv(kPasswordVariable);  // not for programs that are started from here
  o.login.ask_password = verify::ask_on_terminal;
  o.login.timeout = o.board.timeout = a.timeout;
  o.login.notice = [&log](const std::string& sentence) { log.info("{}", sentence); };
  o.board.run_timeout = a.run_timeout;
  o.board.keep_cache = !a.drop_cache;
  o.board.info = [&log](const std::string& sentence) { log.info("{}", sentence); };
  o.board.warn = [&log](const std::string& sentence) { log.warning("{}", sentence); };
  o.board.progress = !a.quiet;
  if (!a.push) return;
  o.board.push_runtime = true;
  o.board.runtime_file = a.push_runtime.empty() ? static_runtime() : a.push_runtime;
  if (o.board.runtime_file.empty())
    fail(ErrorCode::file_missing,
         "--push-runtime: no static hrt_model_exec for aarch64 lies beside this program; build it "
         "(scripts/build "
         "aarch64) and name it: --push-runtime build/aarch64/device/tools/hrt_model_exec");
}

void print_summary(const verify::Verification& v, report::Log& log) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& pair : v.pairs) {
    uint64_t total = 0, mismatches = 0, bits = 0;
    double worst = 0, cosine = 1;
    size_t equal = 0;
    for (const auto& t : pair.tensors) {
      total += t.difference.total, mismatches += t.difference.mismatches();
      bits += t.difference.bits_differ + t.difference.line_miss;
      worst = std::max(worst, t.difference.max_abs), cosine = std::min(cosine, t.difference.cosine);
      equal += t.difference.same_bits();
    }
    rows.push_back(
        {fmt::format("{} VS {}", pair.left, pair.right), std::to_string(pair.sample),
         fmt::format("{} of {}", equal, pair.tensors.size()), std::to_string(bits),
         fmt::format("{:.6g}", total ? static_cast<double>(mismatches) / static_cast<double>(total) : 0),
         fmt::format("{:.6g}", worst), fmt::format("{:.6f}", cosine),
         pair.bit_exact ? "bits" : fmt::format("{} digits", v.digits), pair.passed ? "PASSED" : "FAILED"});
  }
  log.info("Summary:\n{}", format_table({"Compared", "Sample", "Equal tensors", "Bits differ",
                                         "Mismatch rate", "Max abs error", "Cosine", "Asked", "Check"},
                                        rows));
  for (const auto& side : v.sides)
    if (side.bytes_sent + side.bytes_received > 0)
      log.info("{}: {} bytes sent, {} received, {:.2f} s", side.name, side.bytes_sent, side.bytes_received,
               side.seconds);
}

int verify_and_report(VerifierArguments& a, report::Log& log) {
  for (const std::string& file : {a.json, a.junit, a.html}) check_place(file);
  ensure_directory(a.options.dump_folder);
  complete(a, log);
  const verify::Verification v = verify::verify(a.options, log);
  print_summary(v, log);
  if (v.stages) log.info("Stages:\n{}", verify::stages_text(*v.stages));
  if (!a.json.empty()) write_file_atomically(a.json, verification_json(v));
  if (!a.junit.empty()) write_file_atomically(a.junit, verification_junit(v));
  if (!a.html.empty()) write_file_atomically(a.html, verification_html(v));
  for (const std::string& file : {a.json, a.junit, a.html})
    if (!file.empty()) log.info("Result written to {}", file);
  return v.passed ? 0 : 1;
}

// For CLI11: what is wrong. Programs on the board start in a folder of their own.
std::string absolute_folders(const std::string& text) {
  const std::vector<std::string> folders = split(text, ':');
  const bool good = !folders.empty() && std::ranges::all_of(folders, [](const std::string& folder) {
    return folder.starts_with('/');
  });
  return good ? "" : "'" + text + "' is no absolute path on the board, such as /userdata/plugins";
}

}  // namespace

void add_common_options(CLI::App& app, VerifierArguments& a) {
  verify::VerifyOptions& o = a.options;
  app.add_option("-u,--username", o.login.user, "User on the board (default: root)");
  app.add_option("-p,--password", a.password,
                 std::string("Password of that user; better in the environment variable ") +
                     kPasswordVariable + ", or typed in when asked for");
  app.add_option("--key", o.login.key_file, "Private key for the login (default: the agent, ~/.ssh/id_*)");
  app.add_option("--known-hosts", o.login.known_hosts,
                 "File of known host keys (default: ~/.ssh/known_hosts)");
  app.add_flag(
      "--accept-new-host-key", o.login.accept_new_key,
      "Trust a board that is not in that file yet, and add its key; a changed key is refused always");
  app.add_option("--timeout", a.timeout, "Seconds that the board may take without any progress (default: 20)")
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("--run-timeout", a.run_timeout, "Seconds that one run of the model may take (default: 600)")
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("--board-dir", o.board.folder,
                 "Folder on the board (default: /userdata, the home folder or /tmp)");
  app.add_option("--runtime", o.board.runtime, "hrt_model_exec on the board (default: found there)");
  app.add_option("--push-runtime", a.push_runtime,
                 "Upload the static hrt_model_exec, for a board that has none; a file name takes another one")
      ->expected(0, 1)
      ->each([&a](const std::string&) { a.push = true; })
      ->trigger_on_parse();
  app.add_option("--board-plugins", o.board.plugins,
                 "Folder on the board with plug-ins (.so) of custom operators; several are separated by ':'")
      ->check(absolute_folders);
  app.add_flag("--no-board-cache", a.drop_cache, "Leave nothing on the board, not even for the next time");
  app.add_option("--samples", o.samples.count, "Number of samples: of random input, or of a folder's files")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--seed", a.seed, "Seed of random input (default: another one every time; it is printed)");
  app.add_option("--model-name", o.model_name, "Which model of a pack");
  app.add_option("--threads", a.threads, "Threads for the ONNX models (default: all processors)")
      ->check(CLI::Range(1, 256));
  app.add_option("--dump-dir", o.dump_folder, "Keep all computed tensors in this folder");
  app.add_option("--json", a.json, "Also write the result to this JSON file");
  app.add_option("--junit", a.junit, "Also write it as JUnit XML");
  app.add_option("--html", a.html, "Also write it as one HTML page");
  app.add_flag("-v,--verbose", a.verbose, "More lines on the console");
  app.add_flag("--quiet", a.quiet, "Errors only on the console");
}

bool truth(const std::string& option, const std::string& word) {
  std::string lower = word;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower.empty() || lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
  throw CLI::ValidationError(option, "'" + word + "' is neither True nor False");
}

void hide_password(int argc, char** argv) {
  const auto hide = [](char* text) { std::memset(text, 'x', std::strlen(text)); };
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if ((word == "-p" || word == "--password") && i + 1 < argc)
      hide(argv[++i]);
    else if (word.starts_with("--password="))
      hide(argv[i] + std::strlen("--password="));
    else if (word.starts_with("-p") && word.size() > 2)
      hide(argv[i] + 2);
  }
}

int run_verifier(VerifierArguments arguments) {
  watch_signals();
  model_exec::set_log_level(arguments.verbose);
  return run_command(arguments.options.tool, "", arguments,
                     [&](report::Log& log) { return verify_and_report(arguments, log); });
}

}  // namespace openhb::tools
