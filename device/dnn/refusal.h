// SPDX-License-Identifier: Apache-2.0
// A failure with the status that the C API gives.
#pragma once

#include <cstdint>

#include "common/error.h"

namespace openhb::dnn {

class Refusal : public std::runtime_error {
 public:
  Refusal(int32_t status, const std::string& sentence) : std::runtime_error(sentence), status_(status) {}
  int32_t status() const { return status_; }

 private:
  int32_t status_;
};

// Throws Refusal with a formatted sentence: what was asked, what was found, what to do.
template <class... Args>
[[noreturn]] void refuse(int32_t status, fmt::format_string<Args...> format, Args&&... args) {
  throw Refusal(status, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace openhb::dnn
