#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real networks three ways: quantized ONNX, simulator and a virtual board over SSH, every tensor, every bit. Takes the
conversions that the tests float_<network> leave; those that are not there are left out, and that is said."""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from board import Machine, Unavailable, Userland, enter_script, trees  # noqa: E402


def verify(args, board, folder, work):
    """A row of the table, and whether every bit was equal."""
    report = work / f"{folder.parent.name}.json"
    start = time.monotonic()
    done = subprocess.run(
        [args.hb_verifier, "-m", f"{folder}/m_quantized_model.onnx,{folder}/m.bin", "-b", board.host if board.port == 22 else
         f"{board.host}:{board.port}", "-u", board.user, "--key", board.key, "--known-hosts", board.known_hosts, "-s", "True", "-r", "True",
         "--bit-exact", "True", "--seed", "1", "--json", report, "--quiet", "--reproducer", work / f"{folder.parent.name}_reproducer",
         "--no-board-cache", "--timeout", "300", "--run-timeout", "900"], cwd=work, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    if not report.exists():
        return [folder.parent.name, "-", "-", f"{seconds:.1f}", done.stderr.strip()[-300:]], False
    pairs = json.loads(report.read_text())["pairs"]
    tensors = [len(p["tensors"]) for p in pairs]
    equal = [sum(t["bits_differ"] == 0 and t["line_miss"] == 0 for t in p["tensors"]) for p in pairs]
    sound = done.returncode == 0 and len(pairs) == 3 and tensors == equal and min(tensors) > 0
    return [folder.parent.name, str(tensors), str(equal), f"{seconds:.1f}", "" if sound else done.stderr.strip()[-300:]], sound


def main():
    parser = argparse.ArgumentParser()
    for name in ("hb-verifier", "runtime", "conversions", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--kind", choices=["userland", "machine"], default="userland")
    parser.add_argument("networks", nargs="+")
    args = parser.parse_args()
    try:
        (trees.prepare if args.kind == "userland" else trees.prepare_machine)()
    except Unavailable as reason:
        print(f"skipped: {reason}")
        return 77
    if not pathlib.Path(args.runtime).exists():
        print(f"skipped: {args.runtime} has not been built (scripts/build aarch64)")
        return 77
    if args.kind == "userland":
        enter_script()
    work = pathlib.Path(args.work).resolve() / args.kind
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    failed = compared = 0
    rows = []
    kind = Userland if args.kind == "userland" else Machine
    with kind(program=pathlib.Path(args.runtime), data_size="1200m", **({} if kind is Userland else {"memory": "2048"})) as board:
        for network in args.networks:
            folder = pathlib.Path(args.conversions) / network / "out"
            if not (folder / "m.bin").exists():
                print(f"left out: {network} has not been converted (test float_{network})")
                continue
            row, sound = verify(args, board, folder, work)
            rows.append(row)
            compared += 1
            failed += not sound
            print(" | ".join(row), flush=True)
    (work / "table.json").write_text(json.dumps(rows, indent=1))
    if compared == 0:
        print("skipped: no conversion is there")
        return 77
    print(f"{compared - failed} of {compared} networks have equal bits three ways on a {args.kind} board")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
