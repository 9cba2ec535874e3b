# SPDX-License-Identifier: Apache-2.0
"""The commands of scripts/board. A board that `up` started belongs to a process in the background (serve), which holds a lock on
its folder build/board/up/NAME: by the lock one sees whether it still lives."""
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from . import trees
from .common import default_program
from .machine import Machine
from .namespace import MARK, SKIP, Unavailable, check_namespaces, enter, inside
from .proxy import Proxy
from .userland import Userland

UP = trees.WORK / "up"
INHERITED = "OPENHB_BOARD_SERVE"  # lock and listening socket, of `serve`
SCRIPT = trees.ROOT / "scripts" / "board"


class Wrong(Exception):
    """What the user asked for cannot be done; says why and what can."""


def namespaces_for(kind):
    """Whether boards of this kind get namespaces around them here; kind None: any."""
    try:
        check_namespaces()
        return True
    except Unavailable as reason:
        if kind == "userland":
            raise
        if kind is None:
            print(f"scripts/board: {reason}; taking the machine board", file=sys.stderr)
        return False


def start(arguments, number=0, key=None):
    program = None if arguments.no_runtime else arguments.runtime or default_program()
    kind = Machine if arguments.kind == "machine" or not inside() else Userland
    trees.prepare()  # both kinds need it
    try:
        return kind(number, program=program, key=key)
    except Unavailable as reason:
        if arguments.kind or kind is Machine:
            raise
        print(f"scripts/board: {reason}; taking the machine board", file=sys.stderr)
        return Machine(number, program=program, key=key)


def prepare(_):
    trees.prepare_machine()
    trees.sysroot("dropbear", *trees.DROPBEAR)
    return 0


def run(arguments):
    if os.environ.get("BOARD_HOST"):
        os.execvp(arguments.command[0], arguments.command)
    if not inside() and namespaces_for(arguments.kind):
        return enter([sys.executable, str(SCRIPT), *sys.argv[1:]])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        boards = []
        for number in range(arguments.boards):
            boards.append(stack.enter_context(start(arguments, number, boards[0].key if boards else None)))
        boards[0].known_hosts.write_text("".join(b.known_hosts.read_text() for b in boards))
        variables = {**boards[0].environment(), "BOARD_HOSTS": ",".join(f"{b.host}:{b.port}" for b in boards)}
        signal.signal(signal.SIGINT, lambda *_: None)  # the command's business; the boards end when it has
        return call(arguments.command, variables)


def call(command, variables):
    try:
        status = subprocess.run(command, env={**os.environ, **variables}).returncode
    except OSError as error:
        raise Wrong(f"{command[0]}: {error.strerror}") from None
    return status if status >= 0 else 128 - status


def alive(folder):
    try:
        with open(folder / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True


def state(name):
    folder = UP / name
    if not alive(folder) or not (folder / "state.json").exists():
        raise Wrong(f"no board \"{name}\" is up; scripts/board up starts one, scripts/board status lists them")
    return json.loads((folder / "state.json").read_text())


def up(arguments):
    folder = UP / arguments.name
    if alive(folder):
        raise Wrong(f"board \"{arguments.name}\" is up already; scripts/board down stops it, --name starts another")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with open(folder / "lock", "w") as lock, open(folder / "output", "w") as output, \
            socket.create_server(("127.0.0.1", 0)) as listener:
        fcntl.flock(lock, fcntl.LOCK_EX)
        inherited = (lock.fileno(), listener.fileno())
        server = subprocess.Popen([sys.executable, SCRIPT, "serve", *sys.argv[2:]], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                  start_new_session=True, pass_fds=inherited,
                                  env={**os.environ, INHERITED: " ".join(map(str, inherited))})
    (folder / "pid").write_text(str(server.pid))
    while not (folder / "state.json").exists():
        if server.poll() is not None:
            reason = (folder / "output").read_text().strip().removeprefix("scripts/board: ")
            shutil.rmtree(folder)
            raise (Unavailable if server.returncode == SKIP else Wrong)(reason)
        time.sleep(0.02)
    sys.stderr.write((folder / "output").read_text())
    print(description(arguments.name))
    return 0


def serve(arguments):
    """What `up` starts: the board, and a way into its namespace for every shell. (A socket belongs to the network in which it
    was made, whoever accepts on it.)"""
    inherited = tuple(map(int, os.environ[INHERITED].split()))
    if not inside() and namespaces_for(arguments.kind):
        return enter([sys.executable, str(SCRIPT), *sys.argv[1:]], inherited)
    for number in inherited:
        os.set_inheritable(number, False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = UP / arguments.name
    with start(arguments) as board, Proxy((board.host, board.port), listener=socket.socket(fileno=inherited[1])) as way:
        for file in (board.key, board.known_hosts):  # the board's own folder is in the namespace
            shutil.copy(file, folder)
        with open(folder / "known_hosts", "a") as hosts:
            hosts.write(way.known_hosts_line(board))
        variables = {**board.environment(), "BOARD_KEY": str(folder / "id"), "BOARD_KNOWN_HOSTS": str(folder / "known_hosts")}
        outside = {**variables, "BOARD_HOST": way.host, "BOARD_PORT": str(way.port)}
        (folder / "state.part").write_text(json.dumps({"inside": variables, "outside": outside, "mark": inside() and os.environ[MARK]}))
        (folder / "state.part").rename(folder / "state.json")
        board.process.wait()
    return 1  # the board died


def description(name):
    now = state(name)
    at = now["outside"]
    known, key = (os.path.relpath(at[v]) for v in ("BOARD_KNOWN_HOSTS", "BOARD_KEY"))
    lines = [f"board \"{name}\" ({at['BOARD_KIND']}) is up: user {at['BOARD_USER']}, password {at['BOARD_PASSWORD']}",
             f"  from every shell:     ssh -p {at['BOARD_PORT']} -i {key} -o UserKnownHostsFile={known} {at['BOARD_USER']}@{at['BOARD_HOST']}",
             f"                        hb_verifier -b {at['BOARD_HOST']}:{at['BOARD_PORT']} -u {at['BOARD_USER']} --key {key} --known-hosts {known} ..."]
    if now["mark"]:
        lines.append(f"  in scripts/board shell: {now['inside']['BOARD_HOST']}, port {now['inside']['BOARD_PORT']}")
    return "\n".join(lines)


def status(arguments):
    names = sorted(f.name for f in UP.glob("*") if alive(f) and (f / "state.json").exists())
    print("\n".join(map(description, names)) or "no board is up")
    return 0 if names else 1


def down(arguments):
    folder = UP / arguments.name
    state(arguments.name)
    server = int((folder / "pid").read_text())
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.kill(server, number)
        end = time.monotonic() + 10
        while alive(folder) and time.monotonic() < end:
            time.sleep(0.02)
        if not alive(folder):
            break
    shutil.rmtree(folder)
    return 0


def shell(arguments):
    now = state(arguments.name)
    command = arguments.command or [os.environ.get("SHELL", "/bin/sh")]
    if not now["mark"]:
        return call(command, now["outside"])
    first = (UP / arguments.name / "pid").read_text()
    for _ in range(2):  # unshare, and the first process of the namespaces
        with open(f"/proc/{first}/task/{first}/children") as children:
            first = children.read().split()[0]
    into = ["nsenter", "--target", first, "--user", "--net", "--mount", "--ipc", "--pid", "--preserve-credentials", "--wd=.", *command]
    return call(into, {**now["inside"], MARK: now["mark"]})


def ssh(arguments):
    at = state(arguments.name)["outside"]
    return call(["ssh", "-F", "none", "-p", at["BOARD_PORT"], "-i", at["BOARD_KEY"], "-o", f"UserKnownHostsFile=\"{at['BOARD_KNOWN_HOSTS']}\"",
                 f"{at['BOARD_USER']}@{at['BOARD_HOST']}", *arguments.command], {})
