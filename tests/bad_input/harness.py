# SPDX-License-Identifier: Apache-2.0
"""Runs a tool on one bad situation and checks how it ends: status, one sentence with a code, nothing half-written."""
import dataclasses
import functools
import pathlib
import re
import subprocess
import time

import onnx

MAX_SECONDS = 20
CODE = re.compile(r"OHB-\d{4}: ")
# What only a crash, a sanitizer or an unhandled exception prints.
CRASH = ("AddressSanitizer", "LeakSanitizer", "runtime error", "terminate called", "internal error", "OHB-0001",
         "Assertion", "libprotobuf", "std::", "basic_string", "vector::")


class Misbehaviour(Exception):
    """What a tool did wrong, for the person who reads the test's output."""


@dataclasses.dataclass
class Case:
    """`prepare` changes the sound default situation; the tool must then end with `code` and name all `words`.

    code None: it may succeed or fail with any code, but either cleanly. code "": it must succeed; the words stand in
    notes on stderr then. A code may be the beginning of one."""
    name: str
    prepare: object
    code: str | None = None
    words: tuple = ()
    memory: int = 0  # MiB of address space; such a case is left out of sanitizer builds, whose shadow needs terabytes


@functools.cache
def is_sanitized(tool):
    return b"__asan_init" in pathlib.Path(tool).read_bytes()


def run(command, cwd, memory=0):
    """(status, stdout, stderr, seconds) of a tool."""
    if memory:
        command = ["/bin/sh", "-c", f'ulimit -v {memory * 1024} && exec "$@"', "sh", *command]
    start = time.monotonic()
    try:
        done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired:
        raise Misbehaviour(f"still runs after {MAX_SECONDS} s") from None
    text = [stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr)]
    return done.returncode, text[0], text[1], time.monotonic() - start


def check_sentence(sentence, words):
    missing = [w for w in words if w not in sentence]
    if missing:
        raise Misbehaviour(f"the sentence does not name {missing}: {sentence}")
    if len(sentence) < 25:
        raise Misbehaviour(f"the sentence is too short to help: {sentence}")


def check_run(case, status, out, err):
    """Status and sentence are the documented ones."""
    if status < 0:
        raise Misbehaviour(f"killed by signal {-status}:\n{err[-2000:]}")
    for word in CRASH:
        if word in out or word in err:
            raise Misbehaviour(f"'{word}' on the console:\n{(out + err)[-3000:]}")
    if case.code == "" or (case.code is None and status == 0):
        if status != 0 or CODE.search(err):
            raise Misbehaviour(f"status {status}, expected success:\n{err[-2000:]}")
        if case.code == "" and case.words:
            check_sentence(err, case.words)
        return
    expected = 2 if case.code == "OHB-0002" else 1
    if status != expected:
        raise Misbehaviour(f"status {status}, expected {expected}:\n{(out + err)[-2000:]}")
    if len(CODE.findall(err)) != 1 or CODE.search(out):
        raise Misbehaviour(f"not exactly one coded sentence on stderr and none on stdout:\n{out}{err}"[:3000])
    sentence = err[CODE.search(err).start():]
    if case.code and not sentence.startswith(case.code):
        raise Misbehaviour(f"expected {case.code}, got {sentence}")
    check_sentence(sentence, case.words)


def check_folder(folder, hrt):
    """Files that exist are whole."""
    for path in pathlib.Path(folder).rglob("*"):
        if path.name.endswith(".tmp"):
            raise Misbehaviour(f"{path.name} was left behind")
        if not path.is_file() or "results" not in path.parts:
            continue
        if path.suffix == ".onnx":
            try:
                onnx.load(str(path))
            except Exception as error:
                raise Misbehaviour(f"half-written {path.name}: {error}") from None
        if path.suffix == ".bin" and not path.name.endswith("_float.bin"):
            status, out, err, _ = run([hrt, "model_info", f"--model_file={path}"], folder)
            if status != 0:
                raise Misbehaviour(f"half-written {path.name}: {out}{err}")


def run_cases(cases, make_situation, hrt, folder, only):
    """Number of cases in which the tool misbehaved."""
    failures, count, slowest = 0, 0, (0.0, "")
    for number, case in enumerate(cases):
        if only and not re.search(only, case.name) or case.memory and is_sanitized(hrt):
            continue
        count += 1
        here = pathlib.Path(folder) / f"{number:03d}"
        here.mkdir(parents=True)
        try:
            situation = make_situation(here)
            if case.prepare:
                case.prepare(situation)
            status, out, err, seconds = run(situation.command(), situation.cwd, case.memory)
            slowest = max(slowest, (seconds, case.name))
            check_run(case, status, out, err)
            check_folder(here, hrt)
            if hasattr(situation, "check") and not situation.check(status):
                raise Misbehaviour("the result is not whole")
            if only:
                print(f"{case.name}: {status} {err.strip()}")
        except Misbehaviour as wrong:
            failures += 1
            print(f"FAILED {case.name}: {wrong}\n")
    print(f"{count} of {len(cases)} cases run, {failures} failed; slowest: {slowest[1]} ({slowest[0]:.1f} s)")
    return failures
