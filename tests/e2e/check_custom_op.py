#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/custom_op from its sources to the same bits on x86-64 and aarch64: plug-in built by its own CMakeLists.txt,
model converted (also in stages), every tensor of the program compared; and what goes wrong says so."""
import argparse
import pathlib
import shutil
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "custom_op"


class Check:
    def __init__(self, args):
        self.args, self.failures = args, []
        self.work = pathlib.Path(args.work)
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def expect(self, condition, sentence):
        if not condition:
            print("FAIL: " + sentence, flush=True)
            self.failures.append(sentence)

    def command(self, words, plugins=None, env=None):
        variables = {"PATH": "/usr/bin:/bin", "HOME": str(self.work), **(env or {})}
        if plugins:
            variables["HB_DNN_PLUGIN_PATH"] = str(plugins)
        return subprocess.run([str(w) for w in words], capture_output=True, text=True, cwd=self.work, env=variables)

    def run(self, words, plugins=None, env=None):
        result = self.command(words, plugins, env)
        if result.returncode != 0:
            sys.exit(f"failed ({result.returncode}): {' '.join(map(str, words))}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
        return result.stdout

    def refuse(self, words, parts, plugins=None):
        result = self.command(words, plugins)
        text = result.stdout + result.stderr
        self.expect(result.returncode in (1, 2), f"{words[1]} ended with {result.returncode}: {text[-500:]}")
        for part in parts:
            self.expect(part in text, f"'{part}' is not in: {text[-800:]}")

    # --- the example ---
    def build(self, name, *options):
        source = self.work / "custom_op"
        self.run(["cmake", "-S", source, "-B", source / name, "-DOPENHB_INCLUDE=" + str(ROOT / "device/include"),
                  "-DCMAKE_C_FLAGS=-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror", *options])
        self.run(["cmake", "--build", source / name])
        return source / name

    def convert(self, *options):
        return [self.args.hb_mapper, "makertbin", "-c", self.work / "custom_op" / "config.yaml", "--model-type", "onnx", "--quiet",
                "--threads", 1, *options]

    def example(self):
        shutil.copytree(EXAMPLE, self.work / "custom_op", ignore=shutil.ignore_patterns("build*", "*.onnx", "calibration_f32", "model_output"))
        source = self.work / "custom_op"
        self.plugins = self.build("build", "-DCMAKE_C_COMPILER=" + self.args.compiler)
        self.run(["/usr/bin/python3", source / "make_model.py", source])
        self.run(self.convert("--working-dir", "whole"))
        self.program = self.work / "whole" / "custom_op.bin"
        self.sample = source / "calibration_f32" / "0.bin"

    def dumps(self, name, runner, plugins, threads=1, env=None):
        folder = self.work / name
        folder.mkdir()
        self.run([*runner, self.program, folder, threads, self.sample], plugins, env)
        return {f.name: f.read_bytes() for f in folder.iterdir()}

    def equal(self, a, b, what):
        self.expect(set(a) == set(b) and len(a) >= 8, f"{what}: {len(a)} and {len(b)} tensors")
        for name in a:
            self.expect(a[name] == b.get(name), f"{what}: '{name}' differs")

    def check_bits(self):
        native = self.dumps("x86", [self.args.runner], self.plugins)
        self.equal(native, self.dumps("x86_threads", [self.args.runner], self.plugins, 4), "4 threads")
        self.equal(native, self.dumps("x86_checked", [self.args.runner], self.plugins, 4, {"OPENHB_CHECK_PLUGINS": "1"}), "checked")
        # The tool, and the quantized model, which is float where the program is.
        self.run([self.args.hrt, "infer", "--model_file", self.program, "--input_file", self.sample, "--enable_dump", "true",
                  "--dump_path", self.work / "hrt"], self.plugins)
        self.expect((self.work / "hrt" / "model_infer_output_0.bin").read_bytes() == native["scores.bin"], "hrt_model_exec differs")
        for stage, least in (("original_float", 0.02), ("calibrated", 0.02), ("quantized", 0.0)):
            self.run([self.args.hb_mapper, "infer", "-c", self.work / "custom_op" / "config.yaml", "--model-file",
                      self.work / "whole" / f"custom_op_{stage}_model.onnx", "--model-type", "onnx", "--image-file", "image", self.sample,
                      "--output-dir", self.work / stage, "--quiet"])
            data = (self.work / stage / "scores_float.bin").read_bytes()
            numbers = struct.unpack("<5f", data), struct.unpack("<5f", native["scores.bin"])
            self.expect(max(abs(a - b) for a, b in zip(*numbers)) <= least, f"{stage}: {numbers}")
        return native

    def check_aarch64(self, native):
        runner = pathlib.Path(self.args.runner_aarch64)
        if not runner.exists():
            print(f"skipped: aarch64 ({runner} has not been built)")
            return
        plugins = self.build("build-board", "--toolchain", ROOT / "toolchains" / "aarch64-linux-gnu.cmake")
        emulated = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu", runner]
        # The file of the other machine beside it does no harm.
        both = f"{self.plugins}:{plugins}"
        self.equal(native, self.dumps("aarch64", emulated, both), "aarch64")
        static = pathlib.Path(self.args.hrt_aarch64)
        if static.exists() and b"ld-linux" not in static.read_bytes()[:4096]:
            self.refuse(["qemu-aarch64-static", static, "infer", "--model_file", self.program, "--input_file", self.sample],
                        ["linked statically"], plugins)

    def check_stages(self):
        folder = "stages"
        previous = None
        for stage, file in (("parse", "original_float"), ("optimize", "optimized_float"), ("calibrate", "calibrated"),
                            ("quantize", "quantized"), ("compile", None)):
            options = ["--working-dir", folder, "--stop-after", stage]
            if previous:
                options += ["--resume-from", previous]
            self.run(self.convert(*options))
            previous = self.work / folder / f"custom_op_{file}_model.onnx"
        self.expect((self.work / folder / "custom_op.bin").read_bytes() == self.program.read_bytes(), "stage by stage it is another program")

    # The search path instead of the configuration.
    def check_search_path(self):
        source = self.work / "custom_op"
        text = (source / "config.yaml").read_text()
        (source / "plain.yaml").write_text(text[:text.index("custom_op:\n")])
        command = [self.args.hb_mapper, "makertbin", "-c", source / "plain.yaml", "--model-type", "onnx", "--quiet", "--working-dir", "path"]
        self.refuse(command, ["OHB-0201", "HardMish", "HB_DNN_PLUGIN_PATH is not set"])
        self.run(command, f"/nonexistent:{self.plugins}")
        self.expect((self.work / "path" / "custom_op.bin").read_bytes() == self.program.read_bytes(), "HB_DNN_PLUGIN_PATH gives another program")
        self.run([self.args.hb_mapper, "infer", "-c", source / "plain.yaml", "--model-file", source / "custom_op.onnx", "--model-type", "onnx",
                  "--image-file", "image", self.sample, "--output-dir", self.work / "plain", "--quiet"], self.plugins)
        self.expect((self.work / "plain" / "scores_float.bin").read_bytes() == (self.work / "original_float" / "scores_float.bin").read_bytes(),
                    "the model and the original float model differ")

    # --- what goes wrong ---
    def check_errors(self):
        source = self.work / "custom_op"
        checker = [self.args.hb_mapper, "checker", "--model-type", "onnx", "--march", "bayes", "--model", source / "custom_op.onnx"]
        self.run(checker, self.plugins)
        self.refuse(checker, ["OHB-0201", "HardMish", "my.ops", "mish1", "HB_DNN_PLUGIN_PATH is not set"])
        missing = [self.args.hrt, "infer", "--model_file", self.program, "--input_file", self.sample]
        self.refuse(missing, ["my.ops::HardMish", "mish1", "HB_DNN_PLUGIN_PATH is not set"])
        self.refuse(missing, ["my.ops::HardMish", "HB_DNN_PLUGIN_PATH='/nonexistent'"], "/nonexistent")
        config = (source / "config.yaml").read_text()
        for files, parts in (("hard_mish.py", ["OHB-0302", "op_register_files", "no Python at run time", "examples/custom_op"]),
                             ("hard_mush.so", ["OHB-0800", "hard_mush.so", "no such file"])):
            (source / "other.yaml").write_text(config.replace("hard_mish.so", files))
            self.refuse([self.args.hb_mapper, "makertbin", "-c", source / "other.yaml", "--model-type", "onnx", "--working-dir", "bad"], parts)
        # The same operator under another name.
        shutil.copy(self.plugins / "hard_mish.so", self.plugins / "again.so")
        self.refuse(checker, ["OHB-0803", "again.so", "hard_mish.so", "my.ops::HardMish"], self.plugins)
        (self.plugins / "again.so").unlink()
        self.expect(not (self.work / "bad").exists() or not list((self.work / "bad").glob("*.bin")), "a failed conversion left a program")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("hb-mapper", "hrt", "runner", "runner-aarch64", "hrt-aarch64", "compiler", "work"):
        parser.add_argument("--" + name, required=True)
    args = parser.parse_args()
    for name in ("hb_mapper", "hrt", "runner", "work"):
        setattr(args, name, pathlib.Path(getattr(args, name)).resolve())
    check = Check(args)
    check.example()
    check.check_aarch64(check.check_bits())
    check.check_stages()
    check.check_search_path()
    check.check_errors()
    print(f"{len(check.failures)} failures")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
