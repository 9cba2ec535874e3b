# SPDX-License-Identifier: Apache-2.0
# The first process of a userland board, in its own network, mount, PID and UTS namespaces: makes the root file system and
# becomes the server. Arguments: folder of this board, base layer, packages' layer, number of the board, the server's command.
set -e
work=$1 base=$2 packages=$3 number=$4
shift 4
hostname board
disk=$work/disk
mkdir -p "$disk"
mount -t tmpfs -o "mode=755,size=${BOARD_DISK_SIZE:-256m}" none "$disk"
cd "$disk" # short names without special characters for the overlay's options
mkdir own base packages upper workdir root binfmt
mount --bind "$work/layer" own
mount --bind "$base" base
mount --bind "$packages" packages
mount -t overlay -o lowerdir=own:base:packages,upperdir=upper,workdir=workdir,userxattr none root
# Private to this user namespace. F: the interpreter is opened now, its path does not exist on the board. O: programs are
# passed as descriptors. P: argv[0] is kept, which Debian's qemu expects under this name. Boards in one namespace share it.
mount -t binfmt_misc none binfmt
[ -e binfmt/aarch64 ] || printf '%s' ':aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/libexec/qemu-binfmt/aarch64-binfmt-P:OPF' >binfmt/register || [ -e binfmt/aarch64 ]
mount -t proc proc root/proc
[ ! -f own/etc/cpuinfo ] || mount --bind own/etc/cpuinfo root/proc/cpuinfo
mount -t tmpfs -o mode=755,size=1m none root/dev
for node in null zero random urandom tty; do
  : >"root/dev/$node"
  mount --bind "/dev/$node" "root/dev/$node"
done
ln -s /proc/self/fd root/dev/fd
mkdir root/dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
mount -t tmpfs -o "mode=777,size=${BOARD_DATA_SIZE:-128m}" none root/userdata
ip link set lo up
while ! ip link show eth0 >/dev/null 2>&1; do sleep 0.01; done
ip addr add "10.98.$number.2/30" dev eth0
ip addr add "fd98::$((number + 1)):2/112" dev eth0 nodad
ip link set eth0 up
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
# As "root" of a namespace with one mapped user sshd fails; hence an ordinary user, the only one that can log in.
exec unshare --user --map-user=1000 --map-group=1000 --root="$disk/root" "$@"
