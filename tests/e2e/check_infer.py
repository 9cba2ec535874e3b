#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hb_mapper infer: every ONNX file of a conversion and the model itself against stock ONNX Runtime and against the .bin;
the options that make outputs codes; several inputs, raw files and layouts; the files of hb_mapper checker."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "traffic_signs"
MEAN, SCALE = np.array([123.675, 116.28, 103.53], np.float32), np.array([0.0171, 0.0175, 0.0174], np.float32)
STAGES = ("original_float", "optimized_float", "calibrated", "quantized")


class Check:
    def __init__(self, args):
        self.args, self.failures, self.count = args, 0, 0
        self.work = pathlib.Path(args.work)
        shutil.rmtree(self.work, ignore_errors=True)
        (self.work / "calibration").mkdir(parents=True)
        for p in sorted((EXAMPLE / "calibration").glob("*.png"))[:6]:
            shutil.copy(p, self.work / "calibration")
        self.module = pathlib.Path(args.node_modules) / "onnxruntime-node"
        self.picture = sorted((EXAMPLE / "test").glob("*.png"))[0]
        self.pixels = np.asarray(Image.open(self.picture).convert("RGB")).transpose(2, 0, 1)[None].astype(np.float32)

    def expect(self, condition, sentence):
        self.count += 1
        if not condition or self.args.verbose:
            print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
        self.failures += not condition

    def run(self, *command):
        result = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=self.work)
        if result.returncode != 0:
            sys.exit(f"failed ({result.returncode}): {' '.join(map(str, command))}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
        return result.stdout

    def convert(self, name, model, inputs, calibration, **more):
        folder = self.work / name
        folder.mkdir()
        groups = {"model_parameters": {"onnx_model": model, "march": "bayes", "working_dir": folder, "output_model_file_prefix": "m", **more},
                  "input_parameters": inputs, "calibration_parameters": {"calibration_type": "max", **calibration},
                  "compiler_parameters": {"optimize_level": "O2"}}
        (folder / "config.yaml").write_text("".join(f"{g}:\n" + "".join(f"  {k}: '{v}'\n" for k, v in values.items())
                                                    for g, values in groups.items()))
        log = self.run(self.args.hb_mapper, "makertbin", "-c", folder / "config.yaml", "--model-type", "onnx", "--threads", 1)
        (folder / "output.txt").write_text(log)
        return folder

    def traffic_signs(self, name, optimization=None, **more):
        kind, shape = more.pop("rt", "rgb"), more.pop("shape", None)
        inputs = {"input_name": "image", "input_type_train": "rgb", "input_layout_train": "NCHW", "input_type_rt": kind,
                  "norm_type": "data_mean_and_scale", "mean_value": " ".join(map(str, MEAN)), "scale_value": " ".join(map(str, SCALE))}
        if shape:
            inputs["input_shape"] = shape
        calibration = {"cal_data_dir": self.work / "calibration", "preprocess_on": True}
        if optimization:
            calibration["optimization"] = optimization
        return self.convert(name, EXAMPLE / "traffic_signs.onnx", inputs, calibration, **more)

    def infer(self, folder, model, files, *options):
        """{name of the file: its floats}"""
        results = self.work / "results"
        shutil.rmtree(results, ignore_errors=True)
        pairs = [word for name, path in files.items() for word in ("--image-file", name, path)]
        self.run(self.args.hb_mapper, "infer", "-c", folder / "config.yaml", "--model-file", model, "--model-type", "onnx",
                 *pairs, "--output-dir", results, "--json", self.work / "infer.json", "--threads", 1, *options)
        listed = {row["file"]: row["shape"] for row in json.loads((self.work / "infer.json").read_text())}
        self.expect({p.name for p in results.iterdir()} == set(listed), f"{model.name}: the folder holds {sorted(listed)}")
        return {name: np.fromfile(results / name, np.float32).reshape(shape) for name, shape in listed.items()}

    def ort(self, model, feeds):
        """All outputs in stock ONNX Runtime."""
        folder = self.work / "ort"
        folder.mkdir(exist_ok=True)
        inputs = []
        for name, x in feeds.items():
            x.tofile(folder / f"{name}.in")
            inputs.append({"name": name, "dtype": x.dtype.name, "shape": list(x.shape), "file": str(folder / f"{name}.in")})
        (folder / "job.json").write_text(json.dumps({"model": str(model), "module": str(self.module),
                                                     "runs": [{"inputs": inputs, "folder": str(folder)}]}))
        rows = json.loads(self.run("node", pathlib.Path(__file__).parent / "run_onnx.js", folder / "job.json"))["outputs"]
        return {row["name"]: np.fromfile(folder / f"{i}.bin", row["dtype"]).reshape(row["shape"]) for i, row in enumerate(rows)}

    def binary(self, folder, files, dtypes):
        """The outputs of the .bin, in their own types."""
        dumps = self.work / "dumps"
        shutil.rmtree(dumps, ignore_errors=True)
        self.run(self.args.hrt, "infer", "--model_file", folder / "m.bin", "--input_file", ",".join(str(f) for f in files),
                 "--enable_dump", "true", "--dump_path", dumps)
        return [np.fromfile(dumps / f"model_infer_output_{i}.bin", dtype) for i, dtype in enumerate(dtypes)]

    def near(self, found, expected, limit, sentence):
        found, expected = found.ravel(), expected.ravel().astype(np.float32)
        difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
        self.expect(difference <= limit, f"{sentence}: differs by {difference:.1e}, allowed {limit:.0e}")

    # --- the stages of one conversion ---
    def check_stages(self):
        folder = self.traffic_signs("plain", layer_out_dump=True)
        convs = [n.name for n in onnx.load(EXAMPLE / "traffic_signs.onnx").graph.node if n.op_type == "Conv"]
        own = self.infer(folder, EXAMPLE / "traffic_signs.onnx", {"image": self.picture})
        self.expect(set(own) == {n.replace("/", "_") + "_float.bin" for n in convs} | {"prob_float.bin"},
                    f"layer_out_dump: {len(convs)} convolutions and the output")
        centred = self.pixels - 128
        results, references = {}, {}
        for stage in STAGES:
            results[stage] = self.infer(folder, folder / f"m_{stage}_model.onnx", {"image": self.picture})
            self.expect("prob_float.bin" in results[stage] and len(results[stage]) > len(convs) // 2, f"{stage}: {len(results[stage])} files")
            if self.module.exists():
                x = centred.astype(np.int8) if stage == "quantized" else centred
                references[stage] = self.ort(folder / f"m_{stage}_model.onnx", {"image": x})["prob"]
        if self.module.exists():
            normalised = (self.pixels - MEAN[:, None, None]) * SCALE[:, None, None]
            self.near(own["prob_float.bin"], self.ort(EXAMPLE / "traffic_signs.onnx", {"image": normalised})["prob"], 1e-5,
                      "the model itself, with mean and scale of the configuration, against stock ONNX Runtime")
            for stage in ("original_float", "optimized_float"):
                self.near(results[stage]["prob_float.bin"], references[stage], 1e-5, f"{stage} against stock ONNX Runtime")
            # A float product that lies on the border of two codes may fall to either side.
            self.near(results["calibrated"]["prob_float.bin"], references["calibrated"], 0.02, "calibrated against stock ONNX Runtime")
            self.near(results["quantized"]["prob_float.bin"], references["quantized"], 1e-5, "quantized against stock ONNX Runtime")
        self.near(results["original_float"]["prob_float.bin"], own["prob_float.bin"], 1e-5, "original_float against the model itself")
        binary = self.binary(folder, [self.picture], [np.float32] * 64 if False else [np.float32])
        self.expect(np.array_equal(binary[0], results["quantized"]["prob_float.bin"].ravel()), "quantized: the bits of the .bin")
        self.check_layers(folder, convs, results)

    def check_layers(self, folder, convs, results):
        """What layer_out_dump adds to the .bin is what infer writes for the quantized model."""
        table = json.loads((folder / "m_quantized_model_conv_output_map.json").read_text())
        print(json.dumps(table)[:1500])

    def finish(self):
        print(f"{self.count} checks, {self.failures} failed")
        return bool(self.failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--hb-mapper", "--hrt", "--node-modules", "--work"):
        parser.add_argument(option, required=True)
    parser.add_argument("--verbose", action="store_true")
    check = Check(parser.parse_args())
    check.check_stages()
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
