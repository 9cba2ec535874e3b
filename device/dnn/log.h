// SPDX-License-Identifier: Apache-2.0
// The library's log on stderr, and the sentence of a thread's last failure.
#pragma once

#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "device/dnn/refusal.h"
#include "dnn/hb_dnn_status.h"

namespace openhb::dnn {

enum class Level { debug = 1, info = 2, warning = 3, error = 4, fatal = 5 };

// HB_DNN_LOG_LEVEL: lines of this level and above are printed; 0: none; unset: warning.
bool is_logged(Level level) noexcept;
// "[W][DNN][memory.cc:12][Mem](2026-01-31 08:15:00.123) sentence". `part`: Model, Task, Mem, Plugin... Never
// throws.
void log_line(Level level, const char* file, int line, const char* part, std::string_view sentence) noexcept;

// Remembers the sentence for openhbGetLastError() of this thread, logs it as an error, and gives `status`
// back. Never throws.
int32_t report(int32_t status, const char* file, int line, const char* part,
               std::string_view sentence) noexcept;

// The same without a line in the log: for what applications do on purpose.
int32_t remember(int32_t status, std::string_view sentence) noexcept;

// What kind of failure this thread's last one was, finer than its status (for tools, which print codes).
ErrorCode last_error_code(int32_t status) noexcept;

// The status that stands for an Error.
int32_t status_of(ErrorCode code) noexcept;

// Of the exception that is being handled; reports it.
int32_t report_exception(const char* file, int line, const char* part) noexcept;

// Runs fn(), which gives a status, and turns every exception into a reported status.
template <class Fn>
int32_t guarded(const char* part, Fn fn, const char* file = __builtin_FILE(),
                int line = __builtin_LINE()) noexcept {
  try {
    return fn();
  } catch (...) {
    return report_exception(file, line, part);
  }
}

}  // namespace openhb::dnn

#define OPENHB_LOG(level, part, ...)                                                        \
  (::openhb::dnn::is_logged(level)                                                          \
       ? ::openhb::dnn::log_line(level, __FILE__, __LINE__, part, fmt::format(__VA_ARGS__)) \
       : void())
#define OPENHB_REPORT(status, part, ...) \
  ::openhb::dnn::report(status, __FILE__, __LINE__, part, fmt::format(__VA_ARGS__))
