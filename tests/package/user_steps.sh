#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs inside the emulated board (in_root.sh) as an ordinary user: the package in ~/.local.
set -eu
failed() {
  echo "FAILED: $*"
  exit 1
}
[ "$(id -u)" = 1000 ] || failed "this is not the ordinary user"
export HOME=/home/user
cd /tmp
tar xzf /mnt/package.tar.gz
cd openhb-board-*
find "$HOME" | sort >/tmp/before
./install.sh
sees() { # CPU, levels that the library must find on it
  QEMU_CPU=$1 LD_LIBRARY_PATH=$HOME/.local/lib /mnt/client /mnt/model.bin "/mnt/out/$1.bin" >/tmp/client.log
  grep -qx "CPU: $2" /tmp/client.log || failed "$1: $(cat /tmp/client.log)"
}
sees cortex-a53 'neon'
sees cortex-a76 'neon dotprod'
sees max 'neon dotprod i8mm'
for cpu in cortex-a53 cortex-a76 max; do
  QEMU_CPU=$cpu OPENHB_OUT=$cpu sh /mnt/run.sh "$HOME/.local/bin/hrt_model_exec"
  QEMU_CPU=$cpu OPENHB_OUT=$cpu-static sh /mnt/run.sh "$HOME/.local/bin/hrt_model_exec_static"
done
mkdir "$HOME/locked" && chmod 555 "$HOME/locked"
if ./install.sh --prefix "$HOME/locked" 2>/tmp/message; then failed "it wrote into a folder without the right to"; fi
grep -q 'run as root or give --prefix' /tmp/message || failed "unclear: $(cat /tmp/message)"
rmdir "$HOME/locked"
./install.sh --uninstall
find "$HOME" | sort | cmp /tmp/before - || failed "removal left something"
echo "== done"
