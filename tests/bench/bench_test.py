#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmark itself: the cost model on known loops, and a short run on the project's example. No time is judged.

usage: bench_test.py BUILD_FOLDER"""
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE / "a55")]
import a55_model  # noqa: E402


def loop(*lines):
    return a55_model.cycles_per_iteration(lines)


class Model(unittest.TestCase):
    def test_products(self):
        self.assertEqual(loop("sdot v0.4s, v1.16b, v2.4b[0]"), 4)  # waits for itself
        independent = [f"sdot v{i}.4s, v30.16b, v31.4b[0]" for i in range(8)]
        self.assertEqual(loop(*independent), 8)  # one 128-bit operation per cycle
        self.assertEqual(loop(*[line.replace("16b", "8b").replace("4s", "2s") for line in independent]), 4)  # 64-bit: two

    def test_loads(self):
        products = [f"sdot v{i}.4s, v30.16b, v31.4b[0]" for i in range(8)]
        self.assertEqual(loop("ldr d16, [x0]", *products), 8)  # 64 bits pair with arithmetic
        self.assertEqual(loop("ldr q16, [x0]", *products), 9)  # 128 bits issue alone
        self.assertEqual(loop(*["ldr q16, [x0]"] * 4), 8)  # and keep the port for two cycles
        self.assertEqual(loop("ldp x1, x2, [x0]", "ldp x3, x4, [x0]"), 4)
        self.assertEqual(loop("ldr w1, [x0]", "ldr w2, [x0]", "add w3, w3, #1", "add w4, w4, #1"), 2)

    def test_pairs_and_branches(self):
        self.assertEqual(loop("add x0, x0, #1", "add x1, x1, #1"), 1)
        self.assertEqual(loop("add x0, x0, #1", "add x0, x0, #1"), 2)
        self.assertEqual(loop("add x0, x0, #1", "cmp x1, x2", "b.lt #-8"), 2)

    @unittest.skipUnless(shutil.which("llvm-mc-19"), "no llvm-mc-19")
    def test_disassembly(self):
        text = a55_model.disassemble({"4f9fe3c0", "d65f03c0", "00000000"})
        self.assertEqual(text["4f9fe3c0"].split(), ["sdot", "v0.4s,", "v30.16b,", "v31.4b[0]"])
        self.assertEqual(text["d65f03c0"], "ret")


class Run(unittest.TestCase):
    def test_example(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "figures.json"
            command = [sys.executable, HERE / "bench.py", "traffic_signs", "--quick", "--no-kernels", "--json", file, "--build", BUILD,
                       "--work", folder]
            run = subprocess.run([str(c) for c in command], capture_output=True, text=True)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("traffic_signs", run.stdout)
            figures = json.loads(file.read_text())["networks"]["traffic_signs"]
            self.assertGreater(figures["ms"]["int8"], 0)
            self.assertGreater(figures["ratios"]["int16 / int8"], 0)
            self.assertGreaterEqual(figures["arena"], figures["arena_bound"])
            self.assertEqual(sum(s["macs"] for s in figures["profile"]["steps"]), figures["macs"])
            if (ROOT / "node_modules/onnxruntime-node").exists():
                # ONNX Runtime computes in integers what is compared with integers.
                self.assertGreater(figures["ort_operators"].get("QLinearConv", 0), 0)
                self.assertEqual(figures["ort_operators"].get("Conv", 0), 0)
            else:
                print("skipped: onnxruntime-node is not installed, no comparison with it")

    def test_unknown_network(self):
        run = subprocess.run([sys.executable, str(HERE / "bench.py"), "nosuch"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 2)
        self.assertIn("nosuch", run.stderr)


class Emulated(unittest.TestCase):
    def test_layer(self):
        program = ROOT / "build/aarch64/tests/step_marks"
        for what, there in (("qemu-aarch64 (qemu-user)", shutil.which("qemu-aarch64")), ("llvm-mc-19", shutil.which("llvm-mc-19")),
                            (str(program), program.exists())):
            if not there:
                self.skipTest(f"no {what}")
        with tempfile.TemporaryDirectory() as folder:
            figures = []
            for number in range(2):
                file = Path(folder) / f"{number}.json"
                subprocess.run([str(HERE / "a55/a55.py"), "layer:add_144_56", "--program", str(program), "--work", folder, "--json",
                                str(file)], check=True, stdout=subprocess.DEVNULL)
                figures.append(json.loads(file.read_text())[0])
        self.assertEqual(figures[0], figures[1])  # the same figure every time
        self.assertGreater(figures[0]["cycles"], 0)
        # The step's own count is the whole run's, up to the run's loop over steps.
        self.assertAlmostEqual(figures[0]["steps"][0]["cycles"] / figures[0]["cycles"], 1, delta=0.01)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main()
