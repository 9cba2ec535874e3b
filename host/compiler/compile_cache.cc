// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/compile_cache.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/io/file.h"
#include "common/program/file.h"
#include "device/engine/model.h"
#include "host/compiler/fingerprint.h"

namespace openhb::compiler {
namespace {

constexpr int kFormat = 1;
constexpr size_t kMostEntries = 32, kMostBytes = 64 * 1024, kHashDigits = 32;

bool is_hash(const std::string& text) {
  return text.size() == kHashDigits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Throws nlohmann::json::exception, or Error for values that this class would not write.
std::vector<CacheEntry> parse(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  if (json.at("format").get<int>() != kFormat)
    fail(ErrorCode::compile_failed, "its format is not {}", kFormat);
  std::vector<CacheEntry> entries;
  for (const auto& item : json.at("entries")) {
    CacheEntry entry{item.at("key").get<std::string>(), item.at("bin").get<std::string>(),
                     item.at("plans").get<size_t>()};
    if (!is_hash(entry.key) || !is_hash(entry.binary))
      fail(ErrorCode::compile_failed, "it holds something else than hashes");
    entries.push_back(std::move(entry));
  }
  if (entries.size() > kMostEntries) fail(ErrorCode::compile_failed, "it has too many entries");
  return entries;
}

}  // namespace

CompileCache::CompileCache(const std::string& path, const std::function<void(const std::string&)>& warn) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return;
  const auto ignore = [&](const std::string& why) {
    entries_.clear();
    warn(fmt::format("the compile cache '{}' is ignored: {}; a new one will be written", path, why));
  };
  try {
    const auto size = std::filesystem::file_size(path, error);
    if (error || size > kMostBytes) fail(ErrorCode::compile_failed, "it is no file of a compile cache");
    entries_ = parse(read_text_file(path));
  } catch (const nlohmann::json::exception&) {
    ignore("it is damaged");
  } catch (const Error& e) {
    ignore(e.what());
  }
}

std::optional<CompileCache::Hit> CompileCache::find(const std::string& key,
                                                    const std::string& bin_path) const {
  for (const CacheEntry& entry : entries_) {
    if (entry.key != key) continue;
    try {
      const auto file = MappedFile::open(bin_path);
      if (fingerprint(file->bytes()) != entry.binary) return std::nullopt;
      Program program = parse_program(file->bytes(), file);
      engine::Model::create(program);
      return Hit{entry, std::move(program)};
    } catch (const Error&) {
      return std::nullopt;  // gone, or not a program: it is made again
    }
  }
  return std::nullopt;
}

void CompileCache::add(CacheEntry entry) {
  std::erase_if(entries_, [&](const CacheEntry& old) { return old.key == entry.key; });
  if (entries_.size() == kMostEntries) entries_.erase(entries_.begin());
  entries_.push_back(std::move(entry));
}

std::string CompileCache::text() const {
  nlohmann::ordered_json json{{"format", kFormat}, {"entries", nlohmann::ordered_json::array()}};
  for (const CacheEntry& entry : entries_)
    json["entries"].push_back({{"key", entry.key}, {"bin", entry.binary}, {"plans", entry.plans}});
  return json.dump(2) + "\n";
}

}  // namespace openhb::compiler
