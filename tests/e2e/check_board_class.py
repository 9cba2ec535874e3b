# SPDX-License-Identifier: Apache-2.0
"""Class Board on a real SSH server under aarch64: results bit for bit, what is sent, faults, and that nothing stays there."""
import argparse
import json
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from board import Machine, Proxy, Userland, enter_script  # noqa: E402
from board.namespace import SKIP, Unavailable  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
checks = 0


def check(good, what):
    global checks
    checks += 1
    if not good:
        print(f"FAILED: {what}")
        sys.exit(1)


class Tester:
    def __init__(self, board, options):
        self.board, self.options, self.work = board, options, options.work
        self.model, self.input = self.work / "traffic_signs.bin", self.work / "input.bin"
        subprocess.run([options.hb_mapper, "makertbin", "--fast-perf", "--model-type", "onnx", "--working-dir", self.work, "--model",
                        ROOT / "examples/traffic_signs/traffic_signs.onnx"], cwd=self.work, check=True, capture_output=True)
        values = [(i * 7919 % 4001 - 2000) / 1000 for i in range(3 * 64 * 64)]
        self.input.write_bytes(struct.pack(f"<{len(values)}f", *values))

    def command(self, *more, address=None, known_hosts=None, timeout=60):
        board, address = self.board, address or self.board
        for old in self.work.glob("out*"):
            shutil.rmtree(old)
        return [self.options.client, f"{address.host}:{address.port}", self.model, self.input, "--user", board.user, "--key", board.key,
                "--known-hosts", known_hosts or board.known_hosts, "--folder", self.work / "out", "--timeout", str(timeout), *more]

    def run(self, *more, **how):
        return subprocess.run(self.command(*more, **how), capture_output=True, text=True, timeout=600)

    def start(self, *more, **how):
        return subprocess.Popen(self.command(*more, **how), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def good(self, *more, **how):
        done = self.run(*more, **how)
        check(done.returncode == 0, f"{more}: {done.returncode} {done.stderr}")
        return json.loads(done.stdout)

    def fails(self, code, words, *more, **how):
        self.failed(self.run(*more, **how), code, words)

    def failed(self, done, code, words):
        check(done.returncode == 1, f"exit status {done.returncode}, not 1: {done.stderr}")
        check(f"OHB-{code:04}:" in done.stderr, f"no OHB-{code:04} in: {done.stderr}")
        for word in words:
            check(word in done.stderr, f"no '{word}' in: {done.stderr}")
        check(not list(self.work.glob("out*")), f"results were left after {done.stderr}")

    def ended(self, process, code, words, seconds=300):
        out, err = process.communicate(timeout=seconds)
        self.failed(subprocess.CompletedProcess([], process.returncode, out, err), code, words)

    def clean(self):
        def left():
            return [p.command for p in self.board.running()] + [f for f in self.board.files() if "/run-" in f]

        check(self.board.wait_for(lambda: not left(), 200), f"left on the board: {left()}")

    def slow_runtime(self, script="sleep 1000"):
        """hrt_model_exec whose `infer` does something else first."""
        path = "/tmp/hrt_model_exec"
        done = self.board.ssh(f"cat > {path} && chmod 755 {path}", stdin=None, input=f"""#!/bin/sh
case $1 in infer) {script} ;; esac
exec $(command -v hrt_model_exec) "$@"
""")
        check(done.returncode == 0, f"a slow runtime: {done.stderr}")
        return ["--runtime", path]


def results(t):
    facts = t.good("--all", "--runs", "2")
    check(facts["architecture"] == "aarch64" and facts["libc"] == "glibc 2.31", f"facts: {facts}")
    check(facts["cpu"] == "Cortex-A76" and "asimddp" in facts["features"], f"CPU: {facts}")
    check(facts["processors"] > 0 and facts["memory"] > 0 and facts["free"] > 0, f"facts: {facts}")
    if t.board.kind == "machine":
        check(facts["kernel"].startswith("5.10"), f"kernel: {facts}")
        check(facts["clock"] < -1e8, f"a clock that is years behind: {facts}")
    check(facts["folder"] == "/userdata" and not facts["pushed"], f"facts: {facts}")
    size = t.input.stat().st_size
    # Heartbeats are a byte each.
    check(0 <= facts["sent"] - t.model.stat().st_size - 2 * size < 1000, f"first time: {facts['sent']} bytes sent")
    here = t.work / "here"
    shutil.rmtree(here, ignore_errors=True)
    subprocess.run([t.options.hrt, "infer", f"--model_file={t.model}", f"--input_file={t.input}", "--enable_dump=true",
                    "--dump_intermediate=1", f"--dump_path={here}"], check=True, capture_output=True)
    names = sorted(f.name for f in here.iterdir())
    check(len(names) > 5, f"names: {names}")
    for run in ("out0", "out1"):
        check(sorted(f.name for f in (t.work / run).iterdir()) == names, f"files of {run}")
        for name in names:
            if name != "dump_index.json":
                check((here / name).read_bytes() == (t.work / run / name).read_bytes(), f"{name}: board and simulator differ")
    t.clean()
    facts = t.good()
    check(facts["sent"] < size + 1000, f"second time: {facts['sent']} bytes sent")
    check(t.board.ssh("ls /userdata/.openhb/cache | wc -l").stdout.strip() == "1", "one file in the cache")
    t.clean()
    t.good("--board-dir", "/tmp", "--no-cache")
    t.clean()
    check("/tmp/.openhb" not in t.board.files(), f"nothing stays without cache: {t.board.files()}")


def pushed(t):
    facts = t.good("--runtime", "/nowhere", "--push", t.options.hrt_aarch64)
    check(facts["pushed"] and facts["sent"] > t.options.hrt_aarch64.stat().st_size, f"pushed: {facts}")
    facts = t.good("--runtime", "/nowhere", "--push", t.options.hrt_aarch64)
    check(facts["pushed"] and facts["sent"] < t.input.stat().st_size + 1000, f"pushed from the cache: {facts}")
    t.fails(907, ["a program for x86_64", "is aarch64"], "--runtime", "/nowhere", "--push", t.options.hrt)
    t.fails(907, ["no file '/nowhere'", "--push-runtime"], "--runtime", "/nowhere")
    t.clean()


def storage(t):
    board = t.board
    t.fails(906, ["/nowhere", "--board-dir"], "--board-dir", "/nowhere")
    t.fails(906, ["/proc", "cannot be written to"], "--board-dir", "/proc")
    board.ssh("rm -rf /userdata/.openhb")
    board.fill("/userdata", leave=t.model.stat().st_size // 2)
    t.fails(906, ["KiB free", "--board-dir"], "--board-dir", "/userdata")
    board.ssh("rm /userdata/ballast")
    t.good()
    board.fill("/userdata", leave=40_000)  # enough for the input, not for all tensors
    t.fails(906, ["No space left"], "--all", "--board-dir", "/userdata")
    board.ssh("rm /userdata/ballast")
    t.clean()
    if board.kind != "userland":
        return
    board.remount("/userdata", "ro")
    check(t.good()["folder"] == "/home/board", "another folder instead of a read-only one")
    t.fails(906, ["read-only"], "--board-dir", "/userdata")
    board.remount("/userdata", "rw,noexec")
    t.fails(906, ["noexec"], "--board-dir", "/userdata", "--runtime", "/nowhere", "--push", t.options.hrt_aarch64)
    board.remount("/userdata", "rw,exec")
    board.ssh("rm -rf .openhb /userdata/.openhb")
    t.clean()


def programs(t):
    board = t.board
    slow = t.slow_runtime()
    for number, words in ((signal.SIGKILL, ["KILL", "memory"]), (signal.SIGSEGV, ["SEGV", "crashed"])):
        process = t.start(*slow)
        check(board.wait_for(lambda: board.running("sleep 1000")), "it runs")
        for pattern in ("/tmp/hrt_model_exec infer", "sleep 1000"):  # what it started keeps its output open
            board.kill_all(pattern, number)
        t.ended(process, 905, words)
        t.clean()
    t.fails(904, ["running the model", "2 s"], *slow, "--run-timeout", "2")
    t.clean()
    process = t.start(*slow)
    check(board.wait_for(lambda: board.running("sleep 1000")), "it runs")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    check(process.returncode == 130, f"Ctrl-C: {process.returncode} {err}")
    t.clean()
    process = t.start(*slow)
    check(board.wait_for(lambda: board.running("sleep 1000")), "it runs")
    process.kill()
    process.communicate()
    t.clean()
    if board.kind == "machine":
        t.fails(905, ["KILL", "memory", "the board has"], *t.slow_runtime("tail /dev/zero; exit $?"))  # the kernel ends it
        t.clean()
    facts = t.good("--runs", "2", "--pause", "10", "--board-timeout", "3")  # heartbeats between runs
    check(facts["sent"] > 0, "a pause longer than the board waits for heartbeats")
    board.ssh("rm /tmp/hrt_model_exec")


def connections(t):
    board = t.board
    board.ssh("rm -rf /userdata/.openhb")
    size = t.model.stat().st_size
    for after in (size // 4, size):  # in the upload, with some bytes for the login
        for how in ("reset", "close"):
            with Proxy((board.host, board.port), cut_after=after, how=how) as proxy:
                hosts = board.folder / "class_hosts"
                hosts.write_text(proxy.known_hosts_line(board))
                t.fails(903, [], address=proxy, known_hosts=hosts)
                check(proxy.cut.is_set(), "the proxy has cut")
            t.clean()
            check(board.ssh("ls /userdata/.openhb/cache 2>/dev/null").stdout == "", "nothing half-sent in the cache")
    t.good()
    if board.kind != "userland":
        return
    slow = t.slow_runtime()
    process = t.start(*slow, timeout=8)
    check(board.wait_for(lambda: board.running("sleep 1000")), "it runs")
    board.link(False)
    out, err = process.communicate(timeout=120)
    check(process.returncode == 1 and re.search("OHB-090[34]:", err), f"link cut in a run: {process.returncode} {err}")
    t.clean()  # by the board itself, which nobody told
    board.link(True)
    process = t.start(*slow, timeout=8)
    check(board.wait_for(lambda: board.running("sleep 1000")), "it runs")
    board.freeze()
    out, err = process.communicate(timeout=120)
    check(process.returncode == 1 and "OHB-0904:" in err, f"a board that hangs: {process.returncode} {err}")
    board.freeze(False)
    t.clean()
    board.ssh("rm /tmp/hrt_model_exec")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["userland", "machine"])
    for name in ("client", "hb-mapper", "hrt", "hrt-aarch64", "work"):
        parser.add_argument(f"--{name}", type=lambda text: pathlib.Path(text).absolute())
    parser.add_argument("--parts", default="results,pushed,storage,programs,connections")
    options = parser.parse_args()
    if options.kind == "userland":
        enter_script()
    try:
        if not options.hrt_aarch64.exists():
            raise Unavailable(f"{options.hrt_aarch64} has not been built (preset aarch64)")
        if options.kind == "userland":
            board = Userland(program=options.hrt_aarch64)
        else:
            board = Machine(program=options.hrt_aarch64, clock="2020-01-01T00:00:00")
        with board:
            options.work = options.work / options.kind
            options.work.mkdir(parents=True, exist_ok=True)
            t = Tester(board, options)
            for part in options.parts.split(","):
                globals()[part](t)
    except Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIP)
    print(f"{options.kind}: {checks} checks passed")


if __name__ == "__main__":
    main()
