# SPDX-License-Identifier: Apache-2.0
"""A board whose shell, server and programs are aarch64 under qemu-user, with its own network: starts in a fraction of a second."""
import os
import pathlib
import signal
import subprocess
import time

from .common import HOST_END, Board, Process
from .namespace import Unavailable, check_tools, inside

SCRIPT = pathlib.Path(__file__).with_name("userland.sh")


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


def tc(action, link, *arguments):
    subprocess.run(["tc", "qdisc", action, "dev", link, *arguments], check=True, capture_output=True, text=True)


class Userland(Board):
    kind = "userland"

    def start(self):
        if not inside():
            raise Unavailable("a userland board needs namespaces around: namespace.enter()")
        check_tools("ip", "tc", "ss", "unshare", "nsenter")
        probe = subprocess.run(["unshare", "--mount", "mount", "-t", "binfmt_misc", "none", "/mnt"], capture_output=True, text=True)
        if probe.returncode != 0:
            raise Unavailable("this kernel cannot run aarch64 programs in a user namespace (Linux 6.7 can): " + probe.stderr.strip())
        self.host6, self.device = f"fd98::{self.number + 1}:2", f"bd{self.number}"
        sizes = {"BOARD_DISK_SIZE": self.disk_size, "BOARD_DATA_SIZE": self.data_size}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc", "sh", SCRIPT, self.folder,
                 *self.layers, str(self.number), *self.server_command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **sizes, "QEMU_CPU": self.cpu},
                start_new_session=True)
        self.pid = self.process.pid
        own = os.readlink("/proc/self/ns/net")
        while self.process.poll() is None and os.readlink(f"/proc/{self.pid}/ns/net") == own:
            time.sleep(0.005)
        if self.process.poll() is not None:
            self.fail("ended at its start")
        ip("link", "add", self.device, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        ip("addr", "add", HOST_END.format(self.number) + "/30", "dev", self.device)
        ip("addr", "add", f"fd98::{self.number + 1}:1/112", "dev", self.device, "nodad")
        ip("link", "set", self.device, "up")
        self.wait_for_banner()

    def stop(self):
        super().stop()
        ip("link", "del", f"bd{self.number}", check=False)  # the kernel would remove it only some time later

    def names(self):
        return [self.host, self.host6]

    def enter(self, namespace, *command):
        return subprocess.run(["nsenter", "-t", str(self.pid), namespace, *command], check=True, capture_output=True, text=True)

    def link(self, up):
        """The board's end: with the host's end down packets would fail at once instead of getting lost."""
        self.enter("-n", "ip", "link", "set", "eth0", "up" if up else "down")
        if up:
            ip("neigh", "flush", "dev", self.device)  # forget that nobody answered

    def slow(self, rate):
        """Limits what reaches the board, to "4mbit"; None: no limit."""
        if rate:
            tc("replace", self.device, "root", "tbf", "rate", rate, "burst", "64kb", "latency", "400ms")
        else:
            tc("del", self.device, "root")

    def drop_connections(self):
        """The host's kernel aborts its connections to the board. Returns how many."""
        done = subprocess.run(["ss", "-H", "-K", "-t", "dst", self.host], check=True, capture_output=True, text=True)
        return len(done.stdout.splitlines())

    def processes(self):
        """Everything on the board but its server."""
        found, network = [], os.readlink(f"/proc/{self.pid}/ns/net")
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "ns/net") != network or int(entry.name) == self.pid:
                    continue
                words = (entry / "cmdline").read_bytes().split(b"\0")[:-1]
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent != self.pid and words:  # words: not a zombie
                command = b" ".join(words[2:] if b"qemu" in words[0] else words)  # the emulator and the file come first
                found.append(Process(int(entry.name), parent, command.decode(errors="replace")))
        return found

    def sessions(self):
        """The server's processes for connections."""
        return [p for p in self.processes() if p.command.startswith("/usr/sbin/sshd") and p.command.endswith("-R")]

    def kill(self, process, number=signal.SIGKILL):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            pass  # it ended by itself

    def freeze(self, frozen=True):
        """Stops every process: the kernel goes on to acknowledge what it gets, nobody answers."""
        for _ in range(2):  # a process may have been born in between, or end
            for process in self.processes():
                self.kill(process, signal.SIGSTOP if frozen else signal.SIGCONT)
        os.kill(self.server(), signal.SIGSTOP if frozen else signal.SIGCONT)

    def server(self):
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0])

    def die(self):
        """As if the power were cut."""
        self.process.kill()
        self.process.wait()

    def remount(self, folder, options):
        self.enter("-m", "mount", "-o", f"remount,{options}", str(self.folder / "disk/root") + folder)

    def path(self, name):
        """A file of the board, as seen from here."""
        return pathlib.Path(f"/proc/{self.pid}/root{self.folder}/disk/root{name}")

    def files(self):
        """What lies in the places where users may write."""
        found = []
        for top in map(self.path, self.PLACES):  # os.walk: what vanishes meanwhile is no error
            for folder, folders, files in os.walk(top):
                found += [pathlib.Path(folder, name) for name in folders + files]
        return sorted("/" + str(f.relative_to(self.path("/"))) for f in found if ".ssh" not in f.parts)

    def size(self, name):
        """Bytes of a file; None: there is none (any more)."""
        try:
            return self.path(name).stat().st_size if self.path(name).is_file() else None
        except OSError:
            return None

    def fill(self, folder, leave=0):
        """A full disk: a file of all free bytes but some."""
        state = os.statvfs(self.path(folder))
        size, end = state.f_bavail * state.f_bsize - leave, 0
        with open(self.path(folder) / "ballast", "wb") as file:
            while size > 0:
                try:
                    os.posix_fallocate(file.fileno(), end, size)
                    end, size = end + size, state.f_bsize if not leave else 0  # others may write, and give room
                except OSError:
                    size //= 2

    def environment(self):
        return {**super().environment(), "BOARD_HOST6": self.host6, "BOARD_LINK": self.device}
