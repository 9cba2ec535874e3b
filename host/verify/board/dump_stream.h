// SPDX-License-Identifier: Apache-2.0
// A folder that comes as one stream: a list of sizes and names, then the files' contents in the same order.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace openhb::verify {

// What `wc -c` prints for all files below ".", a line "@files", and what `cat` prints for them. Takes what
// the current folder holds.
inline constexpr std::string_view kSendFolder = R"sh(
echo @openhb
find . -type f -exec wc -c {} + || exit 1
echo @files
find . -type f -exec cat {} +
)sh";

// Writes such a stream to a new local folder, whole or not at all.
class FolderReceiver {
 public:
  // `folder` must not exist, or be empty. `source`: for messages, "the board 10.0.0.2".
  FolderReceiver(std::string folder, std::string source);
  ~FolderReceiver();  // removes what is unfinished
  FolderReceiver(const FolderReceiver&) = delete;
  FolderReceiver& operator=(const FolderReceiver&) = delete;

  // Throws Error: board_command for anything that is no such stream, file_unwritable (not enough space here).
  void take(std::span<const std::byte> bytes);
  // Checks that all is there, that dump_index.json names every file, and that each has the size of its
  // tensor; then gives the folder its name. Throws as take() does.
  void finish();

  // Of all files, 0 before the list is there.
  uint64_t total() const { return total_; }
  uint64_t received() const { return received_; }

 private:
  struct File {
    std::string name;
    uint64_t size = 0;
  };
  [[noreturn]] void refuse(const std::string& what) const;
  void take_list(std::string_view list);
  void write(std::string_view content);
  void open_next();
  void check_index() const;

  std::string folder_, source_, part_;
  std::string head_;  // what came of the list so far
  bool listed_ = false;
  std::vector<File> files_;
  size_t current_ = 0;  // of files_
  uint64_t left_ = 0;   // of the current file
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out_{nullptr, nullptr};
  uint64_t total_ = 0, received_ = 0;
};

}  // namespace openhb::verify
