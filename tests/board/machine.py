# SPDX-License-Identifier: Apache-2.0
"""A board with a kernel (Debian 11's 5.10), a CPU, /proc and users of its own under qemu-system: starts in two seconds, works
without namespaces, then at a port of 127.0.0.1."""
import os
import re
import signal
import socket
import subprocess
import time

from . import trees
from .common import Board, Process
from .namespace import die_with_parent, inside
from .userland import ip


class Machine(Board):
    kind = "machine"

    def __init__(self, number=0, *, clock=None, memory=None, **options):
        """`clock`: "2020-01-01T00:00:00", the time that the board believes it is; None: the right one. `memory`: MiB."""
        self.clock, self.memory = clock, memory or os.environ.get("BOARD_MEMORY", "512")
        super().__init__(number, **options)

    def start(self):
        kernel, disk = trees.prepare_machine()
        own = self.folder / "initrd.gz"
        own.write_bytes(disk.read_bytes())
        trees.packed(self.folder / "layer", own)
        self.port, self.monitor_socket = 0, self.folder / "monitor"
        if inside():
            ip("addr", "add", f"{self.host}/32", "dev", "lo")
            with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as start:
                start.write("0")
            self.port = 22
        else:
            self.host = "127.0.0.1"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["qemu-system-aarch64", "-machine", "virt", "-cpu", self.cpu, "-smp", "2", "-m", self.memory, "-nodefaults",
                 "-display", "none", "-no-reboot", "-kernel", kernel, "-initrd", own.name,
                 "-append", f"console=ttyAMA0 quiet panic=-1 board.disk={self.disk_size} board.data={self.data_size}",
                 "-chardev", f"file,id=console,path={self.log.name},append=on", "-serial", "chardev:console",
                 "-monitor", f"unix:{self.monitor_socket.name},server=on,wait=off", "-rtc", f"base={self.clock or 'utc'}",
                 "-netdev", f"user,id=net,restrict=on,ipv6=off,hostfwd=tcp:{self.host}:{self.port}-:22",
                 "-device", "virtio-net-pci,netdev=net,romfile="],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
        self.pid = self.process.pid
        end = time.monotonic() + 120
        while b"Server listening" not in self.log.read_bytes():
            if self.process.poll() is not None or time.monotonic() > end:
                self.fail("did not start")
            time.sleep(0.02)
        if not self.port:  # qemu chose one
            self.port = int(re.search(r"127\.0\.0\.1\s+(\d+)\s", self.monitor("info usernet")).group(1))
        self.wait_for_banner()

    def stop(self):
        super().stop()
        if inside():
            ip("addr", "del", f"{self.host}/32", "dev", "lo", check=False)

    def monitor(self, command):
        """A command of qemu's monitor: set_link net off|on, stop, cont, quit, system_reset. Returns its answer."""
        folder = os.open(self.folder, os.O_PATH)  # the path itself may be too long for a socket's name
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(60)
                connection.connect(f"/proc/self/fd/{folder}/{self.monitor_socket.name}")
                answer = b""
                for text in (None, command):
                    if text:
                        connection.sendall(text.encode() + b"\n")
                        answer = b""
                    while not answer.endswith(b"(qemu) "):
                        more = connection.recv(65536)
                        if not more:
                            break
                        answer += more
                return answer.decode(errors="replace")
        finally:
            os.close(folder)

    def link(self, up):
        self.monitor(f"set_link net {'on' if up else 'off'}")

    def freeze(self, frozen=True):
        self.monitor("stop" if frozen else "cont")

    def die(self):
        self.process.kill()
        self.process.wait()

    def root(self, command, **options):
        """As ssh(), by root; fails when the command does."""
        done = self.ssh(command, user="root", **options)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr or done.returncode}")
        return done.stdout

    def processes(self):
        found = [line.split(None, 2) for line in self.root("ps -o pid,ppid,args").splitlines()[1:]]
        mine, others = {"1"}, []  # not the server, not what looks at the processes, and not the kernel's threads
        for pid, parent, command in sorted(found, key=lambda words: int(words[0])):
            if command.startswith(("sshd: root", "[")) or parent in mine - {"1"}:
                mine.add(pid)
            elif pid != "1":
                others.append(Process(int(pid), int(parent), command))
        return others

    def kill(self, process, number=signal.SIGKILL):
        self.root(f"kill -{int(number)} {process.pid} || true")  # it may have ended by itself

    def remount(self, folder, options):
        self.root(f"mount -o remount,{options} {folder}")

    def files(self):
        return sorted(f for f in self.root(f"find {' '.join(self.PLACES)} -mindepth 1 || true").splitlines() if "/.ssh" not in f)

    def fill(self, folder, leave=0):
        self.root(f"dd if=/dev/zero of={folder}/ballast bs=1M; truncate -s $(($(wc -c <{folder}/ballast) - {leave})) {folder}/ballast")

    def environment(self):
        return {**super().environment(), "BOARD_MONITOR": str(self.monitor_socket)}
