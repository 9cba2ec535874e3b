# SPDX-License-Identifier: Apache-2.0
"""What both kinds of boards share: options, folder, keys, and the variables that commands get."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import typing

from . import trees
from .namespace import inside

HOST_END = "10.98.{}.1"
BOARD_END = "10.98.{}.2"


def work_folder():
    """Inside of namespaces a file system of their own, which is gone with them; else a folder that the caller removes."""
    if not inside():
        return pathlib.Path(tempfile.mkdtemp(prefix="openhb-board-"))
    run = trees.WORK / "run"
    run.mkdir(parents=True, exist_ok=True)
    if not os.path.ismount(run):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", run], check=True)
    return pathlib.Path(tempfile.mkdtemp(dir=run, prefix="board-"))


def default_program():
    """hrt_model_exec of preset aarch64, when it has been built."""
    return trees.HRT if trees.HRT.exists() else None


class Process(typing.NamedTuple):
    pid: int  # userland: here; machine: on the board
    parent: int
    command: str


class Board:
    """Starts at once; a context manager that stops the board. `number`: makes the address; `program`: hrt_model_exec for the
    board's PATH or None; `host_key`, `key`: files, of the board and of who may log in; None: new ones.
    `server`: or "dropbear" (userland only; its programs see the emulator's largest CPU)."""
    kind = ""
    PLACES = ("/userdata", "/home/board", "/tmp")

    def __init__(self, number=0, *, program=None, password=None, host_key=None, key=None, disk_size=None, data_size=None,
                 cpu=None, server="openssh"):
        base, packages = trees.prepare()
        self.number, self.process, self.pid = number, None, 0
        self.host, self.port, self.user = BOARD_END.format(number), 22, "board"
        self.password = password or os.environ.get("BOARD_PASSWORD", "board")
        self.disk_size = disk_size or os.environ.get("BOARD_DISK_SIZE", "256m")
        self.data_size = data_size or os.environ.get("BOARD_DATA_SIZE", "128m")
        self.cpu = cpu or os.environ.get("BOARD_CPU", "cortex-a76")
        self.layers = (base, packages)
        self.folder = work_folder()
        self.log = self.folder / "board.log"
        self.key, self.host_key = self.folder / "id", self.folder / "host_key"
        self.known_hosts = self.folder / "known_hosts"
        try:
            for own, given in ((self.key, key), (self.host_key, host_key)):
                if given:
                    shutil.copy(given, own)
                    shutil.copy(f"{given}.pub", f"{own}.pub")
                else:
                    trees.new_key(own, own.name)
            trees.own_layer(self.folder / "layer", password=self.password, host_key=self.host_key, public_key=f"{self.key}.pub",
                            cpu=self.cpu, program=program)
            self.server_command = ["/usr/sbin/sshd", "-D", "-e"]
            if server == "dropbear":
                trees.add_dropbear(self.folder / "layer", packages, self.host_key)
                self.server_command = ["/usr/sbin/dropbear", "-F", "-E", "-r", "/etc/dropbear/key", "-P", "/run/dropbear.pid"]
            self.start()
            public = " ".join(pathlib.Path(f"{self.host_key}.pub").read_text().split()[:2])
            self.known_hosts.write_text("".join(f"{name} {public}\n" for name in self.names()))
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def names(self):
        return [self.host if self.port == 22 else f"[{self.host}]:{self.port}"]

    def fail(self, what):
        raise RuntimeError(f"{self.kind} board: {what}\n" + "".join(open(f, errors="replace").read() for f in [self.log] if f.exists()))

    def wait_for_banner(self, seconds=120):
        """An open port says little (emulated networks accept before anybody listens): the server's first words count."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self.fail("ended at its start")
            try:
                with socket.create_connection((self.host, self.port), timeout=2) as connection:
                    connection.settimeout(5)
                    if connection.recv(4) == b"SSH-":
                        return
            except OSError:
                pass
            time.sleep(0.02)
        self.fail(f"no answer from {self.host}:{self.port} for {seconds} s")

    def running(self, pattern=""):
        """Programs that somebody started, whose command lines hold the pattern."""
        return [p for p in self.processes() if not p.command.startswith(("sshd", "/usr/sbin/sshd", "/usr/sbin/dropbear")) and pattern in p.command]

    def kill_all(self, pattern, number=signal.SIGKILL):
        """Returns how many there were: one that was just being started may be missed."""
        found = self.running(pattern)
        for process in found:
            self.kill(process, number)
        return len(found)

    def wait_for(self, condition, seconds=60):
        """What the condition, asked again and again, says as soon as it says anything; None after the time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(0.02)
        return None

    def environment(self):
        return {"BOARD_KIND": self.kind, "BOARD_HOST": self.host, "BOARD_PORT": str(self.port), "BOARD_USER": self.user,
                "BOARD_PASSWORD": self.password, "BOARD_KEY": str(self.key), "BOARD_KNOWN_HOSTS": str(self.known_hosts),
                "BOARD_PID": str(self.pid), "BOARD_LOG": str(self.log)}

    def ssh_command(self, command, user=None, *, address=None, known_hosts=None, batch=True, quiet=True):
        """OpenSSH's client, independent of the code under test. `address`: of a proxy; `batch`: by key."""
        address = address or self
        how = ["-i", self.key, "-o", "BatchMode=yes"] if batch else ["-o", "PubkeyAuthentication=no"]
        return ["ssh", "-F", "none", *how, "-p", str(address.port), "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=20",
                "-o", f'UserKnownHostsFile="{known_hosts or self.known_hosts}"', "-o", "GlobalKnownHostsFile=/dev/null",
                "-o", "StrictHostKeyChecking=yes", "-o", f"LogLevel={'ERROR' if quiet else 'INFO'}", f"{user or self.user}@{address.host}", command]

    def ssh(self, command, user=None, quiet=True, **options):
        """`options`: of subprocess.run."""
        return subprocess.run(self.ssh_command(command, user, quiet=quiet),
                              **{"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 120, **options})
