// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/log.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "dnn/openhb_ext.h"

namespace openhb::dnn {
namespace {

thread_local std::string last_error;
thread_local ErrorCode last_code{};  // of the Error behind it; 0: there was none

// Short enough for a string to need no memory for it.
constexpr const char* kNoMemory = "out of memory";

Level threshold() noexcept {
  const char* text = std::getenv("HB_DNN_LOG_LEVEL");
  if (!text || !*text) return Level::warning;
  const int level = std::atoi(text);
  return level == 0 ? static_cast<Level>(6) : static_cast<Level>(level);
}

struct StatusName {
  int32_t status;
  const char* name;
};
#define OPENHB_STATUS(name) \
  StatusName { name, #name }
constexpr std::array kStatusNames = {OPENHB_STATUS(HB_DNN_SUCCESS),
                                     OPENHB_STATUS(HB_DNN_INVALID_ARGUMENT),
                                     OPENHB_STATUS(HB_DNN_INVALID_MODEL),
                                     OPENHB_STATUS(HB_DNN_MODEL_NUMBER_EXCEED_LIMIT),
                                     OPENHB_STATUS(HB_DNN_INVALID_PACKED_DNN_HANDLE),
                                     OPENHB_STATUS(HB_DNN_INVALID_DNN_HANDLE),
                                     OPENHB_STATUS(HB_DNN_CAN_NOT_OPEN_FILE),
                                     OPENHB_STATUS(HB_DNN_OUT_OF_MEMORY),
                                     OPENHB_STATUS(HB_DNN_TIMEOUT),
                                     OPENHB_STATUS(HB_DNN_TASK_NUM_EXCEED_LIMIT),
                                     OPENHB_STATUS(HB_DNN_TASK_BATCH_SIZE_EXCEED_LIMIT),
                                     OPENHB_STATUS(HB_DNN_INVALID_TASK_HANDLE),
                                     OPENHB_STATUS(HB_DNN_RUN_TASK_FAILED),
                                     OPENHB_STATUS(HB_DNN_MODEL_IS_RUNNING),
                                     OPENHB_STATUS(HB_DNN_INCOMPATIBLE_MODEL),
                                     OPENHB_STATUS(HB_DNN_API_USE_ERROR),
                                     OPENHB_STATUS(HB_DNN_MULTI_PROGRESS_USE_ERROR),
                                     OPENHB_STATUS(HB_SYS_INVALID_ARGUMENT),
                                     OPENHB_STATUS(HB_SYS_OUT_OF_MEMORY),
                                     OPENHB_STATUS(HB_SYS_REGISTER_MEM_FAILED)};
#undef OPENHB_STATUS

}  // namespace

bool is_logged(Level level) noexcept {
  static const Level least = threshold();
  return level >= least;
}

void log_line(Level level, const char* file, int line, const char* part, std::string_view sentence) noexcept {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char time[32];
  std::strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S", &local);
  const char* name = std::strrchr(file, '/');
  // One call, so that lines of several threads do not mix.
  std::fprintf(stderr, "[%c][DNN][%s:%d][%s](%s.%03d) %.*s\n", "?DIWEF"[static_cast<int>(level)],
               name ? name + 1 : file, line, part, time, static_cast<int>(milliseconds),
               static_cast<int>(sentence.size()), sentence.data());
}

int32_t remember(int32_t status, std::string_view sentence) noexcept {
  last_code = {};
  try {
    last_error = sentence;
  } catch (...) {
    last_error = kNoMemory;
  }
  return status;
}

int32_t report(int32_t status, const char* file, int line, const char* part,
               std::string_view sentence) noexcept {
  remember(status, sentence);
  if (is_logged(Level::error)) log_line(Level::error, file, line, part, sentence);
  return status;
}

int32_t status_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::file_missing:
    case ErrorCode::file_unreadable:
      return HB_DNN_CAN_NOT_OPEN_FILE;
    case ErrorCode::program_version:
      return HB_DNN_INCOMPATIBLE_MODEL;
    case ErrorCode::resources:
      return HB_DNN_OUT_OF_MEMORY;
    case ErrorCode::usage:
    case ErrorCode::file_unwritable:
    case ErrorCode::data_bad_size:
    case ErrorCode::data_bad_value:
      return HB_DNN_INVALID_ARGUMENT;
    default:
      return HB_DNN_INVALID_MODEL;
  }
}

ErrorCode last_error_code(int32_t status) noexcept {
  if (last_code != ErrorCode{}) return last_code;
  switch (status) {
    case HB_DNN_OUT_OF_MEMORY:
    case HB_DNN_MODEL_NUMBER_EXCEED_LIMIT:
    case HB_SYS_OUT_OF_MEMORY:
      return ErrorCode::resources;
    case HB_DNN_INVALID_MODEL:
    case HB_DNN_INCOMPATIBLE_MODEL:
    case HB_DNN_RUN_TASK_FAILED:
      return ErrorCode::program_step;
    default:
      return ErrorCode::usage;
  }
}

int32_t report_exception(const char* file, int line, const char* part) noexcept {
  try {
    throw;
  } catch (const Refusal& e) {
    return report(e.status(), file, line, part, e.what());
  } catch (const Error& e) {
    report(status_of(e.code()), file, line, part, e.what());
    last_code = e.code();
    return status_of(e.code());
  } catch (const std::bad_alloc&) {
    return report(HB_DNN_OUT_OF_MEMORY, file, line, part, kNoMemory);
  } catch (const std::exception& e) {  // the system refuses a lock or a thread
    return report(HB_DNN_OUT_OF_MEMORY, file, line, part, e.what());
  }
}

}  // namespace openhb::dnn

extern "C" {

const char* openhbGetLastError(void) { return openhb::dnn::last_error.c_str(); }

const char* openhbGetStatusName(int32_t status) {
  for (const auto& [value, name] : openhb::dnn::kStatusNames)
    if (value == status) return name;
  return "unknown status";
}

}  // extern "C"
