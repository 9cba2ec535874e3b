// SPDX-License-Identifier: Apache-2.0
// Files: read whole, mapped read-only, or written whole or not at all. Errors name the path and the reason.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace openhb {

enum class EmptyFile { allow, refuse };

// All bytes of a regular file. Throws Error: file_missing, file_unreadable (a directory, no permission, an
// I/O error), file_empty (only with EmptyFile::refuse).
std::vector<std::byte> read_file(const std::string& path, EmptyFile empty = EmptyFile::allow);
std::string read_text_file(const std::string& path, EmptyFile empty = EmptyFile::allow);

// A file mapped read-only. The bytes stay valid as long as the object; safe to share between threads. Another
// process that truncates the file meanwhile makes reads fault (SIGBUS), as with any mapping.
class MappedFile {
 public:
  // Throws Error as read_file does; empty files are refused.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, size_t size) : data_(data), size_(size) {}
  const std::byte* data_;
  size_t size_;
};

// Writes a temporary file in the same folder, syncs it and renames it to `path`: afterwards the file is
// whole, or as it was before. Throws Error(file_unwritable); the temporary file is removed then. Without
// syncing that holds as long as the machine does not lose its power: for many files that can be made again
// (milliseconds each on a disk).
enum class Sync { yes, no };
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes, Sync sync = Sync::yes);
void write_file_atomically(const std::string& path, std::string_view text, Sync sync = Sync::yes);

// Makes the folder and its parents if they are missing. Throws Error(file_unwritable).
void ensure_directory(const std::string& path);

}  // namespace openhb
