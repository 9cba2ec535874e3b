// SPDX-License-Identifier: Apache-2.0
#include "tests/host/verify/board/local_board.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "common/io/file.h"
#include "common/program/file.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::testing {
namespace {

namespace fs = std::filesystem;

std::string which(const std::string& name) {
  for (const char* folder : {"/usr/bin", "/bin", "/usr/local/bin"})
    if (fs::exists(fs::path(folder) / name)) return fs::path(folder) / name;
  return "";
}

std::string busybox() {
  const char* given = std::getenv("OPENHB_BUSYBOX");
  return given ? given : which("busybox");
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;  // a folder may vanish meanwhile, too
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename());
  return names;
}

std::string contents(const fs::path& path) {
  std::ostringstream text;  // a process may end meanwhile, which an iterator throws for
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void write_script(const fs::path& path, const std::string& script) {
  fs::remove(path);
  std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
  fs::permissions(path, fs::perms::owner_all);
}

}  // namespace

std::vector<std::string> local_shells() {
  std::vector<std::string> shells;
  for (const char* name : {"dash", "bash"})
    if (!which(name).empty()) shells.emplace_back(name);
  if (!busybox().empty()) shells.emplace_back("busybox");
  return shells;
}

LocalBoard::LocalBoard(const std::string& shell) : shell_(shell) {
  std::string name = (fs::path(::testing::TempDir()) / "openhb_board_XXXXXX").string();
  if (!mkdtemp(name.data())) ADD_FAILURE() << name;
  root_ = name;
  for (const char* folder : {"data", "bin", "tools", "host", "home"}) fs::create_directories(root_ / folder);
  if (shell_ == "busybox")
    for (const char* tool : {"awk",  "cat", "chmod", "cp",    "cut",   "date",  "df",    "find", "grep",
                             "head", "ln",  "ls",    "mkdir", "mv",    "nproc", "od",    "rm",   "rmdir",
                             "sed",  "sh",  "sleep", "tail",  "touch", "tr",    "uname", "wc"})
      fs::create_symlink(busybox(), root_ / "tools" / tool);
  fs::create_symlink(OPENHB_HRT_MODEL_EXEC, root_ / "bin" / "hrt_model_exec");
}

LocalBoard::~LocalBoard() {
  expect_clean();
  fs::remove_all(root_);
}

void LocalBoard::add_program(const std::string& name, const std::string& script) const {
  write_script(root_ / "tools" / name, script);
}

void LocalBoard::set_runtime(const std::string& script) const {
  fs::remove(root_ / "bin" / "hrt_model_exec");
  if (!script.empty()) write_script(root_ / "bin" / "hrt_model_exec", script);
}

std::unique_ptr<verify::Connection> LocalBoard::connect() const {
  LocalSetup setup;
  setup.shell = {which(shell_), "-c"};
  if (shell_ == "busybox") setup.shell = {busybox(), "sh", "-c"};
  if (!login_script.empty()) {
    setup.shell.push_back(login_script + "; eval \"$1\"");
    setup.shell.emplace_back("sh");
  }
  setup.environment = {{"PATH", fmt::format("{0}/tools:{0}/bin:/usr/bin:/bin", root_.string())},
                       {"HOME", (root_ / "home").string()}};
  setup.timeout = timeout;
  setup.folder = root_ / "home";
  return std::make_unique<LocalConnection>(setup, faults);
}

verify::BoardOptions LocalBoard::options() const {
  verify::BoardOptions options;
  options.folder = data();
  options.progress = false;
  options.timeout = timeout;
  options.info = [this](const std::string& sentence) { said.push_back(sentence); };
  options.warn = [this](const std::string& sentence) { warned.push_back(sentence); };
  return options;
}

std::vector<std::string> LocalBoard::runs() const {
  std::vector<std::string> names = names_in(root_ / "data" / ".openhb");
  std::erase(names, "cache");
  return names;
}

std::vector<std::string> LocalBoard::cache() const { return names_in(root_ / "data" / ".openhb" / "cache"); }

void LocalBoard::expect_clean() const {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::vector<std::string> left;
  do {
    left = runs();
    for (const std::string& process : processes_with(root_)) left.push_back(process);
    if (left.empty()) return;
    usleep(20'000);
  } while (std::chrono::steady_clock::now() < limit);
  for (const std::string& what : left) ADD_FAILURE() << "left on the board: " << what;
}

std::string LocalBoard::model() const {
  ProgramBuilder b("small");
  const uint32_t x = b.tensor("x", DType::f32, {1, 16});
  const uint32_t y = b.tensor("y", DType::f32, {1, 16}), z = b.tensor("z", DType::f32, {1, 16});
  b.step(UnaryParams{.function = UnaryFunction::tanh}, {x}, y);
  b.step(UnaryParams{.function = UnaryFunction::exp}, {y}, z);
  b.input(x);
  b.output(z);
  const std::string path = local("small.bin");
  write_program(path, b.finish());
  return path;
}

Tensor LocalBoard::input() {
  Tensor tensor(DType::f32, {1, 16});
  for (size_t i = 0; i < 16; ++i) tensor.data<float>()[i] = static_cast<float>(i) / 8 - 1;
  return tensor;
}

std::vector<std::string> processes_with(const std::string& text) {
  std::vector<std::string> found;
  for (const std::string& pid : names_in("/proc")) {
    if (pid.find_first_not_of("0123456789") != std::string::npos || pid == std::to_string(getpid())) continue;
    std::string line = contents(fs::path("/proc") / pid / "cmdline");
    if (line.contains(text) || contents(fs::path("/proc") / pid / "environ").contains(text)) {
      std::ranges::replace(line, '\0', ' ');
      if (!line.empty()) found.push_back(pid + ": " + line.substr(0, 300));
    }
  }
  return found;
}

}  // namespace openhb::testing
