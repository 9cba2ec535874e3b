#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""connect_ssh() through ssh_client, against OpenSSH on a virtual board: logins, host keys, commands, transfers, a command
that is held, Ctrl-C, and everything that can go wrong on the way. --measure prints times instead."""
import argparse
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import termios
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from board import Unavailable, Userland, trees  # noqa: E402
from board.namespace import enter_script  # noqa: E402
from board.proxy import Proxy  # noqa: E402

PATIENCE = 120  # seconds; only a hang needs them
CODES = dict(usage=2, unreachable=900, host_key=901, login=902, lost=903, timeout=904, command=905, unwritable=102)


def in_memory(pid, text):
    """Where the text is in a process's own memory (a board's password must not be a common word)."""
    found = []
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in open(f"/proc/{pid}/maps"):
            span, rights, _, _, inode = line.split()[:5]
            if "w" not in rights or inode != "0":
                continue
            begin, end = (int(a, 16) for a in span.split("-"))
            memory.seek(begin)
            place = memory.read(end - begin).find(text.encode())
            if place >= 0:
                found.append(hex(begin + place))
    return found


def catches(pid, number):
    """Whether the process has a function for the signal."""
    mask = re.search(r"^SigCgt:\s*(\w+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    return mask and int(mask[1], 16) >> (number - 1) & 1


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds
        self.lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
        self.runs = [line for line in self.lines if "status" in line]
        self.errors = re.findall(r"^OHB-(\d+): (.*)$", err, re.M)

    def failed(self, code, *words):
        """Ended by this one error, which has these words."""
        return (self.status == (2 if code == "usage" else 1) and len(self.errors) == 1 and int(self.errors[0][0]) == CODES[code]
                and all(word in self.errors[0][1] for word in words))

    def __str__(self):
        return f"status {self.status} after {self.seconds:.1f} s, {self.err.strip()[-1500:]}"


class Check:
    def __init__(self, board, arguments):
        self.board, self.program, self.work = board, arguments.client, pathlib.Path(arguments.work)
        shutil.rmtree(self.work, ignore_errors=True)
        (self.work / "home/.ssh").mkdir(parents=True)
        self.environment = {k: v for k, v in os.environ.items() if k not in ("SSH_AUTH_SOCK", "OPENHB_BOARD_PASSWORD")}
        self.environment["HOME"] = str(self.work / "home")
        self.failures = 0
        # Seconds: a time-out that passes soon, but not while an emulated board on a busy machine lets somebody in.
        self.short = max(4, round(8 * max(self.client("true").seconds for _ in range(2))))

    def expect(self, condition, sentence, result=""):
        print(f"ok:   {sentence}" if condition else f"FAIL: {sentence}\n      {result}", flush=True)
        self.failures += not condition

    def words(self, *arguments, address=None, key=True, known_hosts=None, timeout=30, user=None):
        """The client's command line."""
        how = ["--key", self.board.key] if key is True else ["--key", key] if key else []
        return [str(w) for w in (self.program, address or self.board.host, "--user", user or self.board.user, "--known-hosts",
                                 known_hosts or self.board.known_hosts, "--timeout", timeout, *how, *arguments)]

    def start(self, *arguments, environment=None, **options):
        return subprocess.Popen(self.words(*arguments, **options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env={**self.environment, **(environment or {})})

    def end(self, process, began):
        out, err = process.communicate(timeout=PATIENCE)
        return Result(process.returncode, out, err.decode(errors="replace"), time.monotonic() - began)

    def client(self, *arguments, **options):
        began = time.monotonic()
        result = self.end(self.start(*arguments, **options), began)
        # Of thousands of logins one was seen to hang, perhaps in the emulator: who is it? Twice in a row is a failure.
        if "timeout" not in options and result.failed("timeout", "did not answer to the login"):
            print(f"note: a login hung: {result}\n      on the board: {self.states()}", flush=True)
            began = time.monotonic()
            result = self.end(self.start(*arguments, **options), began)
        return result

    def states(self):
        """What every thread on the board waits for."""
        found = []
        for process in self.board.processes():
            for thread in pathlib.Path(f"/proc/{process.pid}/task").glob("*"):
                try:
                    found.append(f"{process.pid}/{thread.name} {process.command[:40]}: {(thread / 'wchan').read_text()}, "
                                 f"system call {(thread / 'syscall').read_text().strip()}")
                except OSError:
                    continue
        return "\n      ".join(found)

    def proxied(self, proxy):
        """Address and known_hosts file of a way through a proxy."""
        file = self.work / f"known_{proxy.port}"
        file.write_text(proxy.known_hosts_line(self.board))
        return {"address": f"{proxy.host}:{proxy.port}", "known_hosts": file}

    def new_key(self, name, *options):
        file = self.work / name
        subprocess.run(["ssh-keygen", "-q", "-f", file, *(options or ("-t", "ed25519", "-N", ""))], check=True)
        return file

    def big(self):
        """A file of 48 MiB."""
        file = self.work / "big"
        if not file.exists():
            file.write_bytes(os.urandom(1 << 20) * 48)
        return file

    def link_again(self):
        """The kernel remembers for a while that nobody answered."""
        self.board.link(True)
        self.expect(self.board.wait_for(lambda: self.client("true", timeout=self.short).status == 0), "the link is there again")

    def authorize(self, key):
        with open(self.board.path("/home/board/.ssh/authorized_keys"), "a") as keys:
            keys.write(pathlib.Path(f"{key}.pub").read_text())

    # Who comes.

    def logins(self):
        password = {"OPENHB_BOARD_PASSWORD": self.board.password}
        result = self.client("id -un")
        self.expect(result.status == 0 and result.out == b"board\n", "login by key", result)
        result = self.client("id -un", key=False, environment=password)
        self.expect(result.out == b"board\n", "login by password", result)
        result = self.client("id", key=False, environment={"OPENHB_BOARD_PASSWORD": "s3cret-wrong"})
        self.expect(result.failed("login", "password (refused)", "offers: publickey, password") and "s3cret" not in result.err,
                    "wrong password", result)
        result = self.client("id", key=False)
        self.expect(result.failed("login", "none given"), "no key and no password", result)
        wrong = self.new_key("wrong")
        result = self.client("id", key=wrong)
        self.expect(result.failed("login", f"key {wrong} (not accepted)"), "wrong key", result)
        result = self.client("id -un", key=wrong, environment=password)
        self.expect(result.out == b"board\n", "wrong key, then the password", result)
        result = self.client("id", key=self.work / "missing")
        self.expect(result.failed("login", "cannot be read"), "no such key file", result)
        (self.work / "broken").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
        result = self.client("id", key=self.work / "broken")
        self.expect(result.failed("login", "is no private key"), "a damaged key file", result)
        result = self.client("id", user="no\x1b[2Jbody")
        self.expect(result.failed("login") and "\x1b" not in result.err, "an unknown user", result)
        shadow = self.board.path("/etc/shadow")
        before = shadow.read_text()
        shadow.write_text(before.replace("board:", "board:!"))
        result = self.client("id", environment=password)
        self.expect(result.failed("login", "not accepted", "password (refused)"), "a locked account", result)
        shadow.write_text(before)

    def usual_keys(self):
        for kind in ("ecdsa", "rsa"):
            key = self.new_key(f"home/.ssh/id_{kind}", "-t", kind, "-N", "")
            self.authorize(key)
            result = self.client("id -un", key=False)
            self.expect(result.out == b"board\n", f"login by ~/.ssh/id_{kind}", result)
            key.unlink()
            pathlib.Path(f"{key}.pub").unlink()

    def agents(self):
        key = self.new_key("agent_key")
        self.authorize(key)
        path = self.work / "agent"
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
        while not path.exists():
            time.sleep(0.01)
        socket_of = {"SSH_AUTH_SOCK": str(path)}
        result = self.client("id", key=False, environment=socket_of)
        self.expect(result.failed("login", "agent (none accepted)"), "an agent without keys", result)
        for file in (self.new_key("other"), key):
            subprocess.run(["ssh-add", "-q", file], check=True, env={**self.environment, **socket_of}, capture_output=True)
        result = self.client("id -un", key=False, environment=socket_of)
        self.expect(result.out == b"board\n", "the agent's second key", result)
        for number in range(8):
            file = self.new_key(f"other{number}")
            subprocess.run(["ssh-add", "-q", file], check=True, env={**self.environment, **socket_of}, capture_output=True)
        subprocess.run(["ssh-add", "-q", "-d", key], check=True, env={**self.environment, **socket_of}, capture_output=True)
        result = self.client("id", key=False, environment=socket_of)
        self.expect(result.failed("login", "Too many authentication failures"), "an agent with too many keys", result)
        agent.kill()
        agent.wait()
        path.unlink()
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(path))
            silent.listen()
            result = self.client("id", key=False, timeout=self.short, environment=socket_of)
            self.expect(result.failed("login", "agent (it did not answer)", "password (none given)"), "an agent that does not answer", result)
            silent.settimeout(PATIENCE)
            silent.accept()[0].close()  # that of the client before
            process = self.start("id", key=False, environment=socket_of)
            with silent.accept()[0] as asked:
                asked.settimeout(PATIENCE)
                asked.recv(1)
                self.interrupt(process, "waiting for the agent")

    def on_terminal(self, arguments, talk, **options):
        """The client with a terminal: answers each prompt of `talk`, a list of (words, what is typed). A function
        is called with the client's process ID and may give what is typed."""
        child, terminal = pty.fork()
        if child == 0:
            os.execve(str(self.program), self.words(*arguments, **options), self.environment)
        shown = ""

        def read():
            nonlocal shown
            try:
                if not select.select([terminal], [], [], PATIENCE)[0]:
                    return False
                piece = os.read(terminal, 4096).decode(errors="replace")
                shown += piece
                return bool(piece)
            except OSError:
                return False

        seen = 0
        for words, typed in talk:
            while words not in shown[seen:] and read():
                pass
            seen = len(shown)
            if callable(typed):
                typed = typed(child) or ""
            os.write(terminal, typed.encode())
        while read():
            pass
        self.echo = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)  # as it was before
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown

    def prompts(self):
        ask = ("--ask", "id -un")
        status, shown = self.on_terminal(ask, [("Password of board@", self.board.password + "\n")], key=False)
        self.expect(status == 0 and self.board.password + "\r\n" not in shown.replace("board\r\n{", ""), "a password that is asked for", shown)

        def when_both_ask(_):
            self.board.wait_for(lambda: len(self.board.sessions()) >= 2)
            time.sleep(1)  # the second one must not ask: nothing to wait for
            return self.board.password + "\n"

        talk = [("Password of board@", when_both_ask), ("Password of board@", self.board.password + "\n")]
        status, shown = self.on_terminal(("--beside", 1, *ask), talk, key=False)
        self.expect(status == 0 and self.board.password not in shown and self.echo, "two logins at the same time ask one after the other", shown)
        status, shown = self.on_terminal(ask, [("Password", "wrong1\n"), ("Refused. Password", self.board.password + "\n")], key=False)
        self.expect(status == 0 and "wrong1" not in shown, "the second try", shown)
        status, shown = self.on_terminal(ask, [("Password", "x\n"), ("Password", "y\n"), ("Password", "z\n")], key=False)
        self.expect(status == 1 and "OHB-0902" in shown and shown.count("(refused)") == 3, "three wrong passwords", shown)
        status, shown = self.on_terminal(ask, [("Password", "\x04")], key=False)
        self.expect(status == 1 and "none given" in shown, "the end of the input instead of a password", shown)
        status, shown = self.on_terminal(ask, [("Password", "\x03")], key=False)
        self.expect(status == 130 and "interrupted" in shown, "Ctrl-C instead of a password", shown)
        secret = self.new_key("locked_memory", "-t", "ed25519", "-N", "not to be remembered")
        self.authorize(secret)
        command = "sleep 1024"
        for key, typed in ((False, self.board.password), (secret, "not to be remembered")):
            found = {}

            def look(pid):
                self.board.wait_for(lambda: self.board.running(command))
                found.update({text: in_memory(pid, text) for text in (typed, command)})  # noqa: B023
                self.board.kill_all(command)

            status, shown = self.on_terminal(("--ask", "--limit", PATIENCE, command), [(" of ", typed + "\n"), ('"login"', look)], key=key)
            self.expect(status == 0 and found[command] and not found[typed], "what was typed is nowhere in the client's memory",
                        f"{found} {shown}")
        for kind, extra in (("new", ()), ("old", ("-m", "PEM"))):
            key = self.new_key(f"locked_{kind}", "-t", "ecdsa", "-N", "open sesame", *extra)
            self.authorize(key)
            status, shown = self.on_terminal(ask, [("Passphrase of", "wrong\n"), ("Wrong. Passphrase", "open sesame\n")], key=key)
            self.expect(status == 0 and "sesame" not in shown, f"a key with a passphrase, {kind} format", shown)
            pathlib.Path(f"{key}.pub").unlink()
            status, shown = self.on_terminal(ask, [("Passphrase of", "open sesame\n")], key=key)
            self.expect(status == 0, f"the same without its public half, {kind} format", shown)
            result = self.client("id", key=key)
            self.expect(result.failed("login", "passphrase, and none was given"), "nobody to ask for the passphrase", result)

    # Is it the board that it was?

    def host_keys(self):
        known, public = self.work / "known/hosts", pathlib.Path(f"{self.board.host_key}.pub").read_text().split()[1]
        result = self.client("true", known_hosts=known)
        self.expect(result.failed("host_key", "unknown", "ED25519 SHA256:", "--accept-new-host-key") and not known.exists(),
                    "an unknown host key", result)
        result = self.client("--accept", "true", known_hosts=known)
        self.expect(result.status == 0 and known.read_text() == f"{self.board.host} ssh-ed25519 {public}\n" and "notice: added" in result.err,
                    "an unknown host key is accepted", result)
        result = self.client("--accept", "true", known_hosts=known)
        self.expect(result.status == 0 and known.read_text().count("\n") == 1 and "notice" not in result.err, "it is known then", result)
        result = self.client("true", known_hosts=known, address=self.board.host6)
        self.expect(result.failed("host_key", "unknown"), "but not by another name", result)
        result = self.client("true", address=self.board.host6)
        self.expect(result.status == 0 and f'"name":"{self.board.host6}"' in result.err, "IPv6", result)
        for name, kind in (("a changed host key", "ed25519"), ("a host key of another type", "ecdsa")):
            other = self.new_key(f"host_{kind}", "-t", kind, "-N", "")
            line = " ".join(pathlib.Path(f"{other}.pub").read_text().split()[:2])
            before = f"# line 1\nelse {line}\n{self.board.host} {line}\n"
            known.write_text(before)
            result = self.client("--accept", "true", known_hosts=known)
            fingerprint = subprocess.run(["ssh-keygen", "-lf", other], capture_output=True, text=True).stdout.split()[1]
            self.expect(result.failed("host_key", "CHANGED", f"line 3 of {known}", fingerprint, "ssh-keygen -f") and known.read_text() == before,
                        f"{name} is refused, whatever was said", result)
        known.write_text(f"{self.board.host} {line}\n@revoked * ssh-ed25519 {public}\n")
        result = self.client("--accept", "true", known_hosts=known)
        self.expect(result.failed("host_key", "line 2", "revokes"), "a revoked host key", result)
        known.write_text(f"{self.board.host} {line}\n{self.board.host} ssh-ed25519 {public}\n")
        result = self.client("true", known_hosts=known)
        self.expect(result.status == 0, "one of several keys", result)
        result = self.client("--accept", "true", known_hosts="/dev/full")
        self.expect(result.failed("unwritable", "/dev/full"), "known_hosts that cannot be written", result)
        with Proxy((self.board.host, 22)) as proxy:
            result = self.client("true", **{**self.proxied(proxy), "known_hosts": known})
            self.expect(result.failed("host_key", f"[127.0.0.1]:{proxy.port}"), "another port is another host", result)
            result = self.client("true", **self.proxied(proxy))
            self.expect(result.status == 0, "a port", result)
            # Where a name has several addresses the first one (::1) refuses.
            result = self.client("--accept", "true", address=f"localhost:{proxy.port}", known_hosts=known)
            self.expect(result.status == 0 and f"\n[localhost]:{proxy.port} ssh-ed25519" in known.read_text(), "a name", result)
        local = re.search(r"fe80::[0-9a-f:]+", self.board.ssh("ip -6 addr show dev eth0").stdout)
        result = self.client("--accept", "true", address=f"[{local[0]}%{self.board.device}]:22", known_hosts=known)
        self.expect(result.status == 0, "a link-local address with its interface", result)

    # Commands.

    def commands(self):
        result = self.client("echo out; echo err >&2; exit 3", "exit 300", "nosuchprogram", "kill -9 $$", "kill -BUS $$", "cat", "exec >&-; sleep 0.2")
        found = [(run["status"], run["signal"]) for run in result.runs]
        self.expect(found == [(3, ""), (44, ""), (127, ""), (-1, "KILL"), (-1, "SIG"), (0, ""), (0, "")] or
                    found == [(3, ""), (44, ""), (127, ""), (-1, "KILL"), (-1, "BUS"), (0, ""), (0, "")], "exit statuses and signals", result)
        self.expect(result.out == b"out\n" and result.runs[0]["err"] == "err\n" and "not found" in result.runs[2]["err"],
                    "standard output and standard error output", result)
        result = self.client("head -c 100000 /dev/zero | tr '\\0' x >&2; echo end >&2")
        self.expect(len(result.runs[0]["err"]) == 65536 and result.runs[0]["err"].endswith("xend\n"), "the end of much error output", result)
        result = self.client("--repeat", 100, "echo x")
        self.expect(result.status == 0 and result.out == b"x\n" * 100, "100 commands on one connection", result)
        result = self.client("--keep-going", "sleep 1000 & exit 5", "echo still here", timeout=self.short)
        self.expect("left something running" in result.err and result.out == b"still here\n", "a command that leaves something behind", result)
        self.board.kill_all("sleep 1000")
        result = self.client("echo " + "x" * 100000 + " | wc -c")
        self.expect(result.out == b"100001\n", "a long command line", result)
        result = self.client("--keep-going", "--limit", 3, "sleep 1001", "echo still here", timeout=30)
        self.expect(result.errors and int(result.errors[0][0]) == CODES["timeout"] and result.out == b"still here\n", "the limit of a command", result)
        self.expect(self.board.wait_for(lambda: not self.board.running("sleep 100")), "stopped commands have ended", self.board.running())
        result = self.client("--limit", PATIENCE, f"sleep {self.short + 3}; echo done", timeout=self.short)
        self.expect(result.out == b"done\n", "a command that is silent for longer than the time-out, with a limit of its own", result)
        result = self.client("sleep 1002", timeout=self.short)
        self.expect(result.failed("timeout", f"no progress for {self.short} seconds"), "a command that is silent for too long", result)
        self.expect(self.board.wait_for(lambda: not self.board.running("sleep 1002")), "it was stopped", self.board.running())

    def transfers(self):
        data = os.urandom(1 << 20) * 48 + bytes(range(256)) * 1001 + b"\r\n\0~.\x04\x03"
        file, digest = self.work / "data", hashlib.sha256(data).hexdigest()
        file.write_bytes(data)
        result = self.client("--input", file, "cat > /userdata/data; sha256sum < /userdata/data")
        self.expect(result.out.decode().startswith(digest) and result.runs[0]["sent"] == len(data), f"{len(data)} bytes up", result)
        result = self.client("cat /userdata/data")
        self.expect(hashlib.sha256(result.out).hexdigest() == digest, f"{len(data)} bytes down", result)
        result = self.client("--input", file, "cat")
        self.expect(hashlib.sha256(result.out).hexdigest() == digest, "up and down at once", result)
        result = self.client("--input", file, "true", "head -c 5; exit 3")
        self.expect([r["status"] for r in result.runs] == [0, 3] and result.out == data[:5], "input that the command does not want", result)
        result = self.client("head -c 70000000 /dev/zero")
        self.expect(result.failed("command", "more than 64 MiB"), "too much output to keep", result)
        result = self.client("--discard", "head -c 70000000 /dev/zero")
        self.expect(result.status == 0 and result.runs[0]["taken"] == 70000000, "but not too much to take", result)
        self.board.path("/userdata/data").unlink()
        server = subprocess.Popen(self.board.ssh_command("exec /usr/sbin/sshd -D -p 2223 -o RekeyLimit=2M"), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        known = self.work / "known_2223"
        known.write_text(self.board.known_hosts.read_text().replace(self.board.host, f"[{self.board.host}]:2223"))
        way = {"address": f"{self.board.host}:2223", "known_hosts": known}
        self.board.wait_for(lambda: self.client("true", **way).status == 0)
        result = self.client("--input", file, "cat", **way)
        self.expect(hashlib.sha256(result.out).hexdigest() == digest, "with new session keys after every 2 MiB", result)
        for process in [p for p in self.board.processes() if "2223" in p.command]:
            self.board.kill(process)
        server.kill()
        server.wait()

    def held(self):
        beats = self.board.path("/userdata/beats")
        script = "echo ready to wait; while read -r line; do echo beat >> /userdata/beats; done; echo gone >> /userdata/beats"
        count = lambda: beats.read_text().count("beat") if beats.exists() else 0  # noqa: E731
        gone = lambda: beats.exists() and beats.read_text().endswith("gone\n")  # noqa: E731
        result = self.client("--hold", script, "--interval", 0.2, "sleep 3", "echo x; sleep 1")
        self.expect(result.status == 0 and result.lines[1] == {"held": "ready to wait"}, "a command is held", result)
        self.board.wait_for(gone)
        least, most = sum(run["seconds"] for run in result.runs) / 0.2 / 2, result.seconds / 0.2 + 1
        self.expect(gone() and least <= count() <= most, f"{least:.0f} to {most:.0f} heartbeats, and the end", beats.read_text())
        beats.unlink()
        process = self.start("--hold", script, "--interval", 0.2, "sleep 1003")
        self.expect(self.board.wait_for(lambda: count() >= 2), "heartbeats while a command runs")
        process.kill()
        process.communicate()
        self.expect(self.board.wait_for(gone), "the held command sees the end of a client that was killed", beats.read_text())
        beats.unlink()
        big = self.big()
        with Proxy((self.board.host, 22), rate=2 << 20) as proxy:
            result = self.client("--hold", script, "--interval", 0.2, "--input", big, "head -c 8000000 >/dev/null", **self.proxied(proxy))
        self.board.wait_for(gone)
        self.expect(result.status == 0 and count() >= 12, "heartbeats during a slow upload", f"{count()} {result}")
        beats.unlink()
        result = self.client("--hold", "echo no >&2; exit 1", "true")
        self.expect(result.failed("command", "no?"), "a held command that ends at once", result)
        result = self.client("--hold", "sleep 1004", "true", timeout=self.short)
        self.expect(result.failed("timeout", "not ready"), "a held command that is never ready", result)
        result = self.client("--hold", "cat /dev/zero", "true")
        self.expect(result.failed("command", "prints too much"), "a held command that floods", result)
        result = self.client("--hold", "echo ok; cat /dev/zero", "sleep 1; echo fine")
        self.expect(result.out == b"fine\n", "one that floods later is ignored", result)
        self.board.kill_all("sleep 100")

    def dropbear(self):
        """Another server: small windows, other habits."""
        try:
            tree = trees.sysroot("dropbear", "dropbear-bin", "libtomcrypt1", "libtommath1", "libgmp10")
        except Unavailable as reason:
            print(f"skipped: {reason}")
            return
        folder = self.board.path("/userdata/dropbear")
        folder.mkdir()
        folder.chmod(0o777)
        for file in (*tree.glob("usr/sbin/dropbear"), *tree.glob("usr/bin/dropbearkey"), *tree.glob("usr/lib/*/lib*.so.*")):
            shutil.copy(file, folder / file.name)  # of links: what they point to
        run = "cd /userdata/dropbear && export LD_LIBRARY_PATH=$PWD && "
        public = self.board.ssh(run + "./dropbearkey -t ed25519 -f key").stdout
        line = next(line for line in public.splitlines() if line.startswith("ssh-ed25519")).split()[:2]
        known = self.work / "known_dropbear"
        known.write_text(f"[{self.board.host}]:2222 {' '.join(line)}\n")
        server = subprocess.Popen(self.board.ssh_command(run + "exec ./dropbear -F -E -p 2222 -r key"), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        way = {"address": f"{self.board.host}:2222", "known_hosts": known}
        self.expect(self.board.wait_for(lambda: self.client("true", **way).status == 0), "dropbear: login by key")
        password = {"OPENHB_BOARD_PASSWORD": self.board.password}
        result = self.client("id -un", key=False, environment=password, **way)
        self.expect(result.out == b"board\n", "dropbear: login by password", result)
        result = self.client("id", key=False, environment={"OPENHB_BOARD_PASSWORD": "wrong"}, **way)
        self.expect(result.failed("login", "password (refused)"), "dropbear: wrong password", result)
        result = self.client("echo out; echo err >&2; exit 3", "kill -9 $$", "true", **way)
        self.expect([(r["status"], r["signal"]) for r in result.runs] == [(3, ""), (-1, "KILL"), (0, "")] and result.runs[0]["err"] == "err\n",
                    "dropbear: exit statuses and signals", result)
        result = self.client("--repeat", 30, "echo x", **way)
        self.expect(result.out == b"x\n" * 30, "dropbear: 30 commands on one connection", result)
        digest = hashlib.sha256(self.big().read_bytes()).hexdigest()
        result = self.client("--input", self.big(), "sha256sum", **way)
        self.expect(result.out.decode().startswith(digest), "dropbear: 48 MiB up", result)
        result = self.client("--input", self.big(), "cat", **way)
        self.expect(hashlib.sha256(result.out).hexdigest() == digest, "dropbear: up and down at once", result)
        beats = self.board.path("/userdata/beats")
        script = "echo ready; while read -r line; do echo beat >> /userdata/beats; done; echo gone >> /userdata/beats"
        result = self.client("--hold", script, "--interval", 0.2, "sleep 2", **way)
        self.expect(result.status == 0 and self.board.wait_for(lambda: beats.read_text().endswith("gone\n")) and beats.read_text().count("beat") > 4,
                    "dropbear: a command is held", result)
        beats.unlink()
        result = self.client("--limit", PATIENCE, f"sleep {self.short + 3}; echo done", timeout=self.short, **way)
        self.expect(result.out == b"done\n", "dropbear: it answers while a command is silent", result)
        result = self.client("--limit", 3, "sleep 1020", **way)
        self.expect(result.failed("timeout") and self.board.wait_for(lambda: not self.board.running("sleep 1020")),
                    "dropbear: a command is stopped", result)
        process = self.start("sleep 1021", **way)
        self.board.wait_for(lambda: self.board.running("sleep 1021"))
        self.interrupt(process, "dropbear runs a command")
        self.expect(self.board.wait_for(lambda: not self.board.running("sleep 1021")), "and the command has ended", self.board.running())
        self.board.kill_all("dropbear")
        server.kill()
        server.wait()

    # What can go wrong.

    def connecting(self):
        """Whether a connection to the board is being made."""
        return subprocess.run(["ss", "-Htn", "state", "syn-sent", "dst", self.board.host], capture_output=True, check=True).stdout

    def unreachable(self):
        result = self.client("true", address=f"{self.board.host}:23")
        self.expect(result.failed("unreachable", "nothing listens on port 23"), "a closed port", result)
        result = self.client("true", address="10.98.200.9")
        self.expect(result.failed("unreachable", "unreachable"), "no way to the network", result)
        result = self.client("true", address="no-such-board.invalid", timeout=3)
        self.expect(result.failed("unreachable", "no-such-board.invalid"), "an unknown name", result)
        result = self.client("true", address="fe80::1")
        self.expect(result.failed("unreachable", "%eth0"), "a link-local address without its interface", result)
        self.board.link(False)
        result = self.client("true", timeout=1.5)
        self.expect(result.failed("unreachable"), "a board without a link", result)
        process = self.start("true")
        self.expect(self.board.wait_for(self.connecting), "it tries to connect")
        self.interrupt(process, "connecting")
        self.link_again()
        with Proxy(None) as proxy:
            result = self.client("true", timeout=1, **self.proxied(proxy))
            self.expect(result.failed("unreachable", "nothing like SSH for 1 seconds"), "a server that says nothing", result)
            before = proxy.connections
            process = self.start("true", **self.proxied(proxy))
            self.board.wait_for(lambda: proxy.connections > before)
            self.interrupt(process, "waiting for the server's first words")

    def strange_servers(self):
        """What answers is no SSH server, or one that says nonsense."""
        def serve(say):
            listener = socket.create_server(("127.0.0.1", 0))

            def answer():
                connection = listener.accept()[0]
                try:
                    say(connection)
                except OSError:
                    pass
                connection.close()
                listener.close()
            threading.Thread(target=answer, daemon=True).start()
            return f"127.0.0.1:{listener.getsockname()[1]}"

        def flood(piece):
            def say(connection):
                while True:
                    connection.sendall(piece)
            return say

        def drip(connection):
            for _ in range(100):
                connection.sendall(b"x\r\n")
                time.sleep(0.2)

        banner = b"SSH-2.0-OpenSSH_8.4\r\n"
        cases = {
            "HTTP": lambda c: (c.recv(1), c.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"), c.shutdown(socket.SHUT_WR), c.recv(9999)),
            "the end at once": lambda c: c.recv(1),
            "an endless line": flood(b"x" * 10000),
            "endless lines": flood(b"hello\r\n" * 1000),
            "a drop now and then": drip,
            "random bytes after the banner": lambda c: (c.sendall(banner), flood(os.urandom(9999))(c)),
            "a packet of 4 GB": lambda c: (c.sendall(banner + b"\xff" * 64), c.recv(9999), time.sleep(5)),
            "an empty packet": lambda c: (c.sendall(banner + bytes(64)), c.recv(9999), time.sleep(5)),
            "an old version": lambda c: (c.sendall(b"SSH-1.5-old\r\n"), c.recv(9999), time.sleep(5)),
            "control characters": lambda c: (c.sendall(b"SSH-2.0-x\x1b[2J\r\n\x1b[2J"), c.recv(9999)),
            "half of it": lambda c: (c.sendall(b"SSH-2.0-Ope"), c.recv(9999), time.sleep(5)),
        }
        for name, say in cases.items():
            result = self.client("true", address=serve(say), timeout=2)
            self.expect(result.failed("unreachable") and "\x1b" not in result.err, f"instead of SSH: {name}", result)

    def lost(self):
        big = self.big()
        target = (self.board.host, 22)
        for how in ("reset", "close"):
            for direction, command in (("up", "cat > /dev/null"), ("down", "cat /dev/zero")):
                with Proxy(target, cut_after=10 << 20, direction=direction, how=how) as proxy:
                    result = self.client("--discard", "--input", big, command, **self.proxied(proxy))
                    self.expect(result.failed("lost", "a command was running"), f"{how}, {direction}", result)
        for cut in (10, 30, 700, 1500, 2300, 2600, 2900):
            with Proxy(target, cut_after=cut, direction="down", how="close") as proxy:
                result = self.client("true", **self.proxied(proxy))
                self.expect(result.status == 0 or result.failed("unreachable") or result.failed("lost") or result.failed("login"),
                            f"closed after {cut} bytes: {result.errors}", result)
            with Proxy(target, cut_after=cut, direction="down", how="silence") as proxy:
                result = self.client("true", timeout=1, **self.proxied(proxy))
                self.expect(result.status == 0 or result.failed("unreachable", "for 1 seconds") or result.failed("timeout", "within 1 seconds") or
                            result.failed("timeout", "not answered"), f"silent after {cut} bytes: {result.errors}", result)
        with Proxy(target, cut_after=10 << 20, how="silence") as proxy:
            result = self.client("--input", big, "cat > /dev/null", timeout=self.short, **self.proxied(proxy))
            self.expect(result.failed("timeout") or result.failed("lost"), "silence in the middle of an upload", result)

        process, began = self.start("--repeat", 100, "--input", big, "cat - - > /dev/null", timeout=self.short), time.monotonic()
        self.expect(self.board.wait_for(lambda: self.board.running("cat - -")), "the upload has begun")
        self.board.link(False)
        result = self.end(process, began)
        # On a machine that is busy the command may have been about to start, or both limits have passed at once.
        self.expect(result.failed("lost") or result.failed("timeout"), "the link is cut in the middle of an upload", result)
        self.link_again()
        process, began = self.start("--limit", 600, "sleep 1005", timeout=self.short), time.monotonic()
        self.board.wait_for(lambda: self.board.running("sleep 1005"))
        self.board.link(False)
        result = self.end(process, began)
        self.expect(result.failed("lost") or result.failed("timeout", "not answered"), "the link is cut while a command computes", result)
        self.link_again()
        process, began = self.start("--repeat", 5, "--input", big, "cat - - - > /dev/null", timeout=20), time.monotonic()
        self.expect(self.board.wait_for(lambda: self.board.running("cat - - -")), "the upload has begun")
        self.board.link(False)
        time.sleep(1)
        self.board.link(True)
        result = self.end(process, began)
        self.expect(result.status == 0, "the link is away for a second", result)
        process, began = self.start("sleep 1006"), time.monotonic()
        self.board.wait_for(lambda: self.board.running("sleep 1006"))
        self.expect(self.board.drop_connections() >= 1, "the kernel drops the connection")
        result = self.end(process, began)
        self.expect(result.failed("lost"), "the connection is dropped", result)
        self.board.kill_all("sleep 100")
        self.board.kill_all("cat")

    def frozen(self):
        big = self.big()
        for name, arguments in (("waits", ("--limit", 600, "sleep 1007")), ("uploads", ("--input", big, "--repeat", 100, "cat - > /dev/null")),
                                ("downloads", ("--discard", "cat /dev/zero"))):
            process, began = self.start(*arguments, timeout=self.short), time.monotonic()
            program = arguments[-1].removesuffix(" > /dev/null")
            self.expect(self.board.wait_for(lambda: self.board.running(program)), "it runs")  # noqa: B023
            time.sleep(0.5)
            self.board.freeze()
            result = self.end(process, began)
            self.expect(result.failed("timeout") or result.failed("lost"), f"the board freezes while the client {name}", result)
            self.board.freeze(False)
            self.board.kill_all("sleep 100")
        self.board.freeze()
        result = self.client("true", timeout=1)
        self.expect(result.failed("unreachable", "nothing like SSH"), "a frozen board", result)
        self.board.freeze(False)

    def server_dies(self):
        process, began = self.start("sleep 1008"), time.monotonic()
        self.board.wait_for(lambda: self.board.running("sleep 1008"))
        for server in [p for p in self.board.processes() if "sshd" in p.command]:
            self.board.kill(server)
        result = self.end(process, began)
        self.expect(result.failed("lost"), "the server's process is killed", result)
        self.board.kill_all("sleep 100")

    # Ctrl-C.

    def interrupt(self, process, what, number=signal.SIGINT):
        self.board.wait_for(lambda: catches(process.pid, number))  # else it would only be killed
        began = time.monotonic()
        process.send_signal(number)
        result = self.end(process, began)
        self.expect(result.status == 128 + number and not result.errors, f"Ctrl-C while {what} ({result.seconds:.2f} s)", result)
        return result.seconds

    def interrupts(self):
        big = self.big()
        times = []
        for what, arguments, running in (("a command runs", ("sleep 1009",), "sleep 1009"),
                                         ("uploading", ("--input", big, "--repeat", 100, "cat > /dev/null # 1010"), "cat"),
                                         ("downloading", ("--discard", "cat /dev/zero"), "cat /dev/zero")):
            process = self.start(*arguments)
            self.board.wait_for(lambda: self.board.running(running))
            times.append(self.interrupt(process, what, signal.SIGTERM if what == "uploading" else signal.SIGINT))
            self.expect(self.board.wait_for(lambda: not self.board.running(running)), "and the command has ended on the board",
                        self.board.running())
        process = self.start("sleep 1011")
        self.board.wait_for(lambda: self.board.running("sleep 1011"))
        self.board.freeze()
        times.append(self.interrupt(process, "the board is frozen"))
        self.board.freeze(False)
        self.board.kill_all("sleep 100")

    def measure(self):
        big = self.big()
        size = big.stat().st_size
        for name, delay in (("directly", None), ("25 ms each way", 0.025)):
            with Proxy((self.board.host, 22), delay=delay or 0) as proxy:
                way = self.proxied(proxy) if delay else {}
                results = [self.client("--repeat", 20, "true", **way) for _ in range(5)]
                login = statistics.median(r.lines[0]["login"] for r in results)
                trip = statistics.median(run["seconds"] for r in results for run in r.runs)
                up = self.client("--input", big, "--repeat", 3, "cat > /dev/null", **way)
                down = self.client("--discard", "--input", big, "cat > /userdata/x; cat /userdata/x; rm /userdata/x", *["head -c 50000000 /dev/zero"] * 3, **way)
                rate = lambda runs, n: max(n / run["seconds"] / 1e6 for run in runs)  # noqa: E731
                print(f"{name}: login {login * 1e3:.0f} ms, command {trip * 1e3:.1f} ms, up {rate(up.runs, size):.1f} MB/s, "
                      f"down {rate(down.runs[1:], 50e6):.1f} MB/s")


PARTS = ["logins", "usual_keys", "agents", "prompts", "host_keys", "commands", "transfers", "held", "dropbear", "unreachable", "strange_servers",
         "lost", "frozen", "server_dies", "interrupts"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("parts", nargs="*", help=f"of: {' '.join(PARTS)}")
    arguments = parser.parse_args()
    arguments.client, arguments.work = map(os.path.abspath, (arguments.client, arguments.work))
    enter_script()
    with Userland(password="s3same-0pen-y0urself") as board:
        check = Check(board, arguments)
        for part in ["measure"] if arguments.measure else arguments.parts or PARTS:
            print(f"-- {part}")
            getattr(check, part)()
    if check.failures:
        sys.exit(f"{check.failures} failures")


if __name__ == "__main__":
    main()
