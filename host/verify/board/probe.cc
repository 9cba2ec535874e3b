// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/probe.h"

#include <algorithm>
#include <map>
#include <optional>

#include "common/text/text.h"
#include "host/verify/board/answer.h"
#include "host/verify/board/wording.h"
#include "host/verify/remote_text.h"

namespace openhb::verify {
namespace {

constexpr size_t kLongestAnswer = size_t{4} << 20;
constexpr size_t kLongestPath = 2000;

struct Section {
  std::string_view name;
  std::vector<std::string_view> lines;
};

std::vector<Section> sections(std::string_view answer) {
  std::vector<Section> found;
  while (!answer.empty()) {
    const std::string_view line = answer.substr(0, answer.find('\n'));
    answer.remove_prefix(std::min(line.size() + 1, answer.size()));
    if (line.starts_with("@@ "))
      found.push_back({line.substr(3), {}});
    else if (!found.empty() && !line.empty())
      found.back().lines.push_back(line);
  }
  return found;
}

// "Key : value" and "key value" lines.
std::optional<std::string_view> value_of(std::string_view line, std::string_view key, char separator) {
  if (!line.starts_with(key)) return std::nullopt;
  line.remove_prefix(key.size());
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (separator != ' ') {
    if (!line.starts_with(separator)) return std::nullopt;
    line.remove_prefix(1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  }
  return line;
}

std::string first_line(const Section& section, size_t most = 100) {
  return section.lines.empty() ? "" : printable(section.lines[0].substr(0, most), most);
}

void parse_libc(const Section& section, BoardFacts& facts) {
  const std::string text = first_line(section, 200);
  const auto numbers = [](std::string_view rest) {
    return std::string(rest.substr(0, rest.find_first_not_of("0123456789.")));
  };
  if (text.starts_with("glibc "))
    facts.libc = "glibc " + numbers(std::string_view(text).substr(6));
  else if (const size_t at = text.rfind("release version ");
           text.starts_with("GNU C Library") && at != std::string::npos)
    facts.libc = "glibc " + trim(numbers(std::string_view(text).substr(at + 16)));
  else if (text.starts_with("musl"))
    facts.libc = section.lines.size() > 1 && section.lines[1].starts_with("Version ")
                     ? "musl " + numbers(section.lines[1].substr(8))
                     : "musl";
  while (facts.libc.ends_with('.')) facts.libc.pop_back();
}

void parse_cpuinfo(const Section& section, BoardFacts& facts) {
  const bool arm = facts.architecture == "aarch64";
  std::vector<std::string> names;
  uint32_t implementer = 0;
  for (const std::string_view line : section.lines) {
    if (const auto text = value_of(line, "CPU implementer", ':'))
      implementer = number<uint32_t>(*text, 16).value_or(0);
    std::string name;
    if (const auto text = value_of(line, "CPU part", ':')) {
      const uint32_t part = number<uint32_t>(*text, 16).value_or(0);
      name = cpu_name(implementer, part);
      if (name.empty()) name = fmt::format("CPU {:#x}:{:#x}", implementer, part);
    } else if (const auto model = value_of(line, "model name", ':'); model && !arm) {
      name = printable(*model, 100);  // on aarch64 an emulator shows its host's here
    }
    if (!name.empty() && std::ranges::find(names, name) == names.end() && names.size() < 4)
      names.push_back(name);
    const auto features = value_of(line, arm ? "Features" : "flags", ':');
    if (features && facts.features.empty())
      for (const std::string& word : split(printable(*features, 4000), ' ')) facts.features.push_back(word);
  }
  if (!names.empty()) facts.cpu = fmt::format("{}", fmt::join(names, " + "));
}

// What the kernel (or an emulator) tells programs, for where /proc/cpuinfo is of another machine.
void parse_auxv(const Section& section, BoardFacts& facts) {
  constexpr uint64_t kHwcapEntry = 16, kHwcap2Entry = 26;
  if (facts.architecture != "aarch64" || !facts.features.empty()) return;
  std::vector<uint64_t> words;
  for (const std::string_view line : section.lines)
    for (const std::string& word : split(line, ' ')) words.push_back(number<uint64_t>(word, 16).value_or(0));
  std::map<uint64_t, uint64_t> entries;
  for (size_t i = 0; i + 1 < words.size(); i += 2) entries.emplace(words[i], words[i + 1]);
  facts.features = aarch64_features(entries[kHwcapEntry], entries[kHwcap2Entry]);
}

void parse_memory(const Section& section, BoardFacts& facts) {
  for (const std::string_view line : section.lines)
    if (const auto text = value_of(line, "MemTotal", ':')) {
      const uint64_t kib = number<uint64_t>(text->substr(0, text->find(' '))).value_or(0);
      facts.memory_bytes = kib < (uint64_t{1} << 50) ? kib * 1024 : 0;
    }
}

// Columns: device, mount point, kind, flags. The last line of a mount point lies on top.
bool has_flag(std::string_view flag, std::string_view mount, const std::vector<std::string_view>& mounts) {
  bool found = false;
  for (const std::string_view row : mounts) {
    const std::vector<std::string> columns = split(row, ' ');
    if (columns.size() < 4 || columns[1] != mount) continue;
    const std::vector<std::string> flags = split(columns[3], ',');
    found = std::ranges::find(flags, flag) != flags.end();
  }
  return found;
}

Place parse_place(const Section& section, const std::vector<std::string_view>& mounts) {
  Place place;
  for (const std::string_view line : section.lines) {
    if (const auto asked = value_of(line, "asked ", ' ')) place.asked = printable(*asked, kLongestPath);
    if (line.starts_with("path ")) place.path = line.substr(5);
    if (const auto problem = value_of(line, "problem ", ' ')) place.problem = printable(*problem);
    if (const auto disk = parse_df(line)) {
      place.free_bytes = disk->free_bytes;
      place.noexec = has_flag("noexec", disk->mount, mounts);
      // Some shells' [ -w ] only look at the rights.
      if (place.problem.empty() && has_flag("ro", disk->mount, mounts))
        place.problem = "it is mounted read-only";
    }
  }
  if (place.problem.empty() && (!place.path.starts_with('/') || place.path.size() > kLongestPath))
    place.problem = "the board does not say where it is";
  // Messages and reports name it.
  if (place.problem.empty() && remote_text(place.path, kLongestPath) != place.path)
    place.problem = "its path has control characters, or is no UTF-8";
  return place;
}

FoundRuntime parse_runtime(const Section& section) {
  FoundRuntime runtime;
  for (const std::string_view line : section.lines) {
    if (line.starts_with("path ")) runtime.path = line.substr(5, kLongestPath);
    if (const auto status = value_of(line, "status ", ' '))
      runtime.status = number<int>(*status).value_or(-1);
    if (const auto answer = value_of(line, "answer ", ' '); answer && runtime.answer.empty())
      runtime.answer = printable(*answer, 300);
  }
  if (runtime.status == 0 && remote_text(runtime.path, kLongestPath) == runtime.path)
    runtime.version = runtime_version(runtime.answer);
  return runtime;
}

}  // namespace

std::string runtime_version(std::string_view answer) {
  constexpr std::string_view kName = "hrt_model_exec ";
  if (!answer.starts_with(kName)) return "";
  answer.remove_prefix(kName.size());
  const size_t end = answer.find(' ');
  if (end == 0 || end == std::string_view::npos || end > 40 || !answer.substr(end).starts_with(" (OpenHB)"))
    return "";
  return printable(answer.substr(0, end));
}

Probe parse_probe(std::string_view answer, double now) {
  const auto text = after_mark(answer.substr(0, kLongestAnswer));
  if (!text)
    fail(ErrorCode::board_unsuitable,
         "the board's shell did not run a script as a POSIX shell does; it answered: {}",
         answer.empty() ? "nothing" : printable(answer.substr(0, 300)));
  Probe probe;
  BoardFacts& facts = probe.facts;
  const std::vector<Section> all = sections(*text);
  std::vector<std::string_view> mounts;
  for (const Section& section : all) {
    if (section.name == "architecture") facts.architecture = first_line(section, 40);
    if (section.name == "kernel") facts.kernel = first_line(section);
    if (section.name == "libc") parse_libc(section, facts);
    if (section.name == "cpuinfo") parse_cpuinfo(section, facts);
    if (section.name == "auxv") parse_auxv(section, facts);
    if (section.name == "processors")
      facts.processors = std::clamp(number<int>(first_line(section)).value_or(0), 0, 100'000);
    if (section.name == "memory") parse_memory(section, facts);
    if (section.name == "mounts") mounts = section.lines;
    if (section.name == "place") probe.places.push_back(parse_place(section, mounts));
    if (section.name == "runtime") probe.runtimes.push_back(parse_runtime(section));
    if (section.name == "clock")
      if (const auto seconds = number<int64_t>(first_line(section)))
        facts.clock_difference = static_cast<double>(*seconds) + 0.5 - now;  // it counts whole ones
    if (section.name == "model" && !section.lines.empty() && facts.cpu.empty())
      facts.cpu = first_line(section);
  }
  if (all.empty() || all.back().name != "end" || facts.architecture.empty())
    fail(ErrorCode::board_unsuitable, "the board's answer about itself is incomplete: {}",
         printable(text->substr(0, 300)));
  return probe;
}

}  // namespace openhb::verify
