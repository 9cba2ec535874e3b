# SPDX-License-Identifier: Apache-2.0
"""A board with a kernel (Debian 11's 5.10), a CPU, /proc and users of its own under qemu-system: starts in two seconds, works
without namespaces, then at a port of 127.0.0.1."""
import os
import re
import socket
import subprocess
import time

from . import trees
from .common import Board
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

    def environment(self):
        return {**super().environment(), "BOARD_MONITOR": str(self.monitor_socket)}
