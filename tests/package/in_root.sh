#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# in_root.sh TREE FOLDER [--user] COMMAND...: runs COMMAND as root (or as user 1000) of an arm64 system made of TREE
# (scripts/sysroot), emulated. It sees only TREE, which stays as it is, and FOLDER as /mnt. /small is a file system of
# $SMALL KiB (1024). Needs no root rights: a user namespace with its own binfmt_misc. Ends with 77 and a reason where the system does
# not allow that.
set -euo pipefail
if [ "$1" != --inside ]; then
  reason=$( { unshare -U -r -m true && unshare -U -r -m mount -t binfmt_misc none /mnt; } 2>&1) || {
    echo "skipped: no user namespaces with their own binfmt_misc here (${reason##*: })"
    exit 77
  }
  exec unshare -U -r -n -m -p -f --kill-child --mount-proc "$0" --inside "$@"
fi
tree=$(realpath "$2") folder=$(realpath "$3")
shift 3
top=/boot # a folder that every Debian has and no project lies in; covered in this namespace only
mount -t tmpfs -o mode=755 none "$top"
mkdir "$top"/{binfmt,upper,work,root}
mount -t binfmt_misc none "$top/binfmt"
# F: the kernel opens the emulator now, so that it need not be inside the tree.
header='\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
qemu=/usr/libexec/qemu-binfmt/aarch64-binfmt-P # this name makes Debian's qemu take argv[0] from the kernel (P)
printf '%s' ":aarch64:M::$header:$mask:$qemu:OPF" >"$top/binfmt/register"

root=$top/root
mount -t overlay -o "lowerdir=$tree,upperdir=$top/upper,workdir=$top/work,userxattr" none "$root"
mkdir -p "$root"/{proc,dev,mnt,tmp,small,root,home/user}
chmod 1777 "$root/tmp"
mount -t proc proc "$root/proc"
for device in null zero urandom; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o size=${SMALL:-1024}k,mode=1777 none "$root/small"
mount --bind "$folder" "$root/mnt"
export PATH=/usr/bin:/bin:/usr/sbin HOME=/root
chroot "$root" /bin/busybox --install -s /bin
[ "$1" = --user ] || exec chroot "$root" "$@"
shift
exec unshare -U --map-user=1000 --map-group=1000 -R "$root" "$@"
