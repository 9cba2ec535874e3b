// SPDX-License-Identifier: Apache-2.0
#include "common/io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/error.h"

namespace openhb {
namespace {

std::string errno_text(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }
  // Closes now and gives the result: network file systems report lost writes here.
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

struct OpenFile {
  Descriptor descriptor;
  size_t size;
};

int open_for_reading(const std::string& path) {
  // Not blocking: a FIFO without a writer must give an error instead of waiting for ever.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd >= 0) return fd;
  const int error = errno;
  if (error == ENOENT || error == ENOTDIR) fail(ErrorCode::file_missing, "file '{}' does not exist", path);
  fail(ErrorCode::file_unreadable, "cannot open file '{}': {}", path, errno_text(error));
}

OpenFile open_regular(const std::string& path, EmptyFile empty) {
  OpenFile file{Descriptor(open_for_reading(path)), 0};
  struct stat status{};
  if (::fstat(file.descriptor.get(), &status) != 0)
    fail(ErrorCode::file_unreadable, "cannot inspect file '{}': {}", path, errno_text(errno));
  if (S_ISDIR(status.st_mode)) fail(ErrorCode::file_unreadable, "'{}' is a folder, a file is needed", path);
  if (!S_ISREG(status.st_mode)) fail(ErrorCode::file_unreadable, "'{}' is not a regular file", path);
  if (status.st_size == 0 && empty == EmptyFile::refuse)
    fail(ErrorCode::file_empty, "file '{}' is empty", path);
  file.size = static_cast<size_t>(status.st_size);
  return file;
}

void read_all(const OpenFile& file, char* to, const std::string& path) {
  for (size_t done = 0; done < file.size;) {
    const ssize_t n = ::read(file.descriptor.get(), to + done, file.size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::file_unreadable, "cannot read file '{}': {}", path, errno_text(errno));
    if (n == 0)
      fail(ErrorCode::file_unreadable, "file '{}' became shorter while it was read: {} of {} bytes", path,
           done, file.size);
    done += static_cast<size_t>(n);
  }
}

void write_all(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::file_unwritable, "cannot write file '{}': {}", path, errno_text(errno));
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

// Creates a new file beside `path`, with the permissions that any new file gets.
int create_temporary(const std::string& path, std::string& temporary) {
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 1000; ++attempt) {
    temporary = fmt::format("{}.{}-{}.tmp", path, ::getpid(), counter++);
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) return fd;
    if (errno != EEXIST) break;
  }
  fail(ErrorCode::file_unwritable, "cannot create file '{}': {}", path, errno_text(errno));
}

void write_temporary(Descriptor& file, std::span<const std::byte> bytes, const std::string& path, Sync sync) {
  struct stat status{};
  write_all(file.get(), bytes, path);
  const bool replaces = ::stat(path.c_str(), &status) == 0;
  if ((replaces && ::fchmod(file.get(), status.st_mode & 0777) != 0) ||
      (sync == Sync::yes && ::fsync(file.get()) != 0) || file.close() != 0)
    fail(ErrorCode::file_unwritable, "cannot write file '{}': {}", path, errno_text(errno));
}

}  // namespace

std::vector<std::byte> read_file(const std::string& path, EmptyFile empty) {
  const OpenFile file = open_regular(path, empty);
  std::vector<std::byte> bytes(file.size);
  read_all(file, reinterpret_cast<char*>(bytes.data()), path);
  return bytes;
}

std::string read_text_file(const std::string& path, EmptyFile empty) {
  const OpenFile file = open_regular(path, empty);
  std::string text(file.size, '\0');
  read_all(file, text.data(), path);
  return text;
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  const OpenFile file = open_regular(path, EmptyFile::refuse);
  void* data = ::mmap(nullptr, file.size, PROT_READ, MAP_PRIVATE, file.descriptor.get(), 0);
  if (data == MAP_FAILED)
    fail(errno == ENOMEM ? ErrorCode::resources : ErrorCode::file_unreadable, "cannot map file '{}': {}",
         path, errno_text(errno));
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const std::byte*>(data), file.size));
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(data_), size_); }

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes, Sync sync) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    fail(ErrorCode::file_unwritable, "cannot write file '{}': a folder of this name exists", path);
  std::string temporary;
  Descriptor file(create_temporary(path, temporary));
  try {
    write_temporary(file, bytes, path, sync);
    if (::rename(temporary.c_str(), path.c_str()) != 0)
      fail(ErrorCode::file_unwritable, "cannot rename '{}' to '{}': {}", temporary, path, errno_text(errno));
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void write_file_atomically(const std::string& path, std::string_view text, Sync sync) {
  write_file_atomically(path, std::as_bytes(std::span(text)), sync);
}

void ensure_directory(const std::string& path) {
  if (path.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored)) return;
  if (std::error_code ignored; std::filesystem::exists(path, ignored))
    fail(ErrorCode::file_unwritable, "cannot create folder '{}': a file of this name exists", path);
  fail(ErrorCode::file_unwritable, "cannot create folder '{}': {}", path, error.message());
}

}  // namespace openhb
