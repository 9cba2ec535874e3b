// SPDX-License-Identifier: Apache-2.0
// What a failing call of the C interface must do: give the documented status, say a sentence, store nothing.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "dnn/openhb_ext.h"

namespace openhb::testing {

// Leaves a sentence that no other call gives, so that a call that says nothing is noticed.
inline std::string say_something_else() {
  int32_t threads = 0;
  uint64_t mask = 0;
  openhbGetCoreThreads(77777, &threads, &mask);
  return openhbGetLastError();
}

inline void check_refusal(int32_t status, int32_t expected, const std::string& before,
                          std::initializer_list<std::string_view> words) {
  const std::string sentence = openhbGetLastError();
  EXPECT_EQ(status, expected) << openhbGetStatusName(status) << " instead of "
                              << openhbGetStatusName(expected) << ": " << sentence;
  EXPECT_NE(sentence, before) << "nothing was said";
  EXPECT_GE(std::count(sentence.begin(), sentence.end(), ' '), 2) << sentence;
  for (std::string_view word : words) EXPECT_NE(sentence.find(word), std::string::npos) << sentence;
}

// EXPECT_REFUSED(status, call[, words of the sentence...])
#define EXPECT_REFUSED(expected, call, ...)                                         \
  do {                                                                              \
    SCOPED_TRACE(#call);                                                            \
    const std::string said_before = ::openhb::testing::say_something_else();        \
    ::openhb::testing::check_refusal((call), expected, said_before, {__VA_ARGS__}); \
  } while (false)

// Something to be stored into, which must not happen: its bytes are a pattern.
template <class T>
class Untouched {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Untouched() { std::memset(&value_, 0xC3, sizeof value_); }
  ~Untouched() {
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, &value_, sizeof bytes);
    for (unsigned char b : bytes) {
      EXPECT_EQ(b, 0xC3) << "a failing call stored something";
      if (b != 0xC3) break;
    }
  }
  Untouched(const Untouched&) = delete;
  Untouched& operator=(const Untouched&) = delete;
  T* operator&() { return &value_; }  // NOLINT: reads like the call that an application makes

 private:
  T value_;
};

}  // namespace openhb::testing
