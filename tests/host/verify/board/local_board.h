// SPDX-License-Identifier: Apache-2.0
// A "board" on this machine: a folder, a shell, and programs that can be replaced by others.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/program/program.h"
#include "common/tensor.h"
#include "host/verify/board/board.h"
#include "tests/host/verify/local_connection.h"

namespace openhb::testing {

// The shells to test with: dash, bash, and busybox with its own tools where it is installed.
std::vector<std::string> local_shells();

class LocalBoard {
 public:
  explicit LocalBoard(const std::string& shell = "sh");
  ~LocalBoard();  // a failure when processes or files are left there
  LocalBoard(const LocalBoard&) = delete;
  LocalBoard& operator=(const LocalBoard&) = delete;

  // A script in front of the board's other programs.
  void add_program(const std::string& name, const std::string& script) const;
  // "": none; else a script. Without a call: the hrt_model_exec of this build.
  void set_runtime(const std::string& script) const;

  std::unique_ptr<verify::Connection> connect() const;
  verify::BoardOptions options() const;
  std::string data() const { return root_ / "data"; }  // BoardOptions::folder
  std::string local(const std::string& name) const { return root_ / "host" / name; }
  std::vector<std::string> runs() const;   // names of folders of runs
  std::vector<std::string> cache() const;  // names of cached files
  // Waits until nothing of a run is left.
  void expect_clean() const;
  // y = tanh(x), float32 [1,16], as a file on the host.
  std::string model() const;
  static Tensor input();

  std::shared_ptr<LocalFaults> faults = std::make_shared<LocalFaults>();
  double timeout = 20;
  std::string login_script;                       // before each command
  mutable std::vector<std::string> said, warned;  // info and warn of options()

 private:
  std::filesystem::path root_;
  std::string shell_;
};

// Processes whose environment or command line has this text.
std::vector<std::string> processes_with(const std::string& text);

}  // namespace openhb::testing
