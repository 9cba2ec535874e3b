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
# A custom operator: a plug-in, which only the dynamically linked program can load.
custom() {
  HB_DNN_PLUGIN_PATH=/mnt/custom_op "$HOME/.local/bin/$1" infer --model_file /mnt/custom_op/custom_op.bin \
    --input_file /mnt/custom_op/0.bin --enable_dump --dump_intermediate 1 --dump_path "/mnt/out/$2" >/tmp/custom.log 2>&1
}
custom hrt_model_exec custom_op || failed "with a plug-in: $(cat /tmp/custom.log)"
if custom hrt_model_exec_static none; then failed "a static program loaded a plug-in"; fi
grep -q 'linked statically' /tmp/custom.log || failed "unclear: $(cat /tmp/custom.log)"
mkdir "$HOME/locked" && chmod 555 "$HOME/locked"
if ./install.sh --prefix "$HOME/locked" 2>/tmp/message; then failed "it wrote into a folder without the right to"; fi
grep -q 'run as root or give --prefix' /tmp/message || failed "unclear: $(cat /tmp/message)"
rmdir "$HOME/locked"
./install.sh --uninstall
find "$HOME" | sort | cmp /tmp/before - || failed "removal left something"
echo "== done"
