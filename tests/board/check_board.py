# SPDX-License-Identifier: Apache-2.0
"""The boards of the tests themselves: logins, and that every fault bites. A fault that does nothing would let every test of it pass."""
import argparse
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from board import Machine, Proxy, Userland, enter_script, trees  # noqa: E402
from board.namespace import SKIP, Unavailable, inside  # noqa: E402

checks = 0


def check(good, what):
    global checks
    checks += 1
    if not good:
        print(f"FAILED: {what}")
        sys.exit(1)


def answers(board):
    """Also on a machine that is busy."""
    return board.wait_for(lambda: banner(board) == "SSH-")


def banner(board, timeout=3):
    """What a new connection hears; None: silence; "": the other side ended it."""
    try:
        with socket.create_connection((board.host, board.port), timeout=timeout) as connection:
            return connection.recv(4).decode()
    except TimeoutError:
        return None
    except OSError:
        return ""


def start(board, command):
    """A command on the board, meanwhile."""
    return subprocess.Popen(board.ssh_command(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def logins(board):
    check(board.ssh("uname -m").stdout == "aarch64\n", "login by key, architecture")
    check(board.ssh("exit 7").returncode == 7, "exit status")
    check(board.ssh("grep -c asimddp /proc/cpuinfo").stdout.strip() not in ("", "0"), "the CPU's features")
    check(board.ssh("id -un").stdout == "board\n" and board.ssh("cd && pwd").stdout == "/home/board\n", "user and home")
    check(board.ssh("true", user="nobody").returncode == 255, "others cannot log in")
    password = subprocess.run(["setsid", "-w", *board.ssh_command("echo in", batch=False)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env={"SSH_ASKPASS": board.folder / "ask", "SSH_ASKPASS_REQUIRE": "force"})
    check(password.stdout == "in\n", f"login by password: {password.stderr}")
    other = board.folder / "other_hosts"
    other.write_text(board.known_hosts.read_text().rsplit(None, 1)[0][:-30])
    check(subprocess.run(board.ssh_command("true", known_hosts=other), capture_output=True).returncode == 255, "unknown host key")


def programs(board):
    check(board.running() == [], f"nothing runs at first: {board.running()}")
    sleeper = start(board, "sleep 1234; echo went on")
    check(board.wait_for(lambda: board.running("sleep 1234")), "a command is seen while it runs")
    check(board.wait_for(lambda: not board.kill_all("sleep 1234", signal.SIGSEGV)), "and killed")
    out, _ = sleeper.communicate(timeout=60)
    check(sleeper.returncode != 0, f"a killed command is gone: {sleeper.returncode} {out}")
    check(board.wait_for(lambda: not board.running()), "nothing runs at the end")


def storage(board):
    check(board.files() == [], f"nothing lies there at first: {board.files()}")
    check(board.ssh("echo x > /userdata/file && mkdir -p /tmp/a/b && echo y > .hidden").returncode == 0, "files can be written")
    check(board.files() == ["/home/board/.hidden", "/tmp/a", "/tmp/a/b", "/userdata/file"], f"files are seen: {board.files()}")
    board.fill("/userdata", leave=0)
    full = board.ssh("dd if=/dev/zero of=/userdata/more bs=4k count=1")
    check(full.returncode != 0 and "No space left" in full.stderr, f"a full disk: {full}")
    board.remount("/userdata", "ro")
    read_only = board.ssh("echo x > /userdata/again")
    check(read_only.returncode != 0 and "Read-only" in read_only.stderr, f"a read-only disk: {read_only}")
    board.remount("/userdata", "rw")
    check(board.ssh("rm /userdata/* /tmp/a -r .hidden").returncode == 0 and board.files() == [], "and back")


def network(board):
    check(answers(board), "the server answers")
    board.link(False)
    check(not banner(board), "link down: nobody answers")
    board.link(True)
    check(answers(board), "link up: it answers again")
    board.freeze()
    check(banner(board) is None, "a frozen board: silence")
    board.freeze(False)
    check(answers(board), "thawed: it answers again")


def seconds_for(board, size):
    began = time.monotonic()
    done = subprocess.run(board.ssh_command("cat > /dev/null"), input=bytes(size))
    check(done.returncode == 0, "a transfer")
    return time.monotonic() - began


def userland_only(board):
    idle = start(board, "sleep 1234")
    board.wait_for(lambda: board.running("sleep 1234"))
    check(board.drop_connections() >= 1, "connections are found")
    check(idle.wait(120) == 255, "and aborted")
    check(board.running(), "which a silent program on the board does not notice")
    board.kill_all("sleep")
    board.slow("8mbit")
    check(seconds_for(board, 4 << 20) > 3, "4 MiB need four seconds at 8 Mbit/s")
    board.slow(None)
    with Userland(1, host_key=board.host_key) as second:
        check(second.host != board.host and second.ssh("uname -m").returncode == 0, "a second board beside it")
    old = board.known_hosts.read_text()
    board.stop()
    with Userland(0) as other:  # at the same address
        check(other.ssh("true").returncode == 0 and other.known_hosts.read_text() != old, "another host key")
        other.known_hosts.write_text(old)
        changed = other.ssh("true", quiet=False)
        check(changed.returncode == 255 and "HAS CHANGED" in changed.stderr, f"a changed host key: {changed.stderr}")
    with Userland(0, data_size="2m", disk_size="32m") as small:
        free = [int(l.split()[3]) for l in small.ssh("df -k / /userdata").stdout.splitlines()[1:]]
        check(free[0] <= 32 << 10 and free[1] <= 2 << 10, f"small disks: {free}")


def machine_only(board):
    check(board.ssh("uname -r").stdout.startswith("5.10."), "its own kernel")
    check(board.ssh("date +%Y").stdout == "2020\n", "its own clock")


def proxies(board):
    size = 1 << 20
    for how in ("reset", "close"):
        for direction, command, data in (("up", "cat > /dev/null", bytes(size)), ("down", f"head -c {size} /dev/zero", b"")):
            with Proxy((board.host, board.port), cut_after=size // 2, direction=direction, how=how) as proxy:
                done = through(board, proxy, command, data)
                check(done.returncode == 255 and proxy.bytes[direction] == size // 2,
                      f"cut by {how}, {direction}: {done.returncode}, {proxy.bytes}")
                aborted = any(words in done.stderr for words in (b"reset", b"Broken pipe"))
                check(aborted == (how == "reset"), f"cut by {how}, {direction}: {done.stderr}")
    with Proxy((board.host, board.port), cut_after=size // 2, how="silence") as proxy:
        process = subprocess.Popen(through_command(board, proxy, "cat > /dev/null"), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        feeder = threading.Thread(target=feed, args=(process, bytes(size)))
        feeder.start()
        check(proxy.cut.wait(60), "silence begins")
        try:
            process.wait(2)
            check(False, "silence ends by itself")
        except subprocess.TimeoutExpired:
            check(proxy.bytes["up"] == size // 2, f"silence: {proxy.bytes}")
        process.kill()
        process.wait()
        feeder.join()
    with Proxy((board.host, board.port)) as proxy:
        check(through(board, proxy, "cat | wc -c", bytes(size)).stdout.strip() == str(size).encode(), "no fault")
    with Proxy((board.host, board.port), rate=size // 2) as proxy:
        began = time.monotonic()
        check(through(board, proxy, "cat > /dev/null", bytes(size)).returncode == 0, "throttled")
        check(time.monotonic() - began >= 2, "1 MiB needs two seconds at 0.5 MiB/s")
    with Proxy((board.host, board.port), delay=0.2) as proxy:
        began = time.monotonic()
        check(through(board, proxy, "true", b"").returncode == 0, "delayed")
        check(time.monotonic() - began >= 2, "a login takes at least five round trips of 0.4 s")
    with Proxy(None) as proxy:
        check(banner(proxy) is None, "a server that says nothing")


def through_command(board, proxy, command):
    hosts = board.folder / "proxy_hosts"
    hosts.write_text(proxy.known_hosts_line(board))
    return board.ssh_command(command, address=proxy, known_hosts=hosts, quiet=False)


def through(board, proxy, command, data):
    return subprocess.run(through_command(board, proxy, command), input=data, capture_output=True, timeout=120)


def feed(process, data):
    with contextlib.suppress(OSError):  # it is killed meanwhile
        process.stdin.write(data)
    with contextlib.suppress(OSError):
        process.stdin.close()


def dies(board):
    board.die()
    check(not banner(board), "a dead board says nothing")


def commands(kind):
    """scripts/board as a developer uses it, from a plain shell."""
    script = trees.ROOT / "scripts" / "board"
    name = ["--name", f"check-{os.getpid()}"]

    def call(*words, status=0):
        plain = {k: v for k, v in os.environ.items() if not k.startswith("BOARD_")}
        done = subprocess.run([script, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=plain, timeout=300)
        if done.returncode == SKIP:
            raise Unavailable(done.stderr.strip())
        check(done.returncode == status, f"scripts/board {words}: {done.returncode} {done.stdout} {done.stderr}")
        return done.stdout + done.stderr

    check("is up" in call("up", "--kind", kind, "--no-runtime", *name), "up")
    try:
        check(name[1] in call("status"), "status")
        check("is up already" in call("up", *name, status=1), "up twice")
        check(call("ssh", *name, "uname", "-m") == "aarch64\n", "ssh")
        call("ssh", *name, "exit 9", status=9)
        there = call("shell", *name, "--", "sh", "-c", 'ssh -F none -i "$BOARD_KEY" -o UserKnownHostsFile="\\"$BOARD_KNOWN_HOSTS\\"" '
                     '-p "$BOARD_PORT" "$BOARD_USER@$BOARD_HOST" hostname; echo "$BOARD_KIND"')
        check(there == f"board\n{kind}\n", f"shell: {there}")
    finally:
        call("down", *name)
    check("no board" in call("down", *name, status=1), "down twice")
    hosts = call("run", "--kind", kind, "--boards", "2", "--no-runtime", "--", "sh", "-c", 'echo "$BOARD_HOSTS"; exit 3', status=3).split(",")
    check(len(hosts) == 2 and hosts[0] != hosts[1], f"two boards: {hosts}")
    check("nonsense" in call("run", "--kind", kind, "nonsense", status=1), "a command that is not there")
    # Everything ends with the launcher, however that ends.
    mark = trees.WORK / name[1]
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            launcher = subprocess.Popen([script, "run", "--kind", kind, "sh", "-c", f'touch "{mark}"; exec sleep 300'],
                                        env={k: v for k, v in os.environ.items() if not k.startswith("BOARD_")})
            while not mark.exists():
                check(launcher.poll() is None, "the command is started")
                time.sleep(0.05)
            family = descendants(launcher.pid)
            check(len(family) > 1, "its processes")
            launcher.send_signal(number)
            launcher.wait()
            mark.unlink()
            end = time.monotonic() + 60
            while any(map(exists, family)) and time.monotonic() < end:
                time.sleep(0.05)
            check(not any(map(exists, family)), f"all have ended after signal {number}")
    finally:
        mark.unlink(missing_ok=True)


def exists(pid):
    try:
        return "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def descendants(pid):
    try:
        children = [int(c) for t in pathlib.Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]
    except OSError:
        return []
    return children + [d for c in children for d in descendants(c)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["userland", "machine"])
    kind = parser.parse_args().kind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cleans up on the way
    if not inside():
        try:
            commands(kind)
        except Unavailable as reason:
            print(f"skipped: {reason}")
            sys.exit(SKIP)
    if kind == "userland":
        enter_script()
    try:
        with Userland() if kind == "userland" else Machine(clock="2020-01-01T00:00:00") as board:
            (board.folder / "ask").write_text(f"#!/bin/sh\necho '{board.password}'\n")
            (board.folder / "ask").chmod(0o755)
            for part in (logins, programs, storage, network, proxies, userland_only if kind == "userland" else machine_only):
                part(board)
        with Userland() if kind == "userland" else Machine() as board:
            dies(board)
    except Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIP)
    print(f"{kind} board: {checks} checks passed" + ("" if inside() else ", at a port of 127.0.0.1"))


if __name__ == "__main__":
    main()
