// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace openhb::calibration {
namespace {

int open_nameless(const std::string& folder) {
  if (const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); file >= 0) return file;
  // A file system without O_TMPFILE.
  std::string name = folder + "/.samples-XXXXXX";
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file >= 0) ::unlink(name.c_str());
  return file;
}

// All bytes, or false.
template <class Call, class Byte>
bool transfer(Call call, int file, Byte* bytes, size_t size, uint64_t offset) {
  while (size > 0) {
    const ssize_t n = call(file, bytes, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n, size -= static_cast<size_t>(n), offset += static_cast<uint64_t>(n);
  }
  return true;
}

}  // namespace

SampleStore::SampleStore(const std::string& folder, uint64_t capacity)
    : capacity_(capacity), file_(open_nameless(folder)) {}

SampleStore::~SampleStore() {
  if (file_ >= 0) ::close(file_);
}

void SampleStore::keep(uint64_t key, const Tensor& tensor) {
  const auto bytes = tensor.bytes();
  uint64_t offset = 0;
  {
    const std::lock_guard lock(mutex_);
    if (file_ < 0 || places_.contains(key) || bytes.size() > capacity_ - used_) return;
    offset = used_;
    used_ += bytes.size();
  }
  const bool kept = transfer(::pwrite, file_, bytes.data(), bytes.size(), offset);
  const std::lock_guard lock(mutex_);
  if (kept)
    places_.emplace(key, Place{tensor.dtype(), tensor.shape(), offset});
  else
    capacity_ = used_;  // a full disk
}

std::optional<Tensor> SampleStore::find(uint64_t key) const {
  Place place;
  {
    const std::lock_guard lock(mutex_);
    const auto it = places_.find(key);
    if (it == places_.end()) return std::nullopt;
    place = it->second;
  }
  Tensor tensor(place.dtype, place.shape);
  const auto bytes = tensor.bytes();
  if (!transfer(::pread, file_, bytes.data(), bytes.size(), place.offset)) return std::nullopt;
  return tensor;
}

}  // namespace openhb::calibration
