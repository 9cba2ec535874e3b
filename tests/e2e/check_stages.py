#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A conversion in one go against the same stages one at a time, every pair of --stop-after and --resume-from; edits of
the calibrated model; files that are no stage's, configurations that disagree. On the project's own example."""
import argparse
import filecmp
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import numpy_helper

STAGES = ["parse", "optimize", "calibrate", "quantize", "compile"]
WORDS = {"parse": "original_float", "optimize": "optimized_float", "calibrate": "calibrated", "quantize": "quantized"}
PREFIX = "traffic_signs"
MODEL_KEYS = ("remove_node_type", "remove_node_name", "node_info")  # that the example does not have
CALIBRATION_KEYS = ("optimization",)


class Check:
    def __init__(self, args):
        self.mapper = args.hb_mapper
        self.work = pathlib.Path(args.work)
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.example = pathlib.Path(__file__).resolve().parents[2] / "examples" / PREFIX
        self.failures = 0

    def expect(self, condition, sentence):
        print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
        self.failures += not condition

    def config(self, name, **changes):
        """The example's configuration with other values, as a file of this test."""
        lines, text = [], (self.example / "config.yaml").read_text()
        for line in text.splitlines():
            key = line.split(":")[0].strip()
            if key in changes:
                line = f"  {key}: '{changes.pop(key)}'"
            lines.append(line.replace("'traffic_signs.onnx'", f"'{self.example / 'traffic_signs.onnx'}'")
                         .replace("'./calibration'", f"'{self.example / 'calibration'}'"))
            group = {"model_parameters": MODEL_KEYS, "calibration_parameters": CALIBRATION_KEYS}.get(key, ())
            lines += [f"  {k}: '{v}'" for k, v in changes.items() if k in group and f"  {k}:" not in text]
        path = self.work / f"{name}.yaml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def run(self, config, out, *options):
        return subprocess.run([self.mapper, "makertbin", "-c", str(config), "--model-type", "onnx", "--quiet", "--working-dir",
                               str(self.work / out), *map(str, options)], cwd=self.work, capture_output=True, text=True)

    def done(self, config, out, *options):
        result = self.run(config, out, *options)
        if result.returncode != 0:
            sys.exit(f"FAIL: {out}: makertbin {' '.join(map(str, options))}\n{result.stderr}")

    def file(self, out, stage):
        return self.work / out / (f"{PREFIX}_{WORDS[stage]}_model.onnx" if stage in WORDS else f"{PREFIX}.bin")

    def same(self, one, other, stages):
        return all(filecmp.cmp(self.file(one, s), self.file(other, s), shallow=False) for s in stages)

    def nodes(self, path):
        return {n["node"]: n for n in json.loads(path.read_text())["nodes"]}

    # --- stop and resume ---
    def pairs(self, name, config, every=True):
        one = f"{name}_one"
        self.done(config, one, "--json", self.work / f"{one}.json")
        for i, stop in enumerate(STAGES[:-1]):
            out = f"{name}_{stop}"
            self.done(config, out, "--stop-after", stop)
            written = [s for s in STAGES if self.file(out, s).exists()]
            self.expect(written == STAGES[:i + 1] and self.same(one, out, written), f"{name}: up to {stop} as in one go")
            # To every later stop, each time from the same file, and once to the end.
            for later in STAGES[i + 1:] if every else []:
                pair = f"{out}_{later}"
                shutil.copytree(self.work / out, self.work / pair)
                self.done(config, pair, "--resume-from", self.file(pair, stop), "--stop-after", later)
                self.expect(self.same(one, pair, STAGES[:STAGES.index(later) + 1]), f"{name}: {stop} to {later} as in one go")
            self.done(config, out, "--resume-from", self.file(out, stop), "--json", self.work / f"{out}.json")
            tables = [json.loads((self.work / f"{x}.json").read_text()) for x in (one, out)]
            self.expect(self.same(one, out, STAGES) and all(tables[0][k] == tables[1][k] for k in ("nodes", "outputs")),
                        f"{name}: {stop} to the end as in one go, tables, too")

    # --- edits of the calibrated model ---
    def edited(self, name, config, change):
        out = f"edit_{name}"
        self.done(config, out, "--stop-after", "calibrate")
        path = self.file(out, "calibrate")
        model = onnx.load(str(path))
        change(model)
        onnx.save(model, str(path))
        self.done(config, out, "--resume-from", path, "--json", self.work / f"{out}.json")
        return out, self.nodes(self.work / f"{out}.json")

    def edits(self, config):
        plain = self.nodes(self.work / "rgb_one.json")
        model = onnx.load(str(self.file("rgb_one", "calibrate")))
        constants = {c.name for c in model.graph.initializer}
        marks = [n for n in model.graph.node if n.op_type == "HzCalibration"]
        inner = [n for n in marks if n.input[0] not in constants and n.input[0] != model.graph.input[0].name]
        mark = inner[len(inner) // 2].name
        readers = [n.name for n in model.graph.node if inner[len(inner) // 2].output[0] in n.input]
        reader = readers[0]

        def node(model):
            return next(n for n in model.graph.node if n.name == mark)

        def attribute(model, name):
            return next(a for a in node(model).attribute if a.name == name)

        def scale(model):
            return next(c for c in model.graph.initializer if c.name == node(model).input[1])

        def threshold(model):
            attribute(model, "thresholds").floats[0] *= 0.5

        def scaled(model):
            tensor = scale(model)
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(2), tensor.name))

        def removed(model):
            n = node(model)
            for other in model.graph.node:
                for i, x in enumerate(other.input):
                    if x == n.output[0]:
                        other.input[i] = n.input[0]
            model.graph.node.remove(n)

        def wide(model):
            attribute(model, "qtype").s = b"int16"

        def nothing(model):
            pass

        out, _ = self.edited("nothing", config, nothing)
        self.expect(filecmp.cmp(self.file(out, "compile"), self.file("rgb_one", "compile"), shallow=False),
                    "a calibrated model that was only loaded and saved gives the same program")
        before = float(plain[reader]["threshold"])
        out, nodes = self.edited("threshold", config, threshold)
        self.expect(abs(float(nodes[reader]["threshold"]) - before / 2) < 1e-5, f"an edited threshold counts at {reader}")
        out, nodes = self.edited("scale", config, scaled)
        self.expect(float(nodes[reader]["threshold"]) > before * 1.5, f"an edited scale counts at {reader}")
        quantized = onnx.load(str(self.file(out, "quantize")))
        values = {c.name: numpy_helper.to_array(c) for c in quantized.graph.initializer}
        name = next(n.input[0] for n in marks if n.name == mark)
        original = numpy_helper.to_array(scale(model))
        self.expect(values[f"{name}_scale"] == original * np.float32(2), "and stands in the quantized model")
        out, nodes = self.edited("removed", config, removed)
        self.expect(plain[reader]["on"] == "BPU" and all(nodes[r]["on"] == "CPU" for r in readers)
                    and "no HzCalibration" in nodes[reader]["reason"], f"{reader} is float without its HzCalibration")
        out, nodes = self.edited("wide", config, wide)
        model = onnx.load(str(self.file(out, "quantize")))
        types = {c.name: c.data_type for c in model.graph.initializer}
        self.expect(types[f"{name}_zero_point"] == onnx.TensorProto.INT16, "qtype int16 gives int16 codes")

    # --- what is refused ---
    def refused(self, sentence, config, out, *options):
        result = self.run(config, out, *options)
        self.expect(result.returncode in (1, 2) and sentence in result.stderr, f"refused: {sentence}")
        if sentence not in result.stderr:
            print(result.stderr)

    def refusals(self, config):
        calibrated = self.file("rgb_one", "calibrate")
        self.refused("no stage of hb_mapper wrote this file", config, "refused", "--resume-from",
                     self.example / "traffic_signs.onnx")
        self.refused("is of stage calibrate already", config, "refused", "--resume-from", calibrated, "--stop-after", "optimize")
        self.refused("norm_type: 'data_mean' in the configuration", self.config("other", norm_type="data_mean",
                     scale_value="None"), "refused", "--resume-from", calibrated)
        self.refused("calibration_type: 'max' in the configuration, 'default' in the file",
                     self.config("max", calibration_type="max"), "refused", "--resume-from", calibrated)
        # Calibration has not happened yet: it may be another one.
        self.done(self.config("max", calibration_type="max"), "later", "--resume-from", self.file("rgb_one", "optimize"),
                  "--stop-after", "calibrate")
        moved = self.work / "moved" / "any name.onnx"
        moved.parent.mkdir()
        shutil.copy(calibrated, moved)
        self.done(config, "moved", "--resume-from", moved)
        self.expect(filecmp.cmp(self.file("moved", "compile"), self.file("rgb_one", "compile"), shallow=False),
                    "the stage is known whatever the file is called")
        model = onnx.load(str(self.file("rgb_one", "quantize")))
        last = model.graph.node[-1]
        model.graph.node.append(onnx.helper.make_node("Abs", ["before"], [last.output[0]], name="added"))
        last.output[0] = "before"
        changed = self.work / "changed.onnx"
        onnx.save(model, str(changed))
        self.refused("node 'added' (Abs) is not what hb_mapper wrote", config, "refused", "--resume-from", changed)
        del model.metadata_props[:]
        onnx.save(model, str(changed))
        self.refused("or its metadata was lost", config, "refused", "--resume-from", changed)
        self.expect(not list((self.work / "refused").iterdir()), "refusals leave nothing behind")

    # --- without a configuration, and with fewer nodes ---
    def fast(self):
        folder = self.work / "fast"
        folder.mkdir()
        model = self.example / "traffic_signs.onnx"

        def run(*options):
            return subprocess.run([self.mapper, "makertbin", "--model-type", "onnx", "--quiet", *map(str, options)], cwd=folder,
                                  capture_output=True, text=True)

        self.expect(run("--fast-perf", "--model", model).returncode == 0, "--fast-perf needs no configuration")
        out = folder / "model_output"
        again = run("-c", out / "fast_perf.yaml", "--working-dir", "again")
        self.expect(again.returncode == 0 and filecmp.cmp(out / f"{PREFIX}.bin", folder / "again" / f"{PREFIX}.bin", shallow=False),
                    "fast_perf.yaml makes the same program")
        ops = [n.op_type for n in onnx.load(str(out / f"{PREFIX}_original_float_model.onnx")).graph.node]
        self.expect("Softmax" not in ops, "--fast-perf removes the last Softmax")
        for wrong in (["--fast-perf"], ["--fast-perf", "--model", model, "-c", out / "fast_perf.yaml"], ["--model", model],
                      ["--fast-perf", "--model", model, "-i", "image", "1x0"]):
            self.expect(run(*wrong).returncode == 2, f"refused: {' '.join(map(str, wrong[:1] + wrong[3:]))}")

    def removal(self):
        model = onnx.load(str(self.example / "traffic_signs.onnx"))
        softmax = next(n for n in model.graph.node if n.op_type == "Softmax")
        inner = model.graph.node[len(model.graph.node) // 2].name
        config = self.config("shorter", remove_node_type="Softmax; Reshape", remove_node_name=inner)
        self.done(config, "shorter", "--json", self.work / "shorter.json")
        removed = json.loads((self.work / "shorter.json").read_text())["removed"]
        reasons = {r["node"]: r["reason"] for r in removed}
        self.expect(reasons.get(softmax.name) == f"removed at output '{softmax.output[0]}'", "Softmax was removed")
        self.expect(reasons.get(inner) == "not removed: it stands at no input and no output of the model", f"{inner} is listed")
        outputs = [o.name for o in onnx.load(str(self.file("shorter", "quantize"))).graph.output]
        self.expect(softmax.output[0] not in outputs, "its result is no output any more")
        self.refused("remove_node_name: node 'nobody' is not in the model", self.config("nobody", remove_node_name="nobody"),
                     "refused")
        self.refused("'Conv' cannot be removed", self.config("conv", remove_node_type="Conv"), "refused")
        self.refused("node_info: node 'nobody' is not in the optimized model", self.config("info", node_info="nobody:int16"),
                     "refused")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hb-mapper", required=True)
    parser.add_argument("--work", required=True)
    check = Check(parser.parse_args())
    config = check.config("rgb")
    check.pairs("rgb", config)
    check.pairs("int16", check.config("int16", calibration_type="max", optimization="set_all_nodes_int16"))
    check.pairs("nv12", check.config("nv12", calibration_type="max", input_type_rt="nv12"), every=False)
    loaded = check.config("load", calibration_type="load", preprocess_on="False")
    loaded.write_text(loaded.read_text().replace(str(check.example / "traffic_signs.onnx"), str(check.file("rgb_one", "quantize"))))
    check.pairs("load", loaded, every=False)
    check.edits(config)
    check.refusals(config)
    check.fast()
    check.removal()
    sys.exit(1 if check.failures else 0)


main()
