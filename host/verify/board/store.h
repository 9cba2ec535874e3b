// SPDX-License-Identifier: Apache-2.0
// Files on the board: sent once, found again by the hash of their content.
#pragma once

#include <functional>
#include <string>

#include "host/verify/board/lease.h"
#include "host/verify/connection.h"

namespace openhb::verify {

// Of the cache: what was used last is kept.
inline constexpr uint64_t kCacheBytes = uint64_t{1} << 30;
inline constexpr size_t kCacheFiles = 20;

struct StoreOptions {
  bool keep = true;  // what is sent stays in the cache
  bool progress = true;
  std::function<void(const std::string& sentence)> info;
};

class Store {
 public:
  Store(Connection& connection, const Lease& lease, StoreOptions options)
      : connection_(connection), lease_(lease), options_(std::move(options)) {}

  // Makes `name` in the run's folder a file with the content of the local file: from the cache, whose file is
  // looked at again, or sent. It stays there whatever others do with the cache. Throws Error: file_*,
  // board_storage, board_command.
  void bring(const std::string& local_file, const std::string& name);

 private:
  struct Item;
  bool fetch_from_cache(const Item& item);
  void send(const Item& item);

  Connection& connection_;
  const Lease& lease_;
  StoreOptions options_;
  std::string answer_;  // of the last fetch_from_cache(): what the cache and the disk hold
};

}  // namespace openhb::verify
