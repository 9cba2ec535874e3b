// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/wording.h"

#include <array>

#include "common/text/text.h"
#include "host/verify/remote_text.h"

namespace openhb::verify {
namespace {

struct Meaning {
  std::string_view what, meaning;
};

constexpr std::array kSignals = {
    Meaning{"KILL", "somebody killed it, or the system because the board's memory ran out"},
    Meaning{"SEGV", "it crashed"},
    Meaning{"BUS", "it crashed, or a file that it read became shorter"},
    Meaning{"ABRT", "it crashed"},
    Meaning{"FPE", "it crashed"},
    Meaning{"ILL", "it uses an instruction that this CPU does not have"},
    Meaning{"TERM", "somebody stopped it"},
    Meaning{"INT", "somebody stopped it"},
    Meaning{"XCPU", "it used up its CPU time limit (ulimit -t)"},
    Meaning{"XFSZ", "it reached the limit of a file's size (ulimit -f)"},
};
// A shell between us and the program turns its signal into a status of 128 + number.
constexpr std::array kSignalNumbers = {
    std::pair{2, "INT"},   std::pair{4, "ILL"},   std::pair{6, "ABRT"},  std::pair{7, "BUS"},
    std::pair{8, "FPE"},   std::pair{9, "KILL"},  std::pair{11, "SEGV"}, std::pair{15, "TERM"},
    std::pair{24, "XCPU"}, std::pair{25, "XFSZ"},
};

bool says(const CommandResult& result, std::string_view words) {
  return result.err.find(words) != std::string::npos;
}

std::string signal_text(std::string_view signal) {
  for (const Meaning& row : kSignals)
    if (row.what == signal) return fmt::format("ended by signal {}: {}", signal, row.meaning);
  return fmt::format("ended by signal {}", printable(signal, 40));
}

std::string status_text(const CommandResult& result) {
  // A shell may take a program that the kernel refuses for a script, and complain about its first bytes.
  if (says(result, "xec format error") ||
      says(result,
           "\x7f"
           "ELF") ||
      says(result, "?ELF"))
    return fmt::format("exit status {}: the file is for another kind of machine, or damaged", result.status);
  if (result.status == 126)
    return "exit status 126: the file may not be executed (its rights, a folder mounted noexec, or another "
           "kind of machine)";
  if (result.status == 127)
    return "exit status 127: the program, or the loader or a library that it needs, is not there";
  for (const auto& [number, name] : kSignalNumbers)
    if (result.status == 128 + number) return signal_text(name);
  return fmt::format("exit status {}", result.status);
}

}  // namespace

std::string printable(std::string_view text, size_t most) {
  const bool cut = text.size() > most;
  if (cut) text.remove_prefix(text.size() - most);
  std::string line(text);
  for (char& c : line)
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  return (cut ? "..." : "") + trim(remote_text(line, line.size()));
}

std::string size_text(uint64_t bytes) {
  constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024; ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string failure_text(const CommandResult& result) {
  std::string text = result.signal.empty() ? status_text(result) : signal_text(result.signal);
  const std::string words = printable(result.err);
  return words.empty() ? text + "; it said nothing" : text + "; it said: " + words;
}

ErrorCode failure_code(const CommandResult& result) {
  for (const std::string_view words :
       {"No space left on device", "Disk quota exceeded", "Read-only file system"})
    if (says(result, words)) return ErrorCode::board_storage;
  return ErrorCode::board_command;
}

void require_success(const CommandResult& result, const std::string& name, std::string_view what) {
  if (!result.ok())
    fail(failure_code(result), "{} failed on the board {}: {}", what, name, failure_text(result));
}

}  // namespace openhb::verify
