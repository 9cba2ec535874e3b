// SPDX-License-Identifier: Apache-2.0
// Decoded pictures on disk instead of in memory: what was decoded once need not be decoded again.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "common/tensor.h"

namespace openhb::calibration {

// A file without a name in a folder: the system removes it when the process ends, however it does. Safe to
// share between threads. Where there is no space it simply keeps nothing more.
class SampleStore {
 public:
  explicit SampleStore(const std::string& folder, uint64_t capacity = uint64_t{256} << 20);
  ~SampleStore();
  SampleStore(const SampleStore&) = delete;
  SampleStore& operator=(const SampleStore&) = delete;

  void keep(uint64_t key, const Tensor& tensor);
  std::optional<Tensor> find(uint64_t key) const;

 private:
  struct Place {
    DType dtype;
    Shape shape;
    uint64_t offset;
  };
  mutable std::mutex mutex_;
  std::map<uint64_t, Place> places_;
  uint64_t capacity_, used_ = 0;
  int file_ = -1;
};

}  // namespace openhb::calibration
