#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hb_verifier on a model with an operator of its own, the one of examples/custom_op: ONNX and simulator with this machine's plug-in,
a board over SSH with its own; and what is said where one is missing."""
import argparse
import contextlib
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parent)]
from board import Unavailable, Userland, namespace  # noqa: E402
from check_custom_op import ROOT, Check  # noqa: E402

FOLDER = "/userdata/plug ins"  # on the board


class Plugins(Check):
    def verify(self, *arguments):
        quantized = self.work / "whole" / "custom_op_quantized_model.onnx"
        return [self.args.hb_verifier, "-m", f"{quantized},{self.program}", "-i", self.sample, "-r", "True", "--bit-exact", "True",
                "--reproducer", "", *arguments]

    def passes(self, pairs, *arguments):
        text = self.run(self.verify(*arguments), self.plugins)
        for pair in pairs:
            self.expect(f"{pair} result Strict check PASSED" in text, f"'{pair}' has not passed: {text[-1500:]}")
        self.expect(text.count("with equal bits") == len(pairs) and "9 tensors of nodes compared, 9 with equal bits" in text,
                    f"not all tensors were compared: {text[-1500:]}")

    def simulator(self):
        self.passes(["Quanti.onnx and Sim"], "-s", "True")
        self.run(self.verify("-s", "True", "--stages"), self.plugins)
        self.refuse(self.verify("-s", "True"), ["OHB-0801", "my.ops::HardMish", "HB_DNN_PLUGIN_PATH is not set"])
        self.refuse(self.verify("-s", "True", "--board-plugins", "plugins"), ["--board-plugins", "'plugins' is no absolute path"], self.plugins)

    def boards(self):
        plugins = self.build("build-board", "--toolchain", ROOT / "toolchains" / "aarch64-board.cmake")
        with contextlib.ExitStack() as stack:
            board = stack.enter_context(Userland(0, program=self.args.hrt_board))
            bare = stack.enter_context(Userland(1))
            for one in (board, bare):
                one.ssh(f"mkdir '{FOLDER}' && cat >'{FOLDER}/hard_mish.so'", input=(plugins / "hard_mish.so").read_bytes(), stdin=None, text=False)
            at = lambda b: ("-b", b.host, "-u", b.user, "--key", b.key, "--known-hosts", b.known_hosts, "-s", "True")  # noqa: E731
            self.passes(["Quanti.onnx and Arm", "Quanti.onnx and Sim", "Arm and Sim"], *at(board), "--board-plugins", f"/nowhere:{FOLDER}")
            self.refuse(self.verify(*at(board)), ["OHB-0907", "my.ops::HardMish", "HB_DNN_PLUGIN_PATH is not set", "--board-plugins"], self.plugins)
            self.refuse(self.verify(*at(board), "--board-plugins", "/nowhere"), ["OHB-0907", "HB_DNN_PLUGIN_PATH='/nowhere'"], self.plugins)
            if self.args.hrt_static.exists():
                self.refuse(self.verify(*at(bare), "--board-plugins", FOLDER, "--push-runtime", self.args.hrt_static),
                            ["OHB-0907", "linked statically", "cannot load plug-ins"], self.plugins)
            for one in (board, bare):
                self.expect(one.wait_for(lambda: not one.running() and not [f for f in one.files() if "/run-" in f]),  # noqa: B023
                            f"left on the board: {one.running()} {one.files()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("hb-mapper", "hb-verifier", "hrt-board", "hrt-static", "compiler", "work"):
        parser.add_argument("--" + name, required=True)
    args = parser.parse_args()
    for name in ("hb_mapper", "hb_verifier", "hrt_board", "hrt_static", "work"):
        setattr(args, name, pathlib.Path(getattr(args, name)).resolve())
    no_board = "" if args.hrt_board.exists() else f"{args.hrt_board} has not been built, preset aarch64-board"
    if not no_board and not namespace.inside():
        try:
            return namespace.enter([sys.executable, *sys.argv])
        except Unavailable as reason:
            no_board = str(reason)
    check = Plugins(args)
    check.example()
    check.simulator()
    try:
        if not no_board:
            check.boards()
    except Unavailable as reason:
        no_board = str(reason)
    if no_board:
        print(f"skipped: the board ({no_board})")
    print(f"{len(check.failures)} failures")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
