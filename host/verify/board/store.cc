// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/store.h"

#include <filesystem>
#include <vector>

#include "common/error.h"
#include "common/io/file.h"
#include "common/io/hash.h"
#include "host/report/progress.h"
#include "host/verify/board/answer.h"
#include "host/verify/board/sha256.h"
#include "host/verify/board/wording.h"

namespace openhb::verify {
namespace {

constexpr uint64_t kSpare = 256 << 10;  // on the disk, for folders and small files

// Of all scripts. Parameters: name, hash, size, sum, cache.
constexpr std::string_view kFunctions = R"sh(
good() {
  { [ -f "$1" ] && [ ! -h "$1" ]; } || return 1
  set -- "$1" $(wc -c <"$1")
  [ "$2" = "$size" ] || { echo "it has $2 bytes instead of $size" >&2; return 1; }
  command -v sha256sum >/dev/null || return 0
  set -- $(sha256sum <"$1")
  [ "$1" = "$sum" ] || { echo "its SHA-256 is $1 instead of $sum" >&2; return 1; }
}
# A second name: the file stays when another run removes it from the cache. Some file systems have no links.
take() { rm -f "$name" && { ln "$cache/$hash" "$name" 2>/dev/null || cp -p "$cache/$hash" "$name"; }; }
)sh";

constexpr std::string_view kFetch = R"sh(
echo @openhb
if good "$cache/$hash" 2>/dev/null && touch "$cache/$hash" && take; then
  echo here
else
  rm -f "$cache/$hash"
  echo missing
  df -Pk . | sed -n '2s/^/df /p'
  ls -tln "$cache" | head -n 1000
fi
)sh";

// Parameter: old (files of the cache to remove).
constexpr std::string_view kSend = R"sh(
for f in $old; do rm -f "$cache/$f"; done
cat >upload || { rm -f upload; exit 1; }
)sh";

// Parameter: keep.
constexpr std::string_view kAccept = R"sh(
{ good upload && chmod 700 upload; } || { rm -f upload; exit 1; }
if [ $keep = 1 ]; then
  mkdir -p "$cache" && mv -f upload "$cache/$hash" && take || exit 1
else
  mv -f upload "$name" || exit 1
fi
)sh";

// A board computes a hash in silence: at least this many bytes a second.
constexpr double kSlowestHash = 5e6;
constexpr double kPatience = 60;  // seconds, for all else

struct Contents {
  uint64_t free_bytes = UINT64_MAX;  // unknown
  std::vector<CachedFile> files;     // last used first
};

Contents parse_contents(std::string_view text) {
  Contents contents;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (const auto disk = parse_df(line))
      contents.free_bytes = disk->free_bytes;
    else if (auto file = parse_cached_file(line))
      contents.files.push_back(std::move(*file));
  }
  return contents;
}

// The files to remove before one of `size` bytes comes: those used longest ago, as many as the cache's bounds
// and the disk ask for.
std::string obsolete(Contents& contents, uint64_t size) {
  uint64_t total = 0;
  for (const CachedFile& file : contents.files)
    total = file.size > UINT64_MAX - total ? UINT64_MAX : total + file.size;
  std::string names;
  while (!contents.files.empty() &&
         (contents.files.size() >= kCacheFiles || total > kCacheBytes - std::min(size, kCacheBytes) ||
          contents.free_bytes < size + kSpare)) {
    const CachedFile& last = contents.files.back();
    names += last.hash + " ";
    total -= std::min(total, last.size);
    if (last.size < UINT64_MAX - contents.free_bytes) contents.free_bytes += last.size;
    contents.files.pop_back();
  }
  return names;
}

}  // namespace

struct Store::Item {
  std::string local_file, name, hash;
  std::span<const std::byte> bytes;
  std::string command;     // start of its scripts
  CommandOptions hashing;  // of scripts that use good()
};

void Store::bring(const std::string& local_file, const std::string& name) {
  const auto file = MappedFile::open(local_file);
  Item item{local_file, name, hash_text(file->bytes()), file->bytes(), "", {}};
  item.hashing.limit = kPatience + static_cast<double>(item.bytes.size()) / kSlowestHash;
  item.command =
      lease_.enter() + fmt::format("name={} hash={} size={} sum={} cache={}", shell_quoted(name), item.hash,
                                   item.bytes.size(), sha256_text(item.bytes), shell_quoted(lease_.cache()));
  item.command += kFunctions;
  if (!fetch_from_cache(item)) send(item);
}

bool Store::fetch_from_cache(const Item& item) {
  const CommandResult result = connection_.run(item.command + std::string(kFetch), item.hashing);
  require_success(result, connection_.name(), "looking into the cache");
  std::string_view text = after_mark(result.out).value_or("");
  const std::string_view word = take_line(text);
  if (word != "here" && word != "missing")
    fail(ErrorCode::board_command, "looking into the cache on the board {}: it answered '{}'",
         connection_.name(), printable(result.out, 200));
  answer_ = text;
  return word == "here";
}

void Store::send(const Item& item) {
  Contents contents = parse_contents(answer_);
  const uint64_t size = item.bytes.size();
  const std::string old = obsolete(contents, size);
  if (contents.free_bytes < size + kSpare)
    fail(ErrorCode::board_storage,
         "'{}' needs {} on the board {}, {} has {} free; free space there, or name another folder with "
         "--board-dir",
         item.local_file, size_text(size + kSpare), connection_.name(), lease_.base,
         size_text(contents.free_bytes));
  const std::string file_name = std::filesystem::path(item.local_file).filename();
  if (options_.info) options_.info(fmt::format("sending {} ({})", file_name, size_text(size)));
  CommandOptions command;
  command.input = item.bytes;
  uint64_t shown = 0;
  report::Progress bar("sending " + file_name, "KiB", options_.progress ? size >> 10 : 0);
  command.progress = [&](uint64_t sent, uint64_t) {
    if (sent >> 10 > shown) bar.advance((sent >> 10) - shown);
    shown = std::max(shown, sent >> 10);
  };
  const std::string what =
      fmt::format("sending '{}' ({}) to {}", item.local_file, size_text(size), lease_.base);
  const std::string start =
      item.command + fmt::format("\nkeep={:d} old={}", options_.keep, shell_quoted(old));
  require_success(connection_.run(start + std::string(kSend), command), connection_.name(), what);
  require_success(connection_.run(start + std::string(kAccept), item.hashing), connection_.name(), what);
}

}  // namespace openhb::verify
