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
        self.work = pathlib.Path(args.work).resolve()
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
            self.expect(set(results[stage]) == set(own), f"{stage}: the same {len(own)} files")
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
        self.check_layers(folder, convs, results)

    def check_layers(self, folder, convs, results):
        """What layer_out_dump adds to the .bin is what infer writes for the quantized model: the values of its codes."""
        kept = json.loads((folder / "m_quantized_model_conv_output_map.json").read_text())
        values = self.binary(folder, [self.picture], [np.float32] * (1 + len(kept)))
        found = results["quantized"]
        self.expect(np.array_equal(values[0], found["prob_float.bin"].ravel()), "quantized: the output has the bits of the .bin")
        self.expect(list(kept) == convs, f"{len(kept)} convolutions in the .bin")
        equal = 0
        for conv, dumped in zip(kept, values[1:]):
            layer = found[f"{conv.replace('/', '_')}_float.bin"].ravel()
            scale = kept[conv].get("scale", 0)
            equal += np.array_equal(layer, dumped)
            self.near(layer, dumped, 1.001 * scale if scale else 1e-4 * np.abs(dumped).max(), f"quantized: layer {conv} within one code of the .bin")
        self.expect(equal >= len(kept) - 1, f"quantized: {equal} of {len(kept)} layers have the bits of the .bin")

    # --- outputs as codes ---
    def check_codes(self, word, dtype):
        """The options that make outputs codes; for nv12, whose quantized model takes N, H, W, C, with input_shape."""
        folder = self.traffic_signs(word, f"set_model_output_{word}", rt="nv12", shape="1x3x64x64")
        plain = self.floats_of(folder, word)
        model = onnx.load(folder / "m_quantized_model.onnx")
        constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        node = next(n for n in model.graph.node if "prob" in n.output)
        scale, zero = (constants[i] for i in node.input[1:3])
        self.expect(node.op_type == "QuantizeLinear" and zero.dtype == dtype and model.graph.output[0].name == "prob",
                    f"{word}: the output of the quantized model is {zero.dtype}")
        codes = self.binary(folder, [self.picture], [dtype])[0]
        limits = np.iinfo(dtype)
        expected = np.clip(np.rint(plain / scale) + zero, limits.min, limits.max).astype(dtype)
        self.expect(np.array_equal(codes, expected), f"{word}: codes of the .bin are those of its float outputs, {len(set(codes))} different ones")
        properties = self.run(self.args.hrt, "model_info", "--model_file", folder / "m.bin")
        self.expect(f"{scale:.6g}"[:6] in properties, f"{word}: model_info tells the scale {scale:.6g}")
        for stage in STAGES:
            found = self.infer(folder, folder / f"m_{stage}_model.onnx", {"image": self.picture},
                               "--input-layout", "NHWC" if stage == "quantized" else "NCHW")["prob_float.bin"].ravel()
            limit = 0.1 if stage.endswith("float") else 1.01 * scale + 0.02 * (stage == "calibrated")
            self.near(found, plain, limit, f"{word}: {stage} as what its codes stand for")
            if stage == "quantized":
                self.expect(np.array_equal(found, (codes.astype(np.float32) - zero) * scale), f"{word}: quantized stands for the codes of the .bin")
        if self.module.exists():
            x = self.nv12_input()
            for stage in STAGES:
                feed = x.astype(np.int8) if stage == "quantized" else x.transpose(0, 3, 1, 2).copy()
                found = self.ort(folder / f"m_{stage}_model.onnx", {"image": feed})["prob"]
                self.expect(found.dtype == (dtype if stage in ("calibrated", "quantized") else np.float32),
                            f"{word}: {stage} gives {found.dtype} in stock ONNX Runtime")
                if stage == "quantized":
                    difference = np.abs(found.astype(int).ravel() - codes).max()
                    self.expect(difference == 0, f"{word}: stock ONNX Runtime gives the codes of the .bin, off by {difference}")
        self.check_resumed(folder, word)

    def floats_of(self, folder, word):
        """The float outputs of the same program without the option."""
        return self.binary(self.traffic_signs(f"float_{word}", rt="nv12", shape="1x3x64x64"), [self.picture], [np.float32])[0]

    def check_resumed(self, folder, word):
        """The ONNX files carry the codes of outputs, too."""
        for stage in ("calibrated", "quantized"):
            target = self.work / f"resumed_{word}_{stage}"
            self.run(self.args.hb_mapper, "makertbin", "-c", folder / "config.yaml", "--model-type", "onnx", "--threads", 1, "--quiet",
                     "--resume-from", folder / f"m_{stage}_model.onnx", "--working-dir", target)
            self.expect((target / "m.bin").read_bytes() == (folder / "m.bin").read_bytes(), f"{word}: resumed from {stage}, the same .bin")

    def nv12_input(self):
        """What the quantized model takes of the picture, N, H, W, C less 128."""
        dumps = self.work / "dumps"
        data = np.fromfile(dumps / "model_infer_input_0.bin", np.uint8).reshape(96, 64)
        chroma = data[64:].reshape(32, 32, 2).repeat(2, 0).repeat(2, 1)
        return np.concatenate([data[:64, :, None], chroma], 2).astype(np.float32)[None] - 128

    # --- several inputs ---
    def check_several(self):
        random = np.random.default_rng(1)

        def constant(name, *shape):
            return numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)
        node, value = helper.make_node, helper.make_tensor_value_info
        nodes = [node("Conv", ["pixels", "w_a"], ["a"], "part/a"), node("Conv", ["feature", "w_b"], ["b"], "part_a"),
                 node("Add", ["a", "b"], ["sum"], "add"), node("ArgMax", ["sum"], ["best"], "argmax", axis=1)]
        graph = helper.make_graph(nodes, "several", [value("pixels", TensorProto.FLOAT, [1, 3, 8, 8]), value("feature", TensorProto.FLOAT, [1, 4, 8, 8])],
                                  [value("sum", TensorProto.FLOAT, [1, 5, 8, 8]), value("best", TensorProto.INT64, [1, 1, 8, 8])],
                                  [constant("w_a", 5, 3, 1, 1), constant("w_b", 5, 4, 1, 1)])
        model = self.work / "several.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), model)
        pixels = random.integers(0, 256, (1, 3, 8, 8)).astype(np.uint8)
        features = random.integers(-300, 300, (1, 4, 8, 8)).astype(np.int16)
        for name, data in (("pixels", pixels), ("features", features)):
            (self.work / name).mkdir()
            data.tofile(self.work / name / "0.bin")
        np.save(self.work / "features.npy", features.astype(np.float32))
        folder = self.convert("several", model,
                              {"input_name": "feature; pixels", "input_type_train": "featuremap; bgr", "input_layout_train": "NCHW; NCHW",
                               "input_type_rt": "featuremap; bgr"},
                              {"cal_data_dir": f"{self.work}/features; {self.work}/pixels", "cal_data_type": "int16; uint8"}, layer_out_dump=True)
        files = {"feature": self.work / "features" / "0.bin", "pixels": self.work / "pixels" / "0.bin"}
        own = self.infer(folder, model, files)
        self.expect(set(own) == {"part_a_float.bin", "part_a_1_float.bin", "sum_float.bin", "best_float.bin"}, f"file names: {sorted(own)}")
        again = self.infer(folder, model, {**files, "feature": self.work / "features.npy"})
        self.expect(all(np.array_equal(own[n], again[n]) for n in own), "int16 values and a .npy file give the same")
        original = self.infer(folder, folder / "m_original_float_model.onnx", files)
        self.near(original["sum_float.bin"], own["sum_float.bin"], 1e-3, "several inputs: original_float against the model itself")
        if self.module.exists():
            expected = self.ort(model, {"pixels": pixels.astype(np.float32), "feature": features.astype(np.float32)})
            self.near(own["sum_float.bin"], expected["sum"], 1e-3, "several inputs against stock ONNX Runtime")
            self.expect(np.array_equal(own["best_float.bin"], expected["best"].astype(np.float32)), "whole numbers become floats")

    # --- hb_mapper checker ---
    def check_checker(self):
        out = self.run(self.args.hb_mapper, "checker", "--model-type", "onnx", "--march", "bayes", "--model", EXAMPLE / "traffic_signs.onnx")
        files = {p.name for p in (self.work / ".hb_check").iterdir()}
        self.expect(files == {"original_float_model.onnx", "optimized_float_model.onnx", "calibrated_model.onnx", "quantized_model.onnx"},
                    f"checker leaves {sorted(files)}")
        if self.module.exists():
            pixels = {"image": np.zeros((1, 3, 64, 64), np.float32)}
            found = {name: self.ort(self.work / ".hb_check" / name, pixels)["prob"] for name in sorted(files)}
            self.near(found["optimized_float_model.onnx"], found["original_float_model.onnx"], 1e-5, "checker: optimized_float against original_float")
            self.expect(all(prob.shape == (1, 12) for prob in found.values()), "checker: its files run in stock ONNX Runtime")
        self.expect("HzCalibration" in [n.op_type for n in onnx.load(self.work / ".hb_check" / "calibrated_model.onnx").graph.node],
                    "checker: the calibrated model has HzCalibration")
        self.expect("QuantizeLinear" in [n.op_type for n in onnx.load(self.work / ".hb_check" / "quantized_model.onnx").graph.node],
                    "checker: the quantized model has QuantizeLinear")
        log = (self.work / "hb_mapper_checker.log").read_text()
        milestones = ["log will be stored in", "Start hb_mapper....", "Model type: onnx", "input names ['image']", "input shapes {'image': [1, 3, 64, 64]}",
                      "Begin model checking....", "Start to parse the onnx model.", "End to parse the onnx model.",
                      "Saving the original float model: ./.hb_check/original_float_model.onnx.", "Start to optimize the model.", "End to optimize the model.",
                      "Saving the optimized model: ./.hb_check/optimized_float_model.onnx.", "Start to calibrate the model.",
                      "There are 1 samples in the calibration data set.", "Run calibration model with max method.",
                      "Saving the calibrated model: ./.hb_check/calibrated_model.onnx.", "End to calibrate the model.", "Start to quantize the model.",
                      "End to quantize the model.", "Saving the quantized model: ./.hb_check/quantized_model.onnx.",
                      "Start to compile the model with march bayes.", "End to compile the model with march bayes.",
                      "The converted model node information:", "ONNX model output num : 1", "End model checking...."]
        for text, name in ((out, "console"), (log, "log file")):
            at = 0
            for line in milestones:
                found = text.find(line, at)
                self.expect(found >= 0, f"checker, {name}: '{line}' in its place")
                at = max(at, found)
        self.check_table(out, ["Node", "ON", "Subgraph", "Type"])
        for name in ("hb_mapper_makertbin.log", "hb_mapper_infer.log"):
            self.expect((self.work / name).exists(), f"{name} in the current directory")
        self.check_table((self.work / "plain" / "output.txt").read_text(), ["Node", "ON", "Subgraph", "Type", "Cosine Similarity", "Threshold"])

    def check_table(self, text, header):
        """Cells padded to the longest + 2, rules as long as the sum of the columns, ids from 0 on."""
        lines = text.splitlines()
        top = next(i for i, l in enumerate(lines) if l.startswith("Node ") and i and set(lines[i - 1]) == {"="})
        rule = next(i for i in range(top + 1, len(lines)) if set(lines[i]) == {"-"})
        rows = []
        for line in lines[rule + 1:]:
            if not line or line[:4].isdigit() and "INFO" in line:
                break
            rows.append(line)
        starts = [lines[top].index(word) for word in header] + [len(lines[top - 1])]
        self.expect(len(lines[rule]) == len(lines[top - 1]) and len(rows) > 3, f"table of {len(rows)} nodes: both rules are as long")
        for k, (begin, end) in enumerate(zip(starts, starts[1:])):
            cells = [line[begin:end].rstrip() for line in [lines[top], *rows]]
            self.expect(all(line[begin:begin + 1] != " " for line in rows) and end - begin == max(map(len, cells)) + 2,
                        f"table: column {header[k]} is padded to its longest cell and 2")
        on = [line[starts[1]:starts[2]].strip() for line in rows]
        ids = [line[starts[2]:starts[3]].strip() for line in rows]
        self.expect(all((o == "BPU" and i.startswith("id(")) or (o == "CPU" and i == "--") for o, i in zip(on, ids)), "table: ids on the BPU alone")
        self.expect("id(0)" in ids, "table: ids begin with 0")

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
    check.check_codes("int8", np.int8)
    check.check_codes("int16", np.int16)
    check.check_several()
    check.check_checker()
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
