# SPDX-License-Identifier: Apache-2.0
"""A board whose shell, server and programs are aarch64 under qemu-user, with its own network: starts in a fraction of a second."""
import os
import pathlib
import subprocess
import time

from .common import BOARD_END, HOST_END, Board
from .namespace import Unavailable, check_tools, inside

SCRIPT = pathlib.Path(__file__).with_name("userland.sh")


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


class Userland(Board):
    kind = "userland"

    def start(self):
        if not inside():
            raise Unavailable("a userland board needs namespaces around: namespace.enter()")
        check_tools("ip", "unshare")
        self.host6, self.link = f"fd98::{self.number + 1}:2", f"bd{self.number}"
        sizes = {"BOARD_DISK_SIZE": self.disk_size, "BOARD_DATA_SIZE": self.data_size}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc", "sh", SCRIPT, self.folder,
                 *self.layers, str(self.number)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **sizes, "QEMU_CPU": self.cpu},
                start_new_session=True)
        self.pid = self.process.pid
        own = os.readlink("/proc/self/ns/net")
        while self.process.poll() is None and os.readlink(f"/proc/{self.pid}/ns/net") == own:
            time.sleep(0.005)
        if self.process.poll() is not None:
            self.fail("ended at its start")
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid))
        ip("addr", "add", HOST_END.format(self.number) + "/30", "dev", self.link)
        ip("addr", "add", f"fd98::{self.number + 1}:1/112", "dev", self.link, "nodad")
        ip("link", "set", self.link, "up")
        self.wait_for_banner()

    def stop(self):
        super().stop()
        ip("link", "del", f"bd{self.number}", check=False)  # the kernel would remove it only some time later

    def names(self):
        return [self.host, self.host6]

    def environment(self):
        return {**super().environment(), "BOARD_HOST6": self.host6, "BOARD_LINK": self.link}
