// SPDX-License-Identifier: Apache-2.0
// Passwords do not stay in memory.
#pragma once

#include <string.h>

#include <string>

namespace openhb::verify {

inline void wipe(std::string& secret) {
  secret.resize(secret.capacity());  // within the capacity: nothing moves
  ::explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

// Wipes a string at the end of a block, however it is left. The string must not be moved from before.
class WipeAtEnd {
 public:
  explicit WipeAtEnd(std::string& secret) : secret_(secret) {}
  ~WipeAtEnd() { wipe(secret_); }
  WipeAtEnd(const WipeAtEnd&) = delete;
  WipeAtEnd& operator=(const WipeAtEnd&) = delete;

 private:
  std::string& secret_;
};

}  // namespace openhb::verify
