// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/artefacts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "common/error.h"
#include "common/io/file.h"

namespace openhb::compiler {
namespace {

namespace fs = std::filesystem;

std::string errno_text(int error) { return std::generic_category().message(error); }

// Renames must be on the disk before what follows them.
void sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// -1: the folder is not there. Throws when another process holds it.
int open_locked(const std::string& path, const std::string& folder) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return -1;
  if (fd < 0) fail(ErrorCode::file_unwritable, "cannot open folder '{}': {}", path, errno_text(errno));
  // File systems without locks go without.
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return fd;
  ::close(fd);
  fail(ErrorCode::file_unwritable,
       "another conversion is writing to folder '{}' with the same output_model_file_prefix; wait for it, or "
       "use "
       "another working_dir",
       folder);
}

// Whether `fd` is still what the path names: another run may have renamed or removed it meanwhile.
bool still_there(int fd, const std::string& path) {
  struct stat open{}, named{};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

// Moves every file below `from` to the same place below `to`.
void move_files(const std::string& from, const std::string& to) {
  std::error_code error;
  std::vector<fs::path> files;
  for (auto it = fs::recursive_directory_iterator(from, error); !error && it != fs::end(it);
       it.increment(error))
    if (!it->is_directory()) files.push_back(it->path().lexically_relative(from));
  if (error) fail(ErrorCode::file_unwritable, "cannot read folder '{}': {}", from, error.message());
  for (const fs::path& file : files) {
    ensure_directory((fs::path(to) / file).parent_path().string());
    fs::rename(fs::path(from) / file, fs::path(to) / file, error);
    if (error)
      fail(ErrorCode::file_unwritable,
           "cannot move '{}' to '{}': {}; once this is possible, the next run in this folder completes the "
           "results",
           (fs::path(from) / file).string(), (fs::path(to) / file).string(), error.message());
  }
  sync_folder(to);
  fs::remove_all(from, error);
}

}  // namespace

std::string Artefacts::place(std::string_view suffix) const {
  return fmt::format("{}/.{}.{}", folder_, prefix_, suffix);
}

void Artefacts::recover() const {
  const std::string done = place("done");
  const int fd = open_locked(done, folder_);
  if (fd < 0) return;
  try {
    if (still_there(fd, done)) move_files(done, folder_);
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
}

void Artefacts::lock_folder() {
  const std::string staging = place("new");
  for (int attempt = 0; attempt < 100 && lock_ < 0; ++attempt) {
    ensure_directory(staging);
    const int fd = open_locked(staging, folder_);
    if (fd >= 0 && still_there(fd, staging))
      lock_ = fd;
    else if (fd >= 0)
      ::close(fd);
  }
  if (lock_ < 0) fail(ErrorCode::file_unwritable, "cannot use folder '{}': it keeps changing", staging);
  // What a killed run left.
  std::error_code error;
  for (auto it = fs::directory_iterator(staging, error); !error && it != fs::end(it); it.increment(error)) {
    std::error_code failed;
    fs::remove_all(it->path(), failed);
    if (failed)
      fail(ErrorCode::file_unwritable, "cannot remove '{}': {}", it->path().string(), failed.message());
  }
}

Artefacts::Artefacts(std::string folder, std::string prefix)
    : folder_(std::move(folder)), prefix_(std::move(prefix)) {
  ensure_directory(folder_);
  recover();
  try {
    lock_folder();
  } catch (...) {
    if (lock_ >= 0) ::close(lock_);
    throw;
  }
}

Artefacts::~Artefacts() {
  if (lock_ < 0) return;
  std::error_code ignored;
  fs::remove_all(place("new"), ignored);
  ::close(lock_);
}

std::string Artefacts::path(std::string_view name) const { return fmt::format("{}/{}", folder_, name); }

std::string Artefacts::staged(std::string_view name) const {
  std::error_code ignored;
  if (fs::is_directory(path(name), ignored))
    fail(ErrorCode::file_unwritable, "cannot write file '{}': a folder of this name exists", path(name));
  const std::string file = fmt::format("{}/{}", place("new"), name);
  ensure_directory(fs::path(file).parent_path().string());
  return file;
}

void Artefacts::write(std::string_view name, std::string_view text) const {
  write(name, std::as_bytes(std::span(text)));
}

void Artefacts::write(std::string_view name, std::span<const std::byte> bytes) const {
  try {
    write_file_atomically(staged(name), bytes);
  } catch (const Error& error) {  // the place that the user knows
    throw Error(error.code(), fmt::format("'{}' could not be made: {}", path(name), error.what()));
  }
}

void Artefacts::commit() {
  const std::string staging = place("new"), done = place("done");
  std::error_code error;
  // A file that is replaced keeps its permissions.
  for (auto it = fs::recursive_directory_iterator(staging, error); !error && it != fs::end(it);
       it.increment(error)) {
    struct stat old{};
    const std::string target = (fs::path(folder_) / it->path().lexically_relative(staging)).string();
    if (!it->is_directory() && ::stat(target.c_str(), &old) == 0)
      ::chmod(it->path().c_str(), old.st_mode & 0777);
  }
  sync_folder(staging);
  fs::rename(staging, done, error);
  if (error)
    fail(ErrorCode::file_unwritable, "cannot rename '{}' to '{}': {}", staging, done, error.message());
  sync_folder(folder_);
  const int fd = lock_;
  lock_ = -1;
  try {
    move_files(done, folder_);
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
}

}  // namespace openhb::compiler
