# SPDX-License-Identifier: Apache-2.0
"""A user, network, mount and PID namespace for a command: no root rights needed, nothing outside changes, and when the
launcher ends, in whatever way, everything inside ends."""
import ctypes
import os
import shutil
import signal
import subprocess
import sys

MARK = "OPENHB_BOARD_NETWORK"  # names the network that was made here; inherited, so compared with the present one
SKIP = 77  # exit status: this machine cannot do it
_libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """This machine cannot have such a board; says why and what helps."""


def die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _network():
    return os.readlink("/proc/self/ns/net")


def inside():
    return os.environ.get(MARK) == _network()


def check_tools(*names):
    missing = [n for n in names if not shutil.which(n, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")]
    if missing:
        raise Unavailable(f"missing on this machine: {', '.join(missing)}; run scripts/setup")


UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]


def check_namespaces():
    check_tools("unshare", "ip", "mount")
    probe = subprocess.run([*UNSHARE, "sh", "-c", "ip link set lo up && mount -t tmpfs none /mnt"], capture_output=True, text=True)
    if probe.returncode != 0:
        raise Unavailable(
            "user namespaces are not allowed here: " + (probe.stderr.strip() or f"unshare ended with {probe.returncode}") +
            " (Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0; containers: a profile that allows unshare)")


def enter(command, pass_fds=()):
    """Runs the command as the first process of new namespaces; returns its exit status."""
    check_namespaces()
    # The mark needs the network's own name, which exists only inside.
    mark = f'ip link set lo up && {MARK}=$(readlink /proc/self/ns/net) && export {MARK} && exec "$@"'
    child = subprocess.Popen([*UNSHARE, "sh", "-c", mark, "sh", *command], pass_fds=pass_fds, preexec_fn=die_with_parent)

    # unshare itself ignores all but SIGKILL, which takes everything inside with it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.kill())
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to those inside as well
    status = child.wait()
    return status if status >= 0 else 128 - status


def enter_script():
    """At the start of a test script: goes on in namespaces, or ends with status 77 and the reason."""
    if inside():
        return
    try:
        sys.exit(enter([sys.executable, *sys.argv]))
    except Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIP)
