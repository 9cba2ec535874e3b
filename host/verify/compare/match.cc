// SPDX-License-Identifier: Apache-2.0
#include "host/verify/compare/match.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "common/io/file_name.h"
#include "device/dnn/dump.h"

namespace openhb::verify {
namespace fs = std::filesystem;
namespace {

std::string stem_of(const std::string& file) { return fs::path(file).stem().string(); }

std::vector<std::string> names_in(const std::string& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) fail(ErrorCode::file_missing, "folder '{}' does not exist", folder);
  std::vector<std::string> names;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error))
    if (file_kind(at->path().filename().string())) names.push_back(at->path().filename().string());
  if (error) fail(ErrorCode::file_unreadable, "cannot list the folder '{}': {}", folder, error.message());
  std::ranges::sort(names);
  return names;
}

std::string without_float(const std::string& stem) {
  constexpr std::string_view kSuffix = "_float";
  return stem.size() > kSuffix.size() && stem.ends_with(kSuffix)
             ? stem.substr(0, stem.size() - kSuffix.size())
             : stem;
}

// What a side is called in one round of matching; "" takes no part.
using Key = std::function<std::string(const TensorFiles&)>;

std::string index_name(const TensorFiles& t) { return t.entry ? t.entry->name : ""; }
std::string kind_and_name(const TensorFiles& t) {
  return index_name(t).empty() ? "" : t.entry->kind + ' ' + t.entry->name;
}
std::string plain_name(const TensorFiles& t) {
  std::set<std::string> none;
  return without_float(index_name(t).empty() ? t.stem : file_stem(t.entry->name, none));
}

// The pair of files of the same kind if there is one; .bin has every bit, so has .npy.
TensorPair pair_of(const TensorFiles& left, const TensorFiles& right) {
  for (const std::string& a : left.files)
    for (const std::string& b : right.files)
      if (file_kind(a) == file_kind(b)) return {&left, &right, a, b};
  return {&left, &right, left.files[0], right.files[0]};
}

}  // namespace

TensorFolder list_tensors(const std::string& folder, bool use_index) {
  TensorFolder result{folder, {}, {}};
  const std::vector<std::string> names = names_in(folder);
  std::set<std::string> left(names.begin(), names.end());
  if (use_index && fs::exists(fs::path(folder) / dnn::kDumpIndex))
    for (DumpEntry& entry : read_dump_index(folder)) {
      TensorFiles tensor{stem_of(entry.files[0]), {}, {}};
      for (const std::string& file : entry.files) {
        if (left.erase(file) > 0)
          tensor.files.push_back(file);
        else if (file_kind(file) && !std::ranges::binary_search(names, file))
          result.missing.push_back(file);
      }
      tensor.entry = std::move(entry);
      if (!tensor.files.empty()) result.tensors.push_back(std::move(tensor));
    }
  std::map<std::string, TensorFiles> others;
  for (const std::string& file : left) {
    TensorFiles& tensor = others[stem_of(file)];
    tensor.stem = stem_of(file);
    tensor.files.push_back(file);
  }
  for (auto& [stem, tensor] : others) result.tensors.push_back(std::move(tensor));
  for (TensorFiles& tensor : result.tensors)
    std::ranges::sort(tensor.files, {},
                      [](const std::string& file) { return std::pair(file_kind(file), file); });
  return result;
}

Matches match(const TensorFolder& left, const TensorFolder& right) {
  const std::array<Key, 5> rounds = {kind_and_name, &TensorFiles::stem, index_name,
                                     [](const TensorFiles& t) { return without_float(t.stem); }, plain_name};
  std::vector<const TensorFiles*> partner(left.tensors.size());
  std::set<const TensorFiles*> taken;
  for (const Key& key_of : rounds) {
    std::multimap<std::string, const TensorFiles*> open;  // equal keys in their order
    for (const TensorFiles& t : right.tensors)
      if (const std::string key = key_of(t); !key.empty() && !taken.contains(&t)) open.emplace(key, &t);
    for (size_t i = 0; i < left.tensors.size(); ++i) {
      if (partner[i]) continue;
      const std::string key = key_of(left.tensors[i]);
      const auto at = open.lower_bound(key);
      if (at == open.end() || at->first != key) continue;
      partner[i] = at->second;
      taken.insert(at->second);
      open.erase(at);
    }
  }
  Matches matches;
  for (size_t i = 0; i < left.tensors.size(); ++i)
    if (partner[i])
      matches.pairs.push_back(pair_of(left.tensors[i], *partner[i]));
    else
      matches.only_left.push_back(&left.tensors[i]);
  for (const TensorFiles& t : right.tensors)
    if (!taken.contains(&t)) matches.only_right.push_back(&t);
  return matches;
}

}  // namespace openhb::verify
