// SPDX-License-Identifier: Apache-2.0
// cache.json in the working directory: which .bin files of it came from what, so that compiling the same
// again need not be done. It holds no paths and no programs, only hashes; what it leads to is checked like
// any file.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/program/program.h"

namespace openhb::compiler {

struct CacheEntry {
  std::string key;     // of everything that decides the program
  std::string binary;  // hash of the .bin file (fingerprint.h)
  size_t plans = 0;    // that the search compared
};

class CompileCache {
 public:
  // A file that cannot be used is passed over with a warning and replaced when the next entry is written.
  CompileCache(const std::string& path, const std::function<void(const std::string&)>& warn);

  // The entry, and the program in `bin_path`, if the file there is the one that the key stands for.
  struct Hit {
    CacheEntry entry;
    Program program;
  };
  std::optional<Hit> find(const std::string& key, const std::string& bin_path) const;
  // Replaces the entry of the same key; the oldest entries go.
  void add(CacheEntry entry);
  std::string text() const;  // the file

 private:
  std::vector<CacheEntry> entries_;  // oldest first
};

}  // namespace openhb::compiler
