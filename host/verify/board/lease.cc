// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/lease.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "common/error.h"
#include "host/verify/board/wording.h"

namespace openhb::verify {
namespace {

// Parameters: base, nonce, pause. For any POSIX shell: no `read -t`, no `find`. A heartbeat is kept as the
// name of a file: renaming needs no space on a full disk.
constexpr std::string_view kScript = R"sh(
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/bin:/bin
umask 077
trap '' HUP PIPE
exec 2>/dev/null
id=$$-$nonce
run=$base/run-$id
refuse() { printf 'refused %s\n' "$(printf '%s' "$*" | tr '\n' ' ')"; exit 1; }
# By their current folder: an environment cannot be looked into where a shell runs its tools without exec.
stop() {
  for p in $(ls -ld /proc/[0-9]*/cwd | sed -n "s|.* /proc/\([0-9]*\)/cwd -> .*/run-$1.*|\1|p"); do kill -KILL "$p"; done
}
discard() {
  for turn in 1 2 3 4 5; do
    stop "$1"
    rm -rf "$base/run-$1" && return
    sleep 1
  done
}
leave() { discard "$id"; rmdir "$base/cache" "$base"; }

make() { mkdir -p "$base/cache" && mkdir "$run" && : >"$run/.quiet"; }
# Once more: another script that ends just now may have removed an empty folder in between.
answer=$(make 2>&1) || answer=$(make 2>&1) || { rm -rf "$run"; refuse "$answer"; }
{ [ -O "$base" ] && [ ! -h "$base" ]; } || { rm -rf "$run"; refuse "$base belongs to somebody else"; }
for d in "$base"/run-*; do
  [ -d "$d" ] && [ "$d" != "$run" ] || continue
  old=${d##*/run-}
  pid=${old%%-*}
  case $pid-$old in -* | *[!0-9a-f-]*) continue ;; esac
  # Not grep alone: that of busybox ends a line at its first zero.
  kill -0 "$pid" && tr '\000' '\n' <"/proc/$pid/cmdline" | grep -qF "${old#*-}" && continue
  discard "$old"
done
(
  trap 'kill -KILL $nap; exit' TERM
  misses=0
  while [ $misses -lt 2 ]; do
    sleep "$pause" &
    nap=$!
    wait $nap
    if mv "$run/.alive" "$run/.quiet"; then misses=0; else misses=$((misses + 1)); fi
  done
  leave
  kill -KILL $$
) </dev/null >/dev/null &
watch=$!
printf 'ready %s\n' "$id"
exec >/dev/null
while read -r beat; do mv "$run/.quiet" "$run/.alive"; done
kill -TERM $watch
leave
)sh";

std::string make_nonce() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::random_device random;
  std::string text;
  for (int i = 0; i < 16; ++i) text += kDigits[random() % kDigits.size()];
  return text;
}

}  // namespace

std::string Lease::enter() const {
  return fmt::format(
      "LC_ALL=C; export LC_ALL\numask 077\n"
      "PATH=$PATH:/usr/bin:/bin\ncd {} || {{ echo 'the folder of this run is gone' >&2; exit 125; }}\n",
      shell_quoted(folder));
}

Lease take_lease(Connection& connection, const std::string& place, double pause) {
  Lease lease;
  lease.base = (place == "/" ? "" : place) + "/.openhb";
  const std::string nonce = make_nonce();
  const long seconds = std::max(1L, std::lround(std::ceil(std::min(pause, 86400.0))));
  const std::string command =
      fmt::format("base={} nonce={} pause={}", shell_quoted(lease.base), nonce, seconds) +
      std::string(kScript);
  const std::string line = connection.hold(command, static_cast<double>(seconds) / 4);
  const std::string expected = "-" + nonce;
  if (line.starts_with("ready ") && line.ends_with(expected)) {
    lease.id = line.substr(6);
    const std::string pid = lease.id.substr(0, lease.id.size() - expected.size());
    if (!pid.empty() && pid.size() < 12 && pid.find_first_not_of("0123456789") == std::string::npos) {
      lease.folder = lease.base + "/run-" + lease.id;
      return lease;
    }
  }
  if (!line.starts_with("refused "))
    fail(ErrorCode::board_unsuitable,
         "the board {} printed '{}' before a command did: a login script there (~/.bashrc) prints something "
         "when a "
         "command is run, which breaks scp, too",
         connection.name(), printable(line, 200));
  fail(ErrorCode::board_storage,
       "cannot make a folder for this run in '{}' on the board {}: {}; free space there, or name another "
       "folder "
       "with --board-dir",
       place, connection.name(), printable(line.substr(8)));
}

}  // namespace openhb::verify
