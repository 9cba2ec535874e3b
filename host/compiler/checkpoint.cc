// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/checkpoint.h"

#include <array>
#include <cstring>
#include <filesystem>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/io/file.h"

namespace openhb::compiler {
namespace {

constexpr std::string_view kMagic = "OpenHB calibration checkpoint 1\n";

// The file: magic, hash of the key, hash of the rest; number of remembered results, each with its name;
// statistics. Numbers as the machine has them: the file stays on it.
struct Head {
  std::array<char, kMagic.size()> magic;
  XXH128_hash_t key;
  XXH128_hash_t content;
  uint64_t remembered;
};

XXH128_hash_t hash(std::span<const std::byte> bytes) { return XXH3_128bits(bytes.data(), bytes.size()); }
XXH128_hash_t hash(const std::string& text) { return hash(std::as_bytes(std::span(text))); }

}  // namespace

Checkpoint::Checkpoint(std::string path, std::function<std::string()> key, const Reporter& reporter)
    : path_(std::move(path)), make_key_(std::move(key)), reporter_(reporter) {
  std::error_code ignored;
  if (path_.empty() || !std::filesystem::is_regular_file(path_, ignored)) return;
  try {
    load();
  } catch (const Error& e) {
    remembered_.clear();
    statistics_.clear();
    reporter_.warn(
        fmt::format("the checkpoint '{}' is not used: {}; the calibration starts anew", path_, e.what()));
  }
}

const std::string& Checkpoint::key() const {
  if (key_.empty()) key_ = make_key_();
  return key_;
}

void Checkpoint::load() {
  const std::vector<std::byte> file = read_file(path_);
  Head head;
  if (file.size() < sizeof head || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0)
    fail(ErrorCode::data_bad_value, "it is no checkpoint of this version");
  std::memcpy(&head, file.data(), sizeof head);
  std::span<const std::byte> rest = std::span(file).subspan(sizeof head);
  if (!XXH128_isEqual(head.content, hash(rest))) fail(ErrorCode::data_bad_value, "it is damaged");
  if (!XXH128_isEqual(head.key, hash(key())))
    fail(ErrorCode::data_bad_value,
         "it belongs to another model, configuration, tool version or set of samples");
  for (uint64_t i = 0; i < head.remembered; ++i) {
    std::array<uint64_t, 1> size{};
    double value = 0;
    if (rest.size() < sizeof size) fail(ErrorCode::data_bad_value, "it is damaged");
    std::memcpy(size.data(), rest.data(), sizeof size);
    rest = rest.subspan(sizeof size);
    if (rest.size() < sizeof value || rest.size() - sizeof value < size[0])
      fail(ErrorCode::data_bad_value, "it is damaged");
    std::string what(reinterpret_cast<const char*>(rest.data()), size[0]);
    std::memcpy(&value, rest.data() + size[0], sizeof value);
    remembered_[std::move(what)] = value;
    rest = rest.subspan(size[0] + sizeof value);
  }
  statistics_.assign(rest.begin(), rest.end());
  on_disk_ = true;
}

bool Checkpoint::restore(Statistics& statistics, const Statistics& expected) const {
  if (statistics_.empty()) return false;
  try {
    statistics = decode(statistics_, expected);
    return true;
  } catch (const Error& e) {
    reporter_.warn(fmt::format("the checkpoint '{}' is not used: {}", path_, e.what()));
    return false;
  }
}

void Checkpoint::update(const Statistics& statistics) { statistics_ = encode(statistics); }

void Checkpoint::write_if_due() {
  const std::unique_lock lock(writing_, std::try_to_lock);
  if (lock && due()) write();
}

void Checkpoint::write() {
  written_ = Clock::now();
  if (failed_ || path_.empty()) return;
  std::vector<std::byte> file(sizeof(Head));
  const auto append = [&](const void* from, size_t size) {
    const auto* bytes = static_cast<const std::byte*>(from);
    file.insert(file.end(), bytes, bytes + size);
  };
  Head head{};
  {
    const std::lock_guard lock(mutex_);
    head.remembered = remembered_.size();
    for (const auto& [what, value] : remembered_) {
      const uint64_t size = what.size();
      append(&size, sizeof size);
      append(what.data(), what.size());
      append(&value, sizeof value);
    }
  }
  append(statistics_.data(), statistics_.size());
  std::memcpy(head.magic.data(), kMagic.data(), kMagic.size());
  head.key = hash(key());
  head.content = hash(std::span<const std::byte>(file).subspan(sizeof head));
  std::memcpy(file.data(), &head, sizeof head);
  try {
    write_file_atomically(path_, file);
    on_disk_ = true;
  } catch (const Error& e) {
    failed_ = true;
    reporter_.warn(
        fmt::format("no checkpoint is kept, an interrupted calibration will start anew: {}", e.what()));
  }
  written_ = Clock::now();
}

bool Checkpoint::remembers(const std::string& what) const {
  const std::lock_guard lock(mutex_);
  return remembered_.contains(what);
}

double Checkpoint::remember(const std::string& what, const std::function<double()>& compute) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = remembered_.find(what); it != remembered_.end()) return it->second;
  }
  const double value = compute();
  const std::lock_guard lock(mutex_);
  return remembered_[what] = value;
}

}  // namespace openhb::compiler
