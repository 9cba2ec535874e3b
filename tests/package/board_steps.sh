#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs inside the emulated board (in_root.sh) as root: installs, uses and removes the package in every way.
# /mnt: package.tar.gz; trees old, incomplete and too_new made from it; run.sh, client (a program linked with libdnn).
set -eu
failed() {
  echo "FAILED: $*"
  exit 1
}
files() { find / -xdev ! -path '/tmp*' ! -path '/mnt*' | sort; }
free() { df -k /small | awk 'END {print $4}'; }
refuses() { # words that the message must have, command...
  words=$1
  shift
  if message=$("$@" 2>&1); then failed "$* did not fail: $message"; fi
  case $message in *"$words"*) ;; *) failed "$*: the message lacks '$words': $message" ;; esac
  files >/tmp/now
  cmp -s /tmp/before /tmp/now || failed "$* left something: $(diff /tmp/before /tmp/now)"
}
cd /tmp
tar xzf /mnt/package.tar.gz
package=$(echo /tmp/openhb-board-*)
mkdir -p /opt
files >/tmp/before

echo "== root, /usr"
"$package/install.sh"
OPENHB_OUT=root sh /mnt/run.sh hrt_model_exec
/mnt/client /mnt/model.bin /mnt/out/client.bin >/tmp/client.log
hrt_bin_dump --version
hrt_model_exec_static --version
"$package/install.sh" --uninstall
files >/tmp/now
cmp /tmp/before /tmp/now || failed "removal left something: $(diff /tmp/before /tmp/now)"

echo "== over an older version, removed by the installed copy"
/mnt/old/install.sh --prefix /opt/openhb
[ -f /opt/openhb/lib/libdnn.so.0.0.1 ] || failed "the old version is not there"
"$package/install.sh" --prefix /opt/openhb
[ ! -e /opt/openhb/lib/libdnn.so.0.0.1 ] || failed "a file of the old version stayed"
(cd /opt/openhb && find . -type f -o -type l) | sed 's|^\./||' | grep -v '^share/openhb/directories$' | sort >/tmp/installed
sort /opt/openhb/share/openhb/manifest | cmp - /tmp/installed || failed "files and manifest differ"
/opt/openhb/bin/hrt_model_exec --version
sh /opt/openhb/share/openhb/install.sh --uninstall
files >/tmp/now
cmp /tmp/before /tmp/now || failed "removal left something: $(diff /tmp/before /tmp/now)"

echo "== a disk with room for one and a half, then for exactly one"
room=$(free)
"$package/install.sh" --prefix /small/openhb
need=$((room - $(free)))
(cd /small && find . -type f -exec sha256sum {} +) >/tmp/sums
refuses 'nothing was changed' "$package/install.sh" --prefix /small/openhb
(cd /small && find . -type f -exec sha256sum {} +) | cmp - /tmp/sums || failed "the full disk harmed what was there"
sh /small/openhb/share/openhb/install.sh --uninstall
dd if=/dev/zero of=/small/filling bs=1k count=$((room - need)) 2>/dev/null
if "$package/install.sh" --prefix /small/openhb >/tmp/message 2>&1; then
  sh /small/openhb/share/openhb/install.sh --uninstall
else
  grep -q 'nothing was changed' /tmp/message || failed "unclear: $(cat /tmp/message)"
fi
[ "$(ls /small)" = filling ] || failed "on a full disk this was left: $(find /small)"

echo "== refusals"
refuses 'is incomplete' /mnt/incomplete/install.sh
refuses 'They need glibc 2.31 or newer' /mnt/too_new/install.sh
refuses 'is not installed' "$package/install.sh" --uninstall
refuses 'unknown argument' "$package/install.sh" --prefx /opt
mkdir -p /usr/lib && echo vendor >/usr/lib/libdnn.so
files >/tmp/before
refuses /usr/lib/libdnn.so "$package/install.sh"
[ "$(cat /usr/lib/libdnn.so)" = vendor ] || failed "a file of somebody else was replaced"
"$package/install.sh" --force
[ -L /usr/lib/libdnn.so ] || failed "--force did not replace"
"$package/install.sh" --uninstall
echo "== done"
