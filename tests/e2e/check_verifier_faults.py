#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hb_verifier when things go wrong between it and the board, and on the board. Each time: a message that says what and where, the
documented exit status, an end in bounded time, no partial result on this machine, and on the board nothing running and nothing lying
but whole files of the cache."""
import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from board import Machine, Proxy, Unavailable, Userland, enter_script, trees  # noqa: E402

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "traffic_signs"
LIMIT = 120  # seconds for one verification: loaded machines are slow, but a hang is a failure
SOON = 5  # --timeout: not less, for a loaded machine must not look like a board that hangs
PASSWORD = "correct-horse"
# Never comes to an end when it shall run the model.
HANGS = """#!/bin/sh
case $1 in infer) sleep 4321 ;; esac
exec /usr/bin/hrt_model_exec "$@"
"""


class Check:
    def __init__(self, args):
        self.args, self.count, self.failures, self.table = args, 0, 0, []
        self.work = pathlib.Path(args.work).resolve()
        shutil.rmtree(self.work, ignore_errors=True)
        (self.work / "tmp").mkdir(parents=True)
        (self.work / "home").mkdir()
        self.model = self.work / "signs.bin"
        self.fault = "no fault"

    def expect(self, condition, sentence):
        self.count += 1
        if not condition or self.args.verbose:
            print(f"ok:   {self.fault}: {sentence.splitlines()[0]}" if condition else f"FAIL: {self.fault}: {sentence}", flush=True)
        self.failures += not condition

    def convert(self):
        (self.work / "config.yaml").write_text(
            f"model_parameters:\n  onnx_model: '{EXAMPLE / 'traffic_signs.onnx'}'\n  march: 'bayes'\n  working_dir: '{self.work}'\n"
            "  output_model_file_prefix: 'signs'\n"
            "input_parameters:\n  input_type_train: 'rgb'\n  input_layout_train: 'NCHW'\n  input_type_rt: 'nv12'\n"
            "  norm_type: 'data_mean_and_scale'\n  mean_value: '123.675 116.28 103.53'\n  scale_value: '0.0171 0.0175 0.0174'\n"
            "calibration_parameters:\n  calibration_type: 'skip'\ncompiler_parameters:\n  optimize_level: 'O0'\n")
        done = subprocess.run([self.args.hb_mapper, "makertbin", "-c", self.work / "config.yaml", "--model-type", "onnx", "--quiet"],
                              cwd=self.work, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"the conversion failed: {done.stderr[-1500:]}")

    # --- one verification ---
    def start(self, board, *arguments, address=None, hosts=None, password=PASSWORD):
        """hb_verifier, Arm against Sim. `address`: of a proxy."""
        if address:
            hosts = self.work / "proxy_hosts"
            hosts.write_text(address.known_hosts_line(board))
        self.reports = [self.work / f"report.{kind}" for kind in ("json", "xml", "html")]
        for report in self.reports:
            report.write_text("of an earlier run")
        target = address or board
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("BOARD_", "SSH_", "OPENHB_"))}
        return subprocess.Popen(
            [self.args.hb_verifier, "-m", self.model, "-s", "True", "-b", f"{target.host}:{target.port}", "-u", "board",
             "--known-hosts", hosts or board.known_hosts, *[w for r, o in zip(self.reports, ("--json", "--junit", "--html")) for w in (o, r)],
             *map(str, arguments)],
            cwd=self.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**plain, "HOME": str(self.work / "home"), "TMPDIR": str(self.work / "tmp"), "OPENHB_BOARD_PASSWORD": password})

    def end(self, process, code, *words, status=1):
        """What must be true of every failure. `code`: OHB-..., `words`: of its sentence."""
        try:
            text, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            text, _ = process.communicate()
            self.expect(False, f"it still runs after {LIMIT} s\n{text[-1500:]}")
            return text
        self.expect(process.returncode == status, f"exit status {process.returncode}, expected {status}\n{text[-1500:]}")
        message = next((line for line in text.splitlines() if code in line), "")
        self.expect(message, f"the message has {code}\n{text[-1500:]}")
        for word in words:
            self.expect(word in message, f"'{word}' in: {message}")
        if status:
            self.expect(all(r.read_text() == "of an earlier run" for r in self.reports), "reports of earlier runs are left alone")
        left = [str(f.relative_to(self.work)) for f in self.work.rglob("*")
                if f.name.endswith((".part", ".tmp")) or f.parent == self.work / "tmp" or "reproducer" in f.name]
        self.expect(left == [], f"nothing is left on this machine: {left}")
        self.expect(PASSWORD not in text and PASSWORD not in (self.work / "hb_verifier.log").read_text(), "no password in output and log")
        self.table.append((self.fault, process.returncode, re.sub(r"^\S+ \S+ ERROR |^ERROR ", "", message)))
        return text

    def clean(self, board):
        """Nothing runs and nothing lies on the board but the cache's whole files: at the latest when the board has noticed."""
        def remains():
            lying = [f for f in board.files() if "/run-" in f or f.endswith(".part") or not re.search(r"/\.openhb(/cache(/[^/]+)?)?$", f)]
            lying = [f for f in lying if "ballast" not in f and not f.startswith("/tmp/hangs")]
            if isinstance(board, Userland):
                whole = {os.path.getsize(self.model), os.path.getsize(self.args.runtime)}
                lying += [f"part of {f}" for f in board.files() if "/cache/" in f and board.size(f) not in (None, *whole)]
            running = [p.command[:80] for p in board.running()]
            return lying + running
        board.wait_for(lambda: not remains(), LIMIT)
        self.expect(remains() == [], f"nothing is left on the board: {remains()}")

    @contextlib.contextmanager
    def case(self, fault, board=None):
        self.fault = fault
        yield
        if board:
            self.clean(board)
            board.ssh("rm -rf /userdata/* /userdata/.openhb ~/.openhb /tmp/.openhb")
        for folder in (self.work / "tmp").iterdir():  # a verification that is ended by kill -9 leaves its own
            shutil.rmtree(folder)

    def hanging(self, board):
        done = board.ssh("mkdir -p /tmp/hangs && cat >/tmp/hangs/hrt_model_exec && chmod +x /tmp/hangs/hrt_model_exec", input=HANGS, stdin=None)
        self.expect(done.returncode == 0, "a program that hangs is on the board")
        return ["--runtime", "/tmp/hangs/hrt_model_exec"]

    def in_a_run(self, board, *arguments, **more):
        """A verification whose run of the model has begun and does not end."""
        process = self.start(board, *self.hanging(board), *arguments, **more)
        self.expect(board.wait_for(lambda: board.running("sleep 4321"), LIMIT), "the model is run")
        return process

    # --- the faults ---
    def none(self, board):
        with self.case("no fault", board):
            process = self.start(board)
            text, _ = process.communicate(timeout=LIMIT)
            self.expect(process.returncode == 0, f"passes\n{text[-1500:]}")
            self.expect(all(r.read_text() != "of an earlier run" for r in self.reports), "and writes its reports")

    def connection(self, board):
        class Nobody:
            host, port = "10.77.0.1", 22  # no route: the namespace has no other network
        with self.case("no route to the address"):
            Nobody.known_hosts = board.known_hosts
            self.end(self.start(Nobody), "OHB-0900", "10.77.0.1", "unreachable")
        with self.case("address that nobody has"):
            Nobody.host = "10.98.0.1"
            board.link(False)
            self.end(self.start(board, "--timeout", SOON), "OHB-0900", board.host)
            board.link(True)
        with self.case("closed port"):
            Nobody.host, Nobody.port = board.host, 23
            self.end(self.start(Nobody), "OHB-0900", f"{board.host}:23", "nothing listens")
        with self.case("a server that says nothing"), Proxy(None) as silent:
            self.end(self.start(board, "--timeout", 2, address=silent), "OHB-0900", str(silent.port))
        with self.case("Ctrl-C in the login"), Proxy(None) as silent:
            process = self.start(board, "-p", PASSWORD, address=silent, password="")
            self.expect(board.wait_for(lambda: silent.connections), "it connects")
            line = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()
            self.expect(b"-p\0" in line and PASSWORD.encode() not in line, f"the list of processes does not show the password: {line}")
            process.send_signal(signal.SIGINT)
            self.end(process, "interrupted", status=130)
        with self.case("wrong password", board):
            self.end(self.start(board, password="wrong"), "OHB-0902", board.host, "password")
        with self.case("unknown host key", board):
            empty = self.work / "no_hosts"
            empty.write_text("")
            self.end(self.start(board, hosts=empty), "OHB-0901", "SHA256:", "--accept-new-host-key")
            self.expect(empty.read_text() == "", "the key is not added")
        with self.case("connection lost during the login"), Proxy((board.host, board.port), cut_after=700) as proxy:
            self.end(self.start(board, address=proxy), "OHB-09", str(proxy.port))

    def changed_key(self, board):
        before = self.work / "before"
        before.write_text(board.known_hosts.read_text())
        board.stop()
        with Userland(0, password=PASSWORD, program=self.args.runtime) as other, self.case("changed host key", other):
            self.end(self.start(other, hosts=before), "OHB-0901", "SHA256:", "CHANGED")
            self.end(self.start(other, "--accept-new-host-key", hosts=before), "OHB-0901", "CHANGED")

    def upload(self, board):
        """To a board without runtime, which is sent: megabytes."""
        push = ["--push-runtime", self.args.runtime]
        for how, code in (("reset", "OHB-0903"), ("close", "OHB-0903"), ("silence", "OHB-090")):
            with self.case(f"link cut in an upload ({how})", board), \
                    Proxy((board.host, board.port), cut_after=1 << 20, how=how) as proxy:
                self.end(self.start(board, *push, "--timeout", SOON, address=proxy), code, str(proxy.port))
                self.expect(proxy.cut.is_set(), "the cut has happened")
        with self.case("cable pulled in an upload", board):
            board.slow("8mbit")
            process = self.start(board, *push, "--timeout", SOON)
            self.expect(board.wait_for(lambda: self.sending(board)), "the upload has begun")
            board.link(False)
            self.end(process, "OHB-090", board.host)
            self.clean(board)  # before the link is back: by itself
            board.link(True)
        with self.case("cable pulled for a second in an upload", board):
            process = self.start(board, *push, "--timeout", 20)
            self.expect(board.wait_for(lambda: self.sending(board)), "the upload has begun")
            board.link(False)
            subprocess.run(["sleep", "1"])
            board.link(True)
            self.passes(process)
        with self.case("slow link", board):
            board.slow("4mbit")  # ten seconds for the upload: much longer than the time-out
            self.passes(self.start(board, *push, "--timeout", SOON))
            board.slow(None)
        with self.case("slow link, 50 ms away", board), Proxy((board.host, board.port), delay=0.05, rate=1 << 20) as proxy:
            self.passes(self.start(board, *push, "--timeout", SOON, address=proxy))
        with self.case("Ctrl-C in an upload", board):
            board.slow("8mbit")
            process = self.start(board, *push)
            self.expect(board.wait_for(lambda: self.sending(board)), "the upload has begun")
            process.send_signal(signal.SIGINT)
            self.end(process, "interrupted", status=130)
            board.slow(None)
        with self.case("disk gets full in an upload", board):
            board.slow("8mbit")
            process = self.start(board, *push, "--board-dir", "/userdata")
            self.expect(board.wait_for(lambda: self.sending(board)), "the upload has begun")
            board.fill("/userdata")
            self.end(process, "OHB-0906", "/userdata", "No space left")
            board.slow(None)

    def sending(self, board):
        return [f for f in board.files() if "/.openhb/" in f and (board.size(f) or 0) > 100000]

    def passes(self, process):
        text, _ = process.communicate(timeout=LIMIT)
        self.expect(process.returncode == 0, f"passes: status {process.returncode}\n{text[-1500:]}")
        self.table.append((self.fault, process.returncode, "(passes)"))
        return text

    def storage(self, board):
        with self.case("disk full", board):
            board.fill("/userdata", leave=20000)
            self.end(self.start(board, "--board-dir", "/userdata"), "OHB-0906", "/userdata", "free")
        with self.case("disk completely full", board):
            board.fill("/userdata")
            self.end(self.start(board, "--board-dir", "/userdata"), "OHB-0906", "/userdata")
        with self.case("read-only directory", board):
            board.remount("/userdata", "ro")
            self.end(self.start(board, "--board-dir", "/userdata"), "OHB-0906", "/userdata", "ead-only")
            self.fault = "read-only /userdata without --board-dir: the home folder is taken"
            self.passes(self.start(board))
            board.remount("/userdata", "rw")
        with self.case("directory of somebody else", board):
            self.end(self.start(board, "--board-dir", "/proc"), "OHB-0906", "/proc")

    def run(self, board):
        with self.case("link cut in a run", board):
            process = self.in_a_run(board, "--timeout", SOON)
            board.link(False)
            self.end(process, "OHB-090", board.host)
            self.clean(board)  # before the link is back: by itself
            board.link(True)
        for how in ("reset", "close", "silence"):
            with self.case(f"connection cut in a run ({how})", board), Proxy((board.host, board.port), how=how) as proxy:
                process = self.in_a_run(board, "--timeout", SOON, address=proxy)
                proxy.cut_now()
                self.end(process, "OHB-090", str(proxy.port))
        with self.case("connection aborted in a run", board):
            process = self.in_a_run(board)
            self.expect(board.drop_connections() > 0, "there was a connection")
            self.end(process, "OHB-0903", board.host)
        for name, number in (("KILL", signal.SIGKILL), ("SEGV", signal.SIGSEGV)):
            with self.case(f"program on the board ends by SIG{name}", board):
                process = self.start(board, "--samples", 1000)
                board.wait_for(lambda: board.kill_all("hrt_model_exec infer", number) and False or process.poll() is not None, LIMIT)
                self.end(process, "OHB-0905", board.host, f"signal {name}")
        with self.case("program on the board hangs", board):
            self.end(self.in_a_run(board, "--run-timeout", 2), "OHB-0904", board.host, "2 s")
        with self.case("board hangs in a run", board):
            process = self.in_a_run(board, "--timeout", SOON)
            board.freeze()
            self.end(process, "OHB-0904", board.host)
            board.freeze(False)
        with self.case("server of the connection is killed in a run", board):
            process = self.in_a_run(board)
            for p in board.sessions():
                board.kill(p)
            self.end(process, "OHB-0903", board.host)
        for name in ("INT", "TERM"):
            with self.case({"INT": "Ctrl-C in a run", "TERM": "kill in a run"}[name], board):
                process = self.in_a_run(board)
                process.send_signal(getattr(signal, f"SIG{name}"))
                self.end(process, "interrupted", status=130 if name == "INT" else 143)
        with self.case("kill -9 of hb_verifier in a run", board):
            process = self.in_a_run(board)
            process.kill()
            process.communicate()
            self.table.append((self.fault, -9, ""))

        with self.case("kill -9 of one of two on the same board", board):
            process, other = self.in_a_run(board), self.start(board, "--samples", 5)
            process.kill()
            process.communicate()
            self.passes(other)

    def unsuitable(self, board):
        with self.case("program for another architecture is pushed", board):
            self.end(self.start(board, "--push-runtime", self.args.hb_verifier), "OHB-0907", "x86_64", "aarch64")
        with self.case("no runtime on the board", board):
            self.end(self.start(board), "OHB-0907", "--push-runtime")
        wrong = self.work / "riscv"
        data = bytearray(pathlib.Path(self.args.runtime).read_bytes())
        data[18:20] = b"\xf3\x00"
        wrong.write_bytes(data)
        with Userland(2, password=PASSWORD, program=wrong) as other, self.case("runtime on the board is for another architecture", other):
            self.end(self.start(other), "OHB-0907", "another kind of machine", "--push-runtime")
            self.fault = "the same, with --push-runtime"
            self.passes(self.start(other, "--push-runtime", self.args.runtime))

    def dropbear(self):
        """The small server that many boards have, without SFTP."""
        with Userland(4, password=PASSWORD, program=self.args.runtime, server="dropbear") as board:
            with self.case("dropbear: no fault", board):
                self.passes(self.start(board, "--samples", 3))
                self.passes(self.start(board, "--key", board.key, password=""))
            with self.case("dropbear: wrong password", board):
                self.end(self.start(board, password="wrong"), "OHB-0902", board.host, "password")
            with self.case("dropbear: link cut in a run", board):
                process = self.in_a_run(board, "--timeout", SOON)
                board.link(False)
                self.end(process, "OHB-090", board.host)
                self.clean(board)
                board.link(True)
            with self.case("dropbear: program on the board hangs", board):
                self.end(self.in_a_run(board, "--run-timeout", 2), "OHB-0904", board.host, "2 s")
            with self.case("dropbear: program on the board ends by SIGSEGV", board):
                process = self.start(board, "--samples", 1000)
                board.wait_for(lambda: board.kill_all("hrt_model_exec infer", signal.SIGSEGV) and False or process.poll() is not None, LIMIT)
                self.end(process, "OHB-0905", board.host, "signal SEGV")
            with self.case("dropbear: Ctrl-C in a run", board):
                process = self.in_a_run(board)
                process.send_signal(signal.SIGINT)
                self.end(process, "interrupted", status=130)
        with Userland(4, password=PASSWORD, server="dropbear") as board, self.case("dropbear: Ctrl-C in an upload", board):
            board.slow("8mbit")
            process = self.start(board, "--push-runtime", self.args.runtime)
            self.expect(board.wait_for(lambda: self.sending(board)), "the upload has begun")
            process.send_signal(signal.SIGINT)
            self.end(process, "interrupted", status=130)
            board.slow(None)
            self.passes(self.start(board, "--push-runtime", self.args.runtime))

    def power_cut(self):
        with Userland(3, password=PASSWORD, program=self.args.runtime) as board, self.case("power cut in a run"):
            process = self.in_a_run(board, "--timeout", SOON)
            board.die()
            self.end(process, "OHB-090", board.host)

    def machine(self):
        for clock in ("2020-01-01T00:00:00", "2040-01-01T00:00:00"):
            with Machine(5, clock=clock, password=PASSWORD, program=self.args.runtime) as board, \
                    self.case(f"clock of the board says {clock[:4]}", board):
                text = self.passes(self.start(board))
                warning = next((line for line in text.splitlines() if "clock" in line), "")
                self.expect("WARNING" in warning , f"a warning about the clock: {warning}")
                self.table[-1] = (self.fault, 0, re.sub(r"^.*WARNING ", "", warning))
                if clock > "2030":
                    self.fault = "board hangs in a run (machine)"
                    process = self.in_a_run(board, "--timeout", 2 * SOON)
                    board.freeze()
                    self.end(process, "OHB-090", board.host)
                    board.freeze(False)
                    self.clean(board)
                    self.fault = "link cut in a run (machine)"
                    process = self.in_a_run(board, "--timeout", 2 * SOON)
                    board.link(False)
                    self.end(process, "OHB-090", board.host)
                    board.link(True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("hb-mapper", "hb-verifier", "runtime", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--only", help="parts, separated by commas")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    args.runtime = pathlib.Path(args.runtime)
    if not args.runtime.exists():
        print(f"skipped: {args.runtime} has not been built (scripts/build aarch64)")
        sys.exit(77)
    enter_script()
    check = Check(args)
    try:
        trees.prepare()
        check.convert()
        with Userland(0, password=PASSWORD, program=args.runtime) as board, Userland(1, password=PASSWORD) as bare:
            parts = {"none": lambda: check.none(board), "connection": lambda: check.connection(board), "upload": lambda: check.upload(bare),
                     "storage": lambda: check.storage(board), "run": lambda: check.run(board), "unsuitable": lambda: check.unsuitable(bare),
                     "dropbear": check.dropbear, "power_cut": check.power_cut, "changed_key": lambda: check.changed_key(board), "machine": check.machine}
            for name, part in parts.items():
                if not args.only or name in args.only.split(","):
                    part()
    except Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(1 if check.failures else 77)
    if args.verbose:
        print("\n".join(f"| {fault} | {status} | {message} |" for fault, status, message in check.table))
    print(f"{check.count - check.failures} of {check.count} checks passed")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
