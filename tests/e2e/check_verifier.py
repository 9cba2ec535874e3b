#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hb_verifier and hb_model_verifier: every documented combination, without a board and with virtual ones over SSH; what goes
over the wire; what a difference in one bit looks like; results for programs."""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import xml.etree.ElementTree

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from board import Machine, Unavailable, Userland, namespace, trees  # noqa: E402



def address(board):
    return board.host if board.port == 22 else f"{board.host}:{board.port}"


EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "traffic_signs"

PASSWORD = "k3y 9$x'"
# Changes one bit of what the runtime dumped of a tensor: a board that computes something else.
LIAR = """#!/bin/sh
/usr/bin/hrt_model_exec "$@" || exit $?
for word; do case $word in --dump_path=*) dump=${word#--dump_path=} ;; esac; [ "$last" = --dump_path ] && dump=$word; last=$word; done
for file in prob.bin model_infer_output_0.bin block5_relu1_out.bin; do
  [ -f "$dump/$file" ] && printf '\\001' | dd of="$dump/$file" bs=1 seek=2 conv=notrunc 2>/dev/null
done
exit 0
"""


class Check:
    def __init__(self, args):
        self.args, self.failures, self.count = args, 0, 0
        self.work = pathlib.Path(args.work).resolve()
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.pictures = sorted((EXAMPLE / "test").glob("*.png"))

    def expect(self, condition, sentence):
        self.count += 1
        if not condition or self.args.verbose:
            print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
        self.failures += not condition

    def run(self, tool, *arguments, status=0, env=None, stdin=subprocess.DEVNULL):
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("BOARD_", "OPENHB_BOARD_PASS"))}
        plain["HOME"] = str(self.work)  # no keys, no known hosts
        plain.pop("SSH_AUTH_SOCK", None)
        done = subprocess.run([getattr(self.args, tool), *map(str, arguments)], capture_output=True, text=True, cwd=self.work,
                              env=plain | {k: str(v) for k, v in (env or {}).items()}, stdin=stdin)
        text = done.stdout + done.stderr
        self.expect(done.returncode == status,
                    f"{tool} {' '.join(map(str, arguments))[:150]}: status {done.returncode}, expected {status}" +
                    (f"\n{text[-1500:]}" if done.returncode != status else ""))
        return text

    def result(self, *arguments, status=0, **more):
        """hb_verifier's JSON and text."""
        path = self.work / "result.json"
        path.unlink(missing_ok=True)
        text = self.run("hb_verifier", *arguments, "--json", path, status=status, **more)
        return (json.loads(path.read_text()) if path.exists() else None), text

    # --- models ---
    def convert(self, name, onnx_file, lines):
        folder = self.work / name
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(
            f"model_parameters:\n  onnx_model: '{onnx_file}'\n  march: 'bayes'\n  working_dir: '{folder}'\n"
            f"  output_model_file_prefix: '{name}'\n{lines}")
        done = subprocess.run([self.args.hb_mapper, "makertbin", "-c", folder / "config.yaml", "--model-type", "onnx", "--quiet"],
                              cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"conversion of {name} failed: {done.stderr[-1500:]}")
        return folder / f"{name}_quantized_model.onnx", folder / f"{name}.bin"

    def models(self):
        calibration = self.work / "calibration"
        calibration.mkdir()
        for p in sorted((EXAMPLE / "calibration").glob("*.png"))[:8]:
            shutil.copy(p, calibration)
        self.signs = self.convert("signs", EXAMPLE / "traffic_signs.onnx", (
            "input_parameters:\n  input_type_train: 'rgb'\n  input_layout_train: 'NCHW'\n  input_type_rt: 'nv12'\n"
            "  norm_type: 'data_mean_and_scale'\n  mean_value: '123.675 116.28 103.53'\n  scale_value: '0.0171 0.0175 0.0174'\n"
            f"calibration_parameters:\n  cal_data_dir: '{calibration}'\n  preprocess_on: True\n  calibration_type: 'max'\ncompiler_parameters:\n  optimize_level: 'O2'\n"))
        rng = np.random.default_rng(1)
        weights = [numpy_helper.from_array(rng.normal(0, 0.4, shape).astype(np.float32), name)
                   for name, shape in (("w", (8, 4, 3, 3)), ("v", (8, 8, 1, 1)))]
        graph = helper.make_graph(
            [helper.make_node("Conv", ["left", "w"], ["a"], "conv_a", pads=[1, 1, 1, 1]), helper.make_node("Relu", ["a"], ["b"], "relu"),
             helper.make_node("Conv", ["right", "v"], ["c"], "conv_c"), helper.make_node("Add", ["b", "c"], ["sum"], "add")],
            "two", [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("left", [1, 4, 8, 8]), ("right", [1, 8, 8, 8]))],
            [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, 8, 8, 8])], weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
        onnx.save(model, str(self.work / "two.onnx"))
        self.two = self.convert("two", self.work / "two.onnx", (
            "input_parameters:\n  input_name: 'left; right'\n  input_type_train: 'featuremap; featuremap'\n"
            "  input_layout_train: 'NCHW; NCHW'\n  input_type_rt: 'featuremap; featuremap'\n  norm_type: 'no_preprocess; no_preprocess'\n"
            "calibration_parameters:\n  calibration_type: 'skip'\ncompiler_parameters:\n  optimize_level: 'O2'\n"))

    # --- without a board ---
    def simulator_only(self):
        q, b = self.signs
        text = self.run("hb_verifier", "-m", f"{q},{b}", "-s", "True")
        for line in ("Comparison results of original output is model_infer_output_0",
                     "raw output 0 and raw output 0 result Strict check PASSED", "Quanti.onnx and Sim result Strict check PASSED"):
            self.expect(line in text, f"the documented line '{line}'")
        seed = re.search(r"--seed (\d+)", text)
        self.expect(seed is not None, "the seed of random input is printed")
        log = (self.work / "hb_verifier.log").read_text()
        self.expect("Strict check PASSED" in log, "hb_verifier.log has the result")
        result, _ = self.result("-m", f"{b},{q}", "-s", "True", "-i", self.pictures[0], "-r", "True", "--bit-exact", "True")
        self.expect(len(result["pairs"]) == 1 and result["pairs"][0]["passed"] and len(result["pairs"][0]["tensors"]) > 25,
                    "-r True compares all nodes of simulator and ONNX, every bit")
        self.expect(all(t["bits_differ"] == 0 for t in result["pairs"][0]["tensors"]), "no bit differs")
        result, _ = self.result("-m", f"{q},{b}", "-s", "-i", EXAMPLE / "test", "--samples", 5)
        self.expect([s["name"] for s in result["samples"]] == [p.name for p in self.pictures[:5]] and len(result["pairs"]) == 5,
                    "a folder of pictures: five samples")
        first, _ = self.result("-m", f"{q},{b}", "-s", "True", "--seed", 4, "--samples", 2)
        self.expect(first["seed"] == 4 and first["samples"][1]["name"] == "random 1, seed 4", "two random samples of a seed")

        q, b = self.two
        left, right = self.work / "left.bin", self.work / "right.bin"
        np.random.default_rng(2).random((1, 4, 8, 8), np.float32).tofile(left)
        np.random.default_rng(3).random((1, 8, 8, 8), np.float32).tofile(right)
        both = [self.result("-m", f"{q},{b}", "-s", "True", "-i", words)[0]
                for words in (f"{left},{right}", f"right:{right},left:{left}")]
        self.expect(all(r["pairs"][0]["passed"] for r in both) and both[0]["samples"][0]["files"] == both[1]["samples"][0]["files"],
                    "two inputs, by place and by name")
        self.run("hb_verifier", "-m", f"{q},{b}", "-s", "True", "-i", f"{left}", status=2)
        text = self.run("hb_verifier", "-m", f"{q},{b}", "-s", "True", "-i", f"rihgt:{right},left:{left}", status=2)
        self.expect("right" in text, "a wrong name of an input is told with the right ones")
        text = self.run("hb_verifier", "-m", f"{q},{b}", "-s", "True", "-i", f"{right},{left}", status=1)
        self.expect("needs 1024 bytes" in text, "files in the wrong order are refused by their size")
        # Another network's ONNX.
        text = self.run("hb_verifier", "-m", f"{self.signs[0]},{b}", "-s", "True", status=2)
        self.expect("not of one conversion" in text, "files of two conversions")
        # Edited weights: another function, which digits see.
        edited = self.work / "edited.onnx"
        model = onnx.load(str(q))
        scale = next(t for t in model.graph.initializer if t.name.endswith("_scale"))
        scale.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(scale) * np.float32(1.5)).astype(np.float32), scale.name))
        onnx.save(model, str(edited))
        text = self.run("hb_verifier", "-m", f"{edited},{b}", "-s", "True", "-c", 3, status=1)
        for line in ("compare source: Quanti.onnx VS Sim", "mismatch result num: ", "mismatch.line_miss num: 0", "mismatch.line_diff num: ",
                     "mismatch.line_nan num: 0", "total result num: 512", "mismatch rate: ", "relative mismatch ratio: ", "max abs error: ",
                     "Quanti.onnx and Sim result Strict check FAILED"):
            self.expect(line in text, f"the documented line '{line}' of a failure")

        # A reproducer that cannot be written must not cost the result.
        result, text = self.result("-m", f"{edited},{b}", "-s", "True", "--bit-exact", "--reproducer", "/proc/none/r", status=1)
        self.expect(result is not None and not result["passed"] and "no reproducer was written" in str(result["notes"]) + text,
                    "a folder for the reproducer that cannot be made is a note beside the result")

        # One reproducer, not one per sample.
        result, _ = self.result("-m", f"{edited},{b}", "-s", "True", "--bit-exact", "--samples", 3, "--reproducer", self.work / "once", status=1)
        self.expect([bool(p["reproducer"]) for p in result["pairs"]] == [True, False, False] and len(list(self.work.glob("once*"))) == 1,
                    "of three samples that differ one is kept")

        # The older tool.
        text = self.run("hb_model_verifier", "-q", self.signs[0], "-b", self.signs[1], "-i", self.pictures[1], "-d", 3)
        self.expect("Quanti onnx and Sim result Strict check PASSED" in text, "hb_model_verifier")
        self.run("hb_model_verifier", "-q", self.two[0], "-b", self.two[1], status=2)
        text = self.run("hb_model_verifier", "-q", self.signs[0], "-b", self.two[1], status=2)

    def usage(self):
        q, b = self.signs
        for arguments, word in ((["-m", b], "nothing to compare"), (["-m", b, "-s", "True"], "nothing to compare"),
                                (["-m", f"{q},{b}"], "nothing to compare"), (["-m", q, "-s", "True"], "no compiled model"),
                                (["-m", f"{b},{b}", "-s"], "not one"), (["-m", f"{q},{b}", "-s", "maybe"], "neither True nor False"),
                                (["-m", f"{q},{b}", "-b", "10.0.0.1:99999"], "99999"), (["--sampels", "3"], "--samples"),
                                (["-m", b, "-b", "a", "--stages"], "quantized"), (["-m", f"{q},{b}", "-s", "-c", "99"], ""), (["-m", f"{q},{b}", "-s", "--samples", "-1"], "--samples"),
                                (["-m", f"{q},{b}", "-b", "10.0.0.1,10.0.0.1:22"], "twice"),
                                (["-m", f"{q},{b}", "-s", "--samples", "18446744073709551615"], "--samples")):
            text = self.run("hb_verifier", *arguments, status=2)
            self.expect("OHB-0002" in text and word in text, f"{arguments}: a sentence with '{word}'")
        self.run("hb_verifier", "-m", f"{q},missing.bin", "-s", status=1)
        # Results that cannot be written are told before the work, and none of them is.
        (self.work / "folder.html").mkdir(exist_ok=True)
        for place in ("/proc/none/result.html", "folder.html"):
            result, text = self.result("-m", f"{q},{b}", "-s", "--html", place, status=1)
            self.expect(result is None and "OHB-0102" in text and place.split("/result")[0] in text and "Quanti.onnx:" not in text,
                        f"{place} cannot be written: told before the work")
        self.expect(not list(self.work.glob("result.json*")), "no result is left, and nothing of the try")
        self.expect("Examples" in self.run("hb_verifier", "--help"), "--help has examples")
        self.run("hb_verifier", "--version")

    # --- with boards ---
    def login(self, board):
        return ["-b", address(board), "-u", board.user, "--key", board.key, "--known-hosts", board.known_hosts]

    def three_ways(self, board):
        q, b = self.signs
        on = self.login(board)
        files = [self.work / f"result.{kind}" for kind in ("xml", "html")]
        result, text = self.result("-m", f"{q},{b}", *on, "-s", "True", "-i", self.pictures[2], "--junit", files[0], "--html", files[1])
        self.expect([(p["left"], p["right"]) for p in result["pairs"]] ==
                    [("Quanti.onnx", "Arm"), ("Quanti.onnx", "Sim"), ("Arm", "Sim")], "three pairs in the documented order")
        self.expect(result["passed"] and all(p["passed"] for p in result["pairs"]), "all equal")
        arm = next(s for s in result["sides"] if s["name"] == "Arm")
        model = b.stat().st_size
        picture = 64 * 64 * 3 // 2
        self.expect(arm["bytes_sent"] == model + picture, f"the first time model and input are sent: {arm['bytes_sent']} bytes")
        facts = str(arm["facts"])
        self.expect("aarch64" in facts and "asimddp" in facts and "glibc 2.31" in facts, f"the board's facts: {facts}")
        self.expect(len(xml.etree.ElementTree.parse(files[0]).getroot().findall(".//testcase")) >= 3, "JUnit XML")
        self.expect("<html" in files[1].read_text()[:400].lower(), "an HTML page")
        result, text = self.result("-m", f"{q},{b}", *on, "-s", "True", "-i", self.pictures[2], "-r", "True")
        arm = next(s for s in result["sides"] if s["name"] == "Arm")
        self.expect(arm["bytes_sent"] == picture, f"the second time only the input is sent: {arm['bytes_sent']} bytes")
        self.expect(all(p["passed"] and all(t["bits_differ"] == 0 for t in p["tensors"]) for p in result["pairs"]),
                    f"-r True: {len(result['pairs'][2]['tensors'])} tensors with equal bits")
        rows = next(s for s in result["sides"] if s["name"] == "Arm")["kernels"]
        self.expect("dotprod" in rows, f"the kernels that ran on the board: {rows}")
        for arguments, pairs in ((["-m", f"{q},{b}", *on], [("Quanti.onnx", "Arm")]),
                                 (["-m", f"{q},{b}", *on, "-r", "True"], [("Quanti.onnx", "Arm")]),
                                 (["-m", f"{b}", *on, "-s", "True"], [("Arm", "Sim")])):
            result, _ = self.result(*arguments)
            self.expect(result["passed"] and [(p["left"], p["right"]) for p in result["pairs"]] == pairs, f"pairs {pairs}")
        q2, b2 = self.two
        result, _ = self.result("-m", f"{q2},{b2}", *on, "-s", "True", "--samples", 3, "--bit-exact")
        self.expect(result["passed"] and len(result["pairs"]) == 9, "three random samples of two inputs, three ways")
        text = self.run("hb_model_verifier", "-q", q, "-b", b, "-a", *on[1:], "-i", self.pictures[3])
        self.expect("Quanti onnx and Arm result Strict check PASSED" in text, "hb_model_verifier with a board")
        left = board.ssh("ls -A .openhb /userdata/.openhb /tmp/.openhb 2>/dev/null").stdout
        self.expect("run-" not in left, f"no folder of a run is left on the board: {left}")
        self.expect(not board.running("hrt_model_exec"), "no program is left running on the board")

    def logins(self, board):
        q, b = self.two
        plain = ["-m", f"{q},{b}", "-b", address(board), "-u", board.user]
        known = ["--known-hosts", board.known_hosts]
        text = self.run("hb_verifier", *plain, *known, "-p", board.password)
        self.expect(board.password not in text + (self.work / "hb_verifier.log").read_text(), "the password is not printed")
        self.hidden_password(board)
        self.run("hb_verifier", *plain, *known, env={"OPENHB_BOARD_PASSWORD": board.password})
        new = self.work / "new_hosts"
        text = self.run("hb_verifier", *plain, "--known-hosts", new, "-p", board.password, status=1)
        self.expect("OHB-0901" in text and "SHA256:" in text and "--accept-new-host-key" in text, "an unknown key is shown and refused")
        self.run("hb_verifier", *plain, "--known-hosts", new, "-p", board.password, "--accept-new-host-key")
        self.run("hb_verifier", *plain, "--known-hosts", new, "-p", board.password)
        self.expect(new.read_text().count("\n") == 1, "the key was added once")

    def hidden_password(self, board):
        """Other users see command lines: the password must not stay in this program's own."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            child = subprocess.Popen([self.args.hb_verifier, "-m", f"{self.two[0]},{self.two[1]}", "-b", f"127.0.0.1:{silent.getsockname()[1]}",
                                      "-p", board.password], cwd=self.work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            connection, _ = silent.accept()  # by now it has long been read
            words = pathlib.Path(f"/proc/{child.pid}/cmdline").read_bytes()
            child.send_signal(signal.SIGINT)
            status = child.wait(timeout=60)
            connection.close()
        self.expect(b"-p" in words and board.password.encode() not in words, "the password is wiped from the command line")
        self.expect(status == 130, f"Ctrl-C while a board does not answer: status {status}")

    def several(self, board, other):
        q, b = self.signs
        hosts = self.work / "hosts"
        hosts.write_text(board.known_hosts.read_text() + other.known_hosts.read_text())
        on = ["-b", f"{address(board)},{address(other)}", "-u", "board", "-p", board.password, "--known-hosts", hosts]
        text = self.run("hb_verifier", "-m", f"{q},{b}", *on, "-s", "True", status=1)
        self.expect("OHB-0907" in text and "--push-runtime" in text and f"Arm {address(board)} and Sim result Strict check PASSED" in text,
                    "one board has no runtime: that is said, the other one is verified")
        result, _ = self.result("-m", f"{q},{b}", *on, "-s", "True", "--push-runtime", self.args.runtime)
        self.expect(result["passed"] and len(result["pairs"]) == 5, "with --push-runtime both are")
        result, _ = self.result("-m", b, *on, "--push-runtime", self.args.runtime)
        self.expect([(p["left"], p["right"]) for p in result["pairs"]] == [(f"Arm {address(board)}", f"Arm {address(other)}")], "board against board")
        self.run("hb_verifier", "-m", f"{q},{b}", "-b", address(other), *on[2:], "--push-runtime", self.args.runtime, "--no-board-cache",
                 "--board-dir", "/tmp")
        left = other.ssh("find /tmp -type f").stdout
        self.expect(not left, f"--no-board-cache leaves nothing: {left}")

    def ended_later(self, board, other):
        """Both boards lie, so that all tensors are asked for; one of them ends then."""
        q, b = self.signs
        script = LIAR.replace("/usr/bin/hrt_model_exec", "/tmp/later/real").replace(
            "#!/bin/sh\n", '#!/bin/sh\ncase "$*" in *--dump_intermediate*) [ -f /tmp/later/ends ] && exit 3 ;; esac\n')
        for one in (board, other):
            with open(self.args.runtime, "rb") as program:
                one.ssh("mkdir -p /tmp/later && cat >/tmp/later/real && chmod +x /tmp/later/real", stdin=program)
            one.ssh("cat >/tmp/later/hrt_model_exec && chmod +x /tmp/later/hrt_model_exec", stdin=None, input=script)
        other.ssh("touch /tmp/later/ends")
        hosts = self.work / "hosts"
        result, text = self.result("-m", f"{q},{b}", "-b", f"{address(board)},{address(other)}", "-u", "board", "-p", board.password,
                                   "--known-hosts", hosts, "-s", "True", "--runtime", "/tmp/later/hrt_model_exec", "--samples", 2, status=1)
        errors = {s["name"]: s["error"] for s in result["sides"]} if result else {}
        self.expect(errors.get(f"Arm {address(other)}") and not errors.get(f"Arm {address(board)}"),
                    f"a board that ends while the first difference is looked for does not end the other one: {errors}{text[-500:] if not result else ''}")
        self.expect(result and len([p for p in result["pairs"] if p["left"] == f"Arm {address(board)}" and p["first"] is not None]) == 2,
                    "which is compared on all samples")

    def differences(self, board):
        q, b = self.signs
        on = self.login(board)
        done = board.ssh("mkdir -p /tmp/liar && cat >/tmp/liar/hrt_model_exec && chmod +x /tmp/liar/hrt_model_exec", stdin=None, input=LIAR)
        self.expect(done.returncode == 0, "a board that lies")
        folder = self.work / "seen_again"
        result, text = self.result("-m", f"{q},{b}", *on, "-s", "True", "-i", self.pictures[4], "-c", 2, "--runtime", "/tmp/liar/hrt_model_exec",
                                   "--reproducer", folder, status=1)
        pair = next(p for p in result["pairs"] if p["left"] == "Arm") if result else None
        first = pair["tensors"][pair["first"]] if pair else {}
        self.expect(first.get("tensor") == "block5_relu1_out" and "block5" in first["step"],
                    f"the first tensor that differs, in the order of execution: {first.get('tensor')} {first.get('step')}")
        self.expect(first and first["left"]["kernel"] == "dotprod" and first["right"]["kernel"] not in ("", "dotprod"), "and the kernels of both sides")
        self.expect("first tensor whose bits differ" in text and str(folder) in text, "the log says so")
        names = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
        self.expect(names == ["README.txt", "input_0.bin", "left", "model.bin", "quanti.onnx", "replay.sh", "right"], f"the reproducer: {names}")
        path = f"{pathlib.Path(self.args.hb_verifier).parent}:{os.environ['PATH']}"
        again = subprocess.run([folder / "replay.sh", "--key", board.key, "--known-hosts", board.known_hosts, "--runtime", "/tmp/liar/hrt_model_exec"],
                               capture_output=True, text=True, env={**os.environ, "PATH": path, "HOME": str(self.work)})
        self.expect(again.returncode == 1 and "block5_relu1_out" in again.stdout + again.stderr, "replay.sh sees it again")
        honest = subprocess.run([folder / "replay.sh", "--key", board.key, "--known-hosts", board.known_hosts], capture_output=True, text=True,
                                env={**os.environ, "PATH": path, "HOME": str(self.work)})
        self.expect(honest.returncode == 0, "and passes with an honest runtime" + honest.stderr[-500:])

    def stages(self, board):
        q, b = self.signs
        result, text = self.result("-m", f"{q},{b}", *self.login(board), "-s", "True", "--stages", "-i", EXAMPLE / "test", "--samples", 2)
        stages = [s["name"] for s in result["stages"]["stages"]]
        self.expect(stages == ["optimized", "calibrated", "quantized", "simulator", "board"], f"--stages: {stages}")
        self.expect(result["stages"]["verdict"] in text, "the verdict is printed")


def main():
    parser = argparse.ArgumentParser()
    for name in ("hb-mapper", "hb-verifier", "hb-model-verifier", "runtime", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    boards, kind = None, Userland
    try:
        trees.prepare()
        try:
            if not namespace.inside():
                return namespace.enter([sys.executable, *sys.argv])
        except Unavailable as reason:
            print(f"no userland board ({reason}): emulated machines instead")
            kind = Machine
            trees.prepare_machine()
    except Unavailable as reason:
        boards = str(reason)
    if not pathlib.Path(args.runtime).exists():
        boards = f"{args.runtime} has not been built (scripts/build aarch64)"
    check = Check(args)
    check.models()
    check.usage()
    check.simulator_only()
    if boards:
        print(f"skipped, no board: {boards}")
    else:
        with kind(0, program=pathlib.Path(args.runtime), password=PASSWORD) as board, kind(1, password=PASSWORD) as other:
            check.three_ways(board)
            check.logins(board)
            check.several(board, other)
            check.ended_later(board, other)
            check.differences(board)
            check.stages(board)
    print(f"{check.count - check.failures} of {check.count} checks passed")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
