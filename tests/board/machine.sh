#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first process of a machine board (in its initial RAM disk, with busybox): makes it ready and becomes sshd.
export PATH=/bin:/usr/bin:/usr/sbin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
ln -sf /proc/self/fd /dev/fd
argument() { # name, default: from the kernel's command line
  for word in $(cat /proc/cmdline); do
    case $word in "$1="*) echo "${word#*=}" && return ;; esac
  done
  echo "$2"
}
mount -t tmpfs -o mode=1777,size="$(argument board.disk 256m)" tmp /tmp
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/sshd
mount -t tmpfs -o mode=777,size="$(argument board.data 128m)" data /userdata
# virtio needs what virtio_ring exports.
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net; do
  [ ! -e /lib/modules/$module.ko ] || insmod /lib/modules/$module.ko
done
hostname board
chown -R 1000:1000 /home/board
tries=0
while [ ! -e /sys/class/net/eth0 ] && [ $tries -lt 500 ]; do
  usleep 10000
  tries=$((tries + 1))
done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
exec /usr/sbin/sshd -D -e
