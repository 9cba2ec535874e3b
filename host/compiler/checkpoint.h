// SPDX-License-Identifier: Apache-2.0
// What a long calibration has found so far, in a file of the working directory: an interrupted conversion
// goes on from there when the same command runs again.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "host/compiler/convert.h"
#include "host/compiler/statistics.h"

namespace openhb::compiler {

// remember(), remembers() and write_if_due() may be called by several threads at the same time.
class Checkpoint {
 public:
  // Without a path nothing is kept. `key`: everything that decides the results (model, configuration,
  // samples, version), as text or bytes; it is asked for only when a file is there or has to be written. A
  // file of another key, or a damaged one, is passed over with a notice.
  Checkpoint(std::string path, std::function<std::string()> key, const Reporter& reporter);
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  // The statistics that the file held, if any, for `samples` samples of tensors `expected`.
  bool restore(Statistics& statistics, const Statistics& expected) const;
  // Time to write again? Every two seconds, so that little is lost.
  bool due() const { return !path_.empty() && Clock::now() - written_ >= kInterval; }
  void update(const Statistics& statistics);
  // Writes what update() and remember() were given, whole or not at all. A file that cannot be written is
  // told once: the conversion itself needs no checkpoint.
  void write();
  void write_if_due();
  // The result of `compute`, which may have been found before the interruption.
  double remember(const std::string& what, const std::function<double()>& compute);
  bool remembers(const std::string& what) const;

  const std::string& path() const { return path_; }
  bool written() const { return on_disk_; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kInterval{2};

  void load();
  const std::string& key() const;

  std::string path_;
  std::function<std::string()> make_key_;
  mutable std::string key_;
  const Reporter& reporter_;
  std::vector<std::byte> statistics_;  // encoded
  mutable std::mutex mutex_, writing_;
  std::map<std::string, double> remembered_;
  Clock::time_point written_ = Clock::now();
  bool on_disk_ = false, failed_ = false;
};

}  // namespace openhb::compiler
