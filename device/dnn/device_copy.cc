// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/device_copy.h"

#include <algorithm>
#include <cstring>

namespace openhb::dnn {
namespace {

constexpr uint64_t kLine = 64;
uint64_t line_end(uint64_t at, uint64_t last) { return std::min(last, (at / kLine + 1) * kLine); }

}  // namespace

DeviceCopy::DeviceCopy(std::byte* cpu, uint64_t size)
    : cpu_(cpu),
      device_(std::make_unique_for_overwrite<std::byte[]>(size)),
      flushed_(std::make_unique_for_overwrite<std::byte[]>(size)) {
  std::fill_n(device_.get(), size, kPoison);
  std::fill_n(flushed_.get(), size, kPoison);
}

uint64_t DeviceCopy::first_dirty(uint64_t first, uint64_t last) const noexcept {
  for (uint64_t at = first; at < last; at = line_end(at, last))
    if (std::memcmp(cpu_ + at, flushed_.get() + at, line_end(at, last) - at) != 0) return at;
  return last;
}

void DeviceCopy::clean(uint64_t first, uint64_t last) noexcept {
  for (uint64_t at = first_dirty(first, last); at < last; at = first_dirty(line_end(at, last), last)) {
    std::memcpy(device_.get() + at, cpu_ + at, line_end(at, last) - at);
    std::memcpy(flushed_.get() + at, cpu_ + at, line_end(at, last) - at);
  }
}

void DeviceCopy::invalidate(uint64_t first, uint64_t last) noexcept {
  std::memcpy(cpu_ + first, device_.get() + first, last - first);
  std::memcpy(flushed_.get() + first, device_.get() + first, last - first);
}

bool DeviceCopy::is_poison(uint64_t first, uint64_t last) const noexcept {
  return std::all_of(device_.get() + first, device_.get() + last, [](std::byte b) { return b == kPoison; });
}

}  // namespace openhb::dnn
