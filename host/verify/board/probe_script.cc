// SPDX-License-Identifier: Apache-2.0
#include "common/error.h"
#include "host/verify/board/probe.h"

namespace openhb::verify {
namespace {

// The positional parameters are the folders to look at; `given` is the runtime that was asked for. Needs a
// POSIX shell; every other command may be missing. No answer is longer than a page or two.
constexpr std::string_view kScript = R"sh(
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
exec 2>/dev/null </dev/null
echo @openhb
few() { head -n "$1" | cut -c 1-4000; }
section() { echo "@@ $1"; }
section architecture; uname -m
section kernel; uname -r
section libc
getconf GNU_LIBC_VERSION || for l in /lib/*/libc.so.6 /lib64/libc.so.6 /lib/libc.so.6 /lib/ld-musl-*.so.1; do
  if [ -x "$l" ]; then "$l" 2>&1 | few 2; break; fi
done
section model; tr '\000' '\n' </proc/device-tree/model | few 1
section cpuinfo; grep -E '^(model name|Features|flags|CPU implementer|CPU part)' /proc/cpuinfo | few 2000
section auxv; od -An -v -tx8 /proc/self/auxv | few 40
section processors; getconf _NPROCESSORS_ONLN || nproc || grep -c '^processor' /proc/cpuinfo
section memory; few 5 </proc/meminfo
section clock; date +%s
section mounts; few 300 </proc/mounts
for d in "$@"; do
  [ -n "$d" ] || continue
  section place
  printf 'asked %s\n' "$d"
  if p=$(cd "$d" && pwd -P); then
    b=$p/.openhb
    printf 'path %s\n' "$p"
    if [ -h "$b" ] || [ -e "$b" ]; then
      if [ -h "$b" ] || [ ! -d "$b" ] || [ ! -O "$b" ]; then
        echo "problem $b belongs to somebody else"
      elif [ ! -w "$b" ]; then
        echo "problem $b cannot be written to"
      fi
    elif [ ! -w "$p" ]; then
      echo 'problem it cannot be written to (read-only, or no right to)'
    fi
    df -Pk "$p" | sed -n '2s/^/df /p'
  else
    echo 'problem there is no such folder, or no right to enter it'
  fi
done
seen=:
try() {
  [ -f "$1" ] || return 1
  case $seen in *":$1:"*) return 1 ;; esac
  seen=$seen$1:
  section runtime
  printf 'path %s\n' "$1"
  a=$("$1" --version 2>&1)
  printf 'status %s\n' $?
  printf '%s\n' "$a" | few 3 | sed 's/^/answer /'
  case $a in hrt_model_exec*'(OpenHB)'*) return 0 ;; esac
  return 1
}
if [ -n "$given" ]; then
  try "$given"
else
  try "$(command -v hrt_model_exec)" || for d in /usr/bin /usr/local/bin "$HOME/.local/bin" /opt/openhb/bin \
    /opt/openhb*/bin /opt/*/openhb*/bin /userdata/openhb*/bin "$HOME"/openhb*/bin; do
    try "$d/hrt_model_exec" || try "$d/hrt_model_exec_static" && break
  done
fi
section end
)sh";

void check_path(const std::string& path) {
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20)
      fail(ErrorCode::usage, "the path '{}' on the board has control characters",
           shell_quoted(path.substr(0, 80)));
}

}  // namespace

std::string probe_script(const BoardOptions& options) {
  check_path(options.folder);
  check_path(options.runtime);
  std::string script = "set -- ";
  script += options.folder.empty() ? "/userdata \"$HOME\" /tmp" : shell_quoted(options.folder);
  script += "\ngiven=" + shell_quoted(options.runtime);
  return script + std::string(kScript);
}

}  // namespace openhb::verify
