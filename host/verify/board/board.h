// SPDX-License-Identifier: Apache-2.0
// A board behind a connection: what it is, a model on it, runs of the model.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/tensor.h"
#include "host/verify/connection.h"

namespace openhb::verify {

struct BoardFacts {
  std::string address;
  std::string architecture;           // uname -m: "aarch64"
  std::string kernel;                 // uname -r
  std::string libc;                   // "glibc 2.31" or ""
  std::string cpu;                    // part of /proc/cpuinfo or device tree: "Cortex-A55" or ""
  std::vector<std::string> features;  // of the CPU: "asimd", "asimddp", ...
  int processors = 0;
  uint64_t memory_bytes = 0, free_bytes = 0;  // RAM; space in the folder that is used
  double clock_difference = 0;                // seconds, board minus host
  std::string folder;                         // for cache and runs
  std::string runtime;                        // path of hrt_model_exec there
  std::string runtime_version;
  bool runtime_pushed = false;  // it was uploaded from here
};

struct BoardOptions {
  // On the board, for the cache and for runs; "": the first of /userdata, $HOME, /tmp that can be written to.
  std::string folder;
  std::string runtime;        // hrt_model_exec on the board; "": found in PATH and where packages put it
  bool push_runtime = false;  // upload runtime_file when the board has no (or another version of) runtime
  std::string runtime_file;   // the static program on this machine
  bool keep_cache = true;     // false: files uploaded by content hash are removed at the end, too
  double timeout = 20;        // seconds without progress
  double run_timeout = 600;   // seconds that one run of the model may take
  std::string arguments;      // further words for `hrt_model_exec infer`
  // Folder on the board (or several, separated by ':') of plug-ins with custom operators; absolute.
  std::string plugins;
  std::function<void(const std::string& sentence)> info, warn;
  bool progress = true;  // bars for transfers
};

// Everything on the board lies in two places: <folder>/.openhb/cache, files named by the hash of their
// content, kept for the next time; and one folder of this run, which is removed at the end, on failure, and
// by the board itself when the connection breaks.
class Board {
 public:
  // Looks at the board and prepares it. Throws Error: board_unsuitable (architecture, no runtime: with the
  // way to install it, version), board_storage (no folder can be written to), and what the connection throws.
  Board(std::unique_ptr<Connection> connection, BoardOptions options);
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  const BoardFacts& facts() const;

  // Uploads a compiled model unless it is there. Throws Error: board_storage (not enough space: how much is
  // needed and free; read-only), board_unsuitable (this runtime cannot read it: its own words), program_*.
  void load(const std::string& model_file);

  // Runs the loaded model on dense tensors, one per input as hrt_model_exec takes them, and writes what
  // hrt_model_exec dumped to the local `folder` (with dump_index.json), whole or not at all. `model_name`:
  // of a pack. Throws Error: board_command (the program failed: status or signal and its own words),
  // board_storage, board_timeout.
  void run(const std::string& model_name, std::span<const Tensor> inputs, bool all_tensors,
           const std::string& folder);

  uint64_t bytes_sent() const;
  uint64_t bytes_received() const;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace openhb::verify
