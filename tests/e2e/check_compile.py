# SPDX-License-Identifier: Apache-2.0
"""optimize_level, cache.json, layer_out_dump and debug through hb_mapper, on the project's example network: the same
numbers at every level, and a second O3 compilation that is at least five times faster and gives the same bytes."""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "traffic_signs"
PICTURE = EXAMPLE / "test" / "000_stop.png"
FASTER = 5


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


class Tool:
    def __init__(self, options):
        self.mapper, self.hrt = options.hb_mapper, options.hrt
        self.work = pathlib.Path(options.work) / "compile"
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def convert(self, folder, model="", compiler=""):
        """Converts the example with further lines of configuration -> log."""
        text = (EXAMPLE / "config.yaml").read_text()
        for name in ("traffic_signs.onnx", "./calibration"):
            text = text.replace(f"'{name}'", f"'{EXAMPLE / name}'")
        text = text.replace("calibration_type: 'default'", "calibration_type: 'max'")
        text = text.replace("'model_output'", f"'{self.work / folder}'")
        text = text.replace("input_parameters:\n", model + "input_parameters:\n")
        text = re.sub(r"  optimize_level: .*\n", compiler, text)
        config = self.work / f"{folder}.yaml"
        config.write_text(text)
        done = subprocess.run([self.mapper, "makertbin", "-c", config, "--model-type", "onnx"], cwd=self.work,
                              capture_output=True, text=True)
        check(done.returncode == 0, f"{folder}: {done.stderr}")
        return done.stdout

    def bin(self, folder):
        return self.work / folder / "traffic_signs.bin"

    def outputs(self, folder):
        """The program's outputs for one picture, as bytes by file name."""
        results = self.work / f"{folder}_out"
        results.mkdir()
        done = subprocess.run([self.hrt, "infer", f"--model_file={self.bin(folder)}", f"--input_file={PICTURE}",
                               "--enable_dump=true", f"--dump_path={results}"], cwd=results, capture_output=True, text=True)
        check(done.returncode == 0, f"{folder}: {done.stderr}{done.stdout}")
        return {path.name: path.read_bytes() for path in results.iterdir() if path.suffix == ".bin"}


def seconds(log):
    return float(re.search(r"consumed time ([0-9.]+) s", log)[1])


def levels(tool):
    logs = {level: tool.convert(level, compiler=f"  optimize_level: '{level}'\n") for level in ("O0", "O1", "O2", "O3")}
    expected = tool.outputs("O0")
    check(expected, "no outputs")
    for level in ("O1", "O2", "O3"):
        check(tool.outputs(level) == expected, f"{level} computes something else than O0")
    check("O2 would make" in logs["O0"] and "O2 would make" not in logs["O2"], "O0 does not say what O2 would do")
    check("Estimate for one Cortex-A55 core" in logs["O2"], "no estimate")
    return logs["O3"]


def cache(tool, first):
    made = tool.bin("O3").read_bytes()
    compiler = "  optimize_level: 'O3'\n"
    again = tool.convert("O3", compiler=compiler)
    check("compiled before" in again, "the cache was not used")
    check(tool.bin("O3").read_bytes() == made, "other bytes from the cache")
    ratio = seconds(first) / max(seconds(again), 0.001)
    print(f"compiling with O3: {seconds(first):.3f} s, again: {seconds(again):.3f} s ({ratio:.1f} times faster)")
    check(ratio >= FASTER, f"the second compilation is {ratio:.1f} times faster, not {FASTER}")
    other = tool.convert("O3", compiler=compiler + "  compile_mode: 'bandwidth'\n")
    check("compiled before" not in other, "the cache was used for another mode")
    for spoil in (b"{", b'{"format": 1, "entries": [{"key": "x"}]}'):
        (tool.work / "O3" / "cache.json").write_bytes(spoil)
        log = tool.convert("O3", compiler=compiler)
        check("WARNING" in log and "ignored" in log, "no warning of a damaged cache")
        check(tool.bin("O3").read_bytes() == made, "other bytes after a damaged cache")
    json.loads((tool.work / "O3" / "cache.json").read_text())


def dump(tool):
    log = tool.convert("dump", model="  layer_out_dump: True\n",
                       compiler="  optimize_level: 'O2'\n  debug: False\n  advice: 1\n  max_time_per_fc: 1000\n")
    check("advice: " in log, "no advice")
    conv_map = json.loads((tool.work / "dump" / "traffic_signs_quantized_model_conv_output_map.json").read_text())
    usual, dumped = tool.outputs("O2"), tool.outputs("dump")
    check(len(dumped) >= len(conv_map) > 1, f"{len(dumped)} outputs for {len(conv_map)} convolutions")
    missing = [data for data in usual.values() if data not in dumped.values()]
    check(not missing, "layer_out_dump changes the network's own outputs")
    tool.convert("nodebug", compiler="  optimize_level: 'O2'\n  debug: False\n")
    check(tool.bin("nodebug").stat().st_size < tool.bin("O2").stat().st_size, "debug adds nothing to the file")
    check(b"layer_costs" in tool.bin("O2").read_bytes(), "no costs of layers")
    check(b"layer_costs" not in tool.bin("nodebug").read_bytes(), "costs of layers without debug")
    check(b"preemption_points" in tool.bin("dump").read_bytes(), "no preemption points")


def main():
    parser = argparse.ArgumentParser()
    for option in ("--hb-mapper", "--hrt", "--work"):
        parser.add_argument(option, required=True)
    tool = Tool(parser.parse_args())
    try:
        cache(tool, levels(tool))
        shutil.rmtree(tool.work / "O2_out")
        dump(tool)
    except Failure as failure:
        print(failure)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
