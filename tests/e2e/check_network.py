#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Converts one real network and proves the result: equal bits on every ISA, thread count and architecture, against
stock ONNX Runtime, and the task's own result. Exit status 77: skipped, the models are not there."""
import argparse
import csv
import filecmp
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import time

import numpy as np
import onnx

import tasks

SKIPPED = 77
DTYPES = {"float32": np.float32, "int8": np.int8, "uint8": np.uint8, "int32": np.int32}


def run(command, **kwargs):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, **kwargs)
    if result.returncode != 0:
        sys.exit(f"failed ({result.returncode}): {' '.join(map(str, command))}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


class Check:
    def __init__(self, args):
        self.args = args
        self.network = json.loads((pathlib.Path(__file__).parent / "networks.json").read_text())[args.name]
        shared = pathlib.Path(args.shared)
        self.model, self.images = shared / "models" / args.name, shared / "images"
        if "example" in self.network:  # the project's own
            self.model = self.images = pathlib.Path(__file__).resolve().parents[2] / self.network["example"]
        self.work = pathlib.Path(args.work) / args.name
        self.work.mkdir(parents=True, exist_ok=True)
        self.report = {"network": args.name}
        self.failures = []

    def expect(self, condition, sentence):
        print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
        if not condition:
            self.failures.append(sentence)

    # --- conversion ---
    def convert(self):
        n = self.network
        folder = self.work / "pictures"
        folder.mkdir(exist_ok=True)
        files = [f for d in n["calibration"] for f in sorted((self.images / d).iterdir())
                 if f.suffix.lower() in (".jpg", ".jpeg", ".png")]
        for i, f in enumerate(files[:: n.get("every", 1)][: self.args.pictures]):
            link = folder / f"{i:03d}{f.suffix.lower()}"
            if not link.exists():
                link.symlink_to(f.resolve())
        mean, scale = n.get("mean"), n.get("scale")
        norm = "data_mean_and_scale" if mean and scale else "data_mean" if mean else "data_scale" if scale else "no_preprocess"
        lines = [
            "model_parameters:", f"  onnx_model: '{self.model / n['file']}'", "  march: 'bayes'",
            f"  output_model_file_prefix: '{self.args.name}'", f"  working_dir: '{self.work / 'out'}'",
            "input_parameters:", "  input_name: ''", f"  input_type_train: '{n['type']}'",
            f"  input_layout_train: '{n.get('layout', 'NCHW')}'", f"  input_type_rt: '{n['type']}'",
            "  input_layout_rt: 'NHWC'", f"  norm_type: '{norm}'",
        ]
        lines += [f"  mean_value: '{mean}'"] if mean else []
        lines += [f"  scale_value: '{scale}'"] if scale else []
        lines += ["calibration_parameters:", f"  cal_data_dir: '{folder}'", "  preprocess_on: True",
                  "compiler_parameters:", "  optimize_level: 'O2'"]
        (self.work / "config.yaml").write_text("\n".join(lines) + "\n")
        before = time.monotonic()
        run([self.args.hb_mapper, "makertbin", "-c", self.work / "config.yaml", "--model-type", "onnx", "--quiet",
             "--json", self.work / "convert.json"], cwd=self.work)
        self.report["conversion_s"] = round(time.monotonic() - before, 2)
        self.report["conversion_peak_mb"] = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
        converted = json.loads((self.work / "convert.json").read_text())
        self.report["method"] = converted["calibration_method"]
        self.report["cosine"] = {o["output"]: o["cosine"] for o in converted["outputs"]}
        self.macs = converted["macs"]
        self.bin = converted["bin"]
        self.onnx = lambda stage: str(self.work / "out" / f"{self.args.name}_{stage}_model.onnx")

    # --- running ---
    def pixels(self, path):
        return np.ascontiguousarray(tasks.prepare(self.network, path))[None]

    def simulate(self, pixels, folder, emulator=(), binary=None, threads=1, isa=None, intermediate=True):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        source = self.work / "input.bin"
        pixels.tofile(source)
        env = dict(os.environ)
        env.pop("OPENHB_ISA", None)
        if isa:
            env["OPENHB_ISA"] = isa
        text = run([*emulator, binary or self.args.hrt, "infer", "--model_file", self.bin, "--input_file", source,
                    "--enable_dump", "true", "--dump_intermediate", 1 if intermediate else 0, "--dump_path", folder,
                    "--thread_num", threads], env=env)
        shown = re.search(r"Infer time: ([0-9.]+) ms", text)
        return float(shown.group(1)) if shown else None

    def outputs(self, folder):
        model = onnx.load(self.onnx("quantized"), load_external_data=False)
        found = []
        for i, o in enumerate(model.graph.output):
            shape = [d.dim_value for d in o.type.tensor_type.shape.dim]
            found.append(np.fromfile(folder / f"model_infer_output_{i}.bin", np.float32).reshape(shape))
        return found

    def network_input(self, pixels):
        """The ONNX files' input: pixel - 128 in the network's own layout."""
        x = pixels.astype(np.int16) - 128
        return np.ascontiguousarray(x if self.network.get("layout") == "NHWC" else x.transpose(0, 3, 1, 2))

    def ort(self, model, inputs, folder, repeat=0):
        """Runs stock ONNX Runtime on a list of inputs; returns per run {name: array}, and the time."""
        session_input = onnx.load(model, load_external_data=False).graph.input[0].name
        runs = []
        for i, x in enumerate(inputs):
            target = folder / str(i)
            target.mkdir(parents=True, exist_ok=True)
            x.tofile(target / "input.bin")
            runs.append({"inputs": [{"name": session_input, "dtype": str(x.dtype), "shape": list(x.shape),
                                     "file": str(target / "input.bin")}], "folder": str(target)})
        job = {"model": str(model), "module": str(pathlib.Path(self.args.node_modules) / "onnxruntime-node"), "threads": 1,
               "repeat": repeat, "runs": runs}
        (folder / "job.json").write_text(json.dumps(job))
        answer = json.loads(run(["node", pathlib.Path(__file__).parent / "run_onnx.js", folder / "job.json"]))
        results = [{o["name"]: np.fromfile(folder / str(i) / f"{k}.bin", DTYPES[o["dtype"]]).reshape(o["shape"])
                    for k, o in enumerate(answer["outputs"])} for i in range(len(inputs))]
        return results, answer["milliseconds"]

    # --- the checks ---
    @staticmethod
    def same(left, right):
        """Bytes; the list of tensors names the kernels that ran, which may differ."""
        if left.name != "dump_index.json":
            return filecmp.cmp(left, right, shallow=False)
        lists = [json.loads(path.read_text()) for path in (left, right)]
        for row in lists[0]["tensors"] + lists[1]["tensors"]:
            row.pop("row", None)
        return lists[0] == lists[1]

    def check_bits(self, pixels):
        reference = self.work / "x86"
        self.simulate(pixels, reference)
        names = sorted(p.name for p in reference.iterdir())
        self.report["tensors"] = len(names)
        variants = [("x86-64, 2 threads", (), None, 2, None)]
        variants += [(f"x86-64, ISA {isa}", (), None, 1, isa) for isa in self.args.isa]
        if self.args.hrt_aarch64:
            # cortex-a53 has no dot product: the plain NEON rows. The portable rows are slow under emulation.
            emulated = [("max", 1, None), ("max", 2, None), ("cortex-a53", 1, None)]
            emulated += [("max", 1, "ref")] if self.macs < 1e9 else []
            for cpu, threads, isa in emulated:
                variants.append((f"aarch64 {cpu}, {threads} threads" + (f", ISA {isa}" if isa else ""),
                                 (self.args.emulator, "-cpu", cpu), self.args.hrt_aarch64, threads, isa))
        for title, emulator, binary, threads, isa in variants:
            folder = self.work / "variant"
            self.simulate(pixels, folder, emulator, binary, threads, isa)
            found = sorted(p.name for p in folder.iterdir())
            different = [f for f in names if f not in found or not self.same(reference / f, folder / f)]
            self.expect(found == names and not different,
                        f"{title}: {len(names) - len(different)} of {len(names)} tensors identical" +
                        (f", first different: {different[0]}" if different else ""))

    def check_onnx_runtime(self, pixels):
        """Integer tensors of quantized_model.onnx in stock ONNX Runtime against the simulator's."""
        model = onnx.load(self.onnx("quantized"))
        known = {v.name: v for v in model.graph.value_info}
        produced = {o: n for n in model.graph.node for o in n.output}
        exposed = []
        for node in model.graph.node:
            if node.op_type == "QuantizeLinear":
                exposed.append(node.output[0])
            elif node.op_type in ("ConvInteger", "MatMulInteger"):
                final = [n for n in model.graph.node if node.output[0] in n.input and n.op_type == "Add"]
                exposed.append(final[0].output[0] if final else node.output[0])
        for name in exposed:
            model.graph.output.append(known[name] if name in known else onnx.helper.make_empty_tensor_value_info(name))
        path = self.work / "exposed.onnx"
        onnx.save(model, str(path))
        x = self.network_input(pixels).astype(np.int8)
        results, _ = self.ort(path, [x], self.work / "ort_int8")
        plain, milliseconds = self.ort(self.onnx("quantized"), [x], self.work / "ort_plain", repeat=self.args.repeat)
        self.report["ort_int8_ms"] = milliseconds
        # Behind a layer that runs in float, sums may round differently (stock ONNX Runtime even quantizes the
        # weights of such a layer between quantized neighbours): counted apart.
        behind_float = set()
        for node in model.graph.node:
            layer = node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul")
            own = layer and getattr(produced.get(node.input[1]), "op_type", "") != "DequantizeLinear"
            if own or behind_float.intersection(node.input):
                behind_float.update(node.output)
        equal = total = largest = 0
        apart = [0, 0, 0]
        boundary = [0, 0, 0]
        rows = []
        for name in exposed:
            base = re.sub(r"_(uint8|accumulators|products)$", "", name)
            file = self.work / "x86" / (base.replace("/", "_") + ".bin")
            expected = results[0][name]
            codes = expected.dtype == np.uint8
            if codes and not (file.exists() and file.stat().st_size == expected.size):  # the value itself is float
                file = self.work / "x86" / (base.replace("/", "_") + "_HzQuantize.bin")
            if not file.exists():
                continue  # merged into a table: no such tensor in the program
            if codes:
                found = np.fromfile(file, np.int8).astype(np.int16) + 128
            else:
                found = np.fromfile(file, np.int32).astype(np.int64)
            difference = np.abs(found - expected.ravel().astype(np.int64))
            same = int((difference == 0).sum())
            rows.append([base, produced[name].op_type, expected.size, expected.size - same, int(difference.max(initial=0))])
            if name in behind_float:
                apart = [apart[0] + same, apart[1] + expected.size, max(apart[2], int(difference.max(initial=0)))]
            elif codes:
                equal, total, largest = equal + same, total + expected.size, max(largest, int(difference.max(initial=0)))
            else:
                boundary = [boundary[0] + same, boundary[1] + expected.size, max(boundary[2], int(difference.max(initial=0)))]
        with open(self.work / "onnx_runtime.csv", "w", newline="") as f:
            csv.writer(f).writerows([["tensor", "operator", "elements", "different", "largest"]] + rows)
        first = next((r for r in rows if r[3]), None)
        if apart[1]:
            self.report["ort_equal_behind_float"] = apart[0] / apart[1]
            print(f"      behind layers that run in float: {apart[0] / apart[1]:.4%} of {apart[1]} integers equal "
                  f"(largest difference {apart[2]})")
        share = equal / max(total, 1)
        self.report["ort_equal_int8"] = share
        self.report["ort_largest_int8"] = largest
        self.report["ort_equal_int32"] = boundary[0] / max(boundary[1], 1)
        self.report["ort_largest_int32"] = boundary[2]
        self.report["ort_first_difference"] = first
        least = self.network.get("ort_equal", 1.0)
        self.expect(total + boundary[1] > 0 and share >= least and boundary[0] >= least * boundary[1],
                    f"stock ONNX Runtime: {share:.4%} of {total} int8 elements in {len(rows)} tensors equal (largest difference "
                    f"{largest}), {boundary[0]} of {boundary[1]} int32 results equal" +
                    (f"; first different: {first}" if first and not apart[1] else ""))
        # Same integers, but exposing tensors must not have changed what runs.
        for name, value in plain[0].items():
            self.expect(np.array_equal(value, results[0][name]), f"exposing tensors leaves output '{name}' as it was")

    def check_stages(self, pixels):
        """Every ONNX artefact runs in stock ONNX Runtime; float stages agree with each other."""
        x = self.network_input(pixels).astype(np.float32)
        original, _ = self.ort(self.onnx("original_float"), [x], self.work / "ort_original")
        optimized, milliseconds = self.ort(self.onnx("optimized_float"), [x], self.work / "ort_optimized", repeat=self.args.repeat)
        self.ort(self.onnx("calibrated"), [x], self.work / "ort_calibrated")
        self.report["ort_float_ms"] = milliseconds
        for name, a in original[0].items():
            b = optimized[0][name]
            error = float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-9))
            self.expect(error < 1e-3, f"optimized model: output '{name}' within {error:.1e} of the original's largest value")
        return list(original[0].values())

    def check_task(self, expected):
        found = self.outputs(self.work / "x86")
        self.report["cosine_test"] = [float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())) for a, b in
                                      zip([e.ravel().astype(np.float64) for e in expected], [f.ravel().astype(np.float64) for f in found])]
        good, sentence = tasks.COMPARE[self.network["task"]](expected, found)
        self.report["task"] = sentence
        self.expect(good, f"task result: {sentence}")

    def check_accuracy(self):
        """Top-1 of int8 and float on the labelled evaluation pictures."""
        if "example" in self.network:  # named <number>_<class>.png
            folder = self.images / "test"
            names = (self.images / "labels.txt").read_text().split()
            rows = [{"file": f.name, "class_index": names.index(f.stem[4:])} for f in sorted(folder.glob("*.png"))]
        else:
            folder = self.images / "imagenet"
            rows = [r for r in csv.DictReader(open(folder / "labels.csv")) if r["split"] == "eval"]
        pixels = [self.pixels(folder / r["file"]) for r in rows]
        labels = np.array([int(r["class_index"]) for r in rows])
        results, _ = self.ort(self.onnx("optimized_float"), [self.network_input(p).astype(np.float32) for p in pixels], self.work / "top1")
        real = np.array([int(np.argmax(next(iter(r.values())))) for r in results])
        integer = []
        for p in pixels:
            self.simulate(p, self.work / "one", intermediate=False)
            integer.append(int(np.argmax(self.outputs(self.work / "one")[0])))
        integer = np.array(integer)
        agreement = float((real == integer).mean())
        self.report["top1"] = {"float": float((real == labels).mean()), "int8": float((integer == labels).mean()), "agreement": agreement}
        self.expect(agreement >= 0.9, f"top-1 on {len(rows)} pictures: float {(real == labels).mean():.1%}, int8 "
                                      f"{(integer == labels).mean():.1%}, agreement {agreement:.1%}")

    def main(self):
        self.convert()
        pixels = self.pixels(self.images / self.network["test"])
        self.check_bits(pixels)
        if (pathlib.Path(self.args.node_modules) / "onnxruntime-node").exists():
            expected = self.check_stages(pixels)
            self.check_onnx_runtime(pixels)
            self.check_task(expected)
            if self.network["task"] == "classes":
                self.check_accuracy()
        else:
            print("skipped: onnxruntime-node is not installed, no comparison with stock ONNX Runtime")
        if self.args.repeat:
            times = [self.simulate(pixels, self.work / "one", intermediate=False) for _ in range(self.args.repeat)]
            self.report["simulator_ms"] = float(np.median(times))
        (self.work / "report.json").write_text(json.dumps(self.report, indent=2) + "\n")
        return 1 if self.failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--hb-mapper", required=True)
    parser.add_argument("--hrt", required=True)
    parser.add_argument("--hrt-aarch64", help="aarch64 binary; without it only x86-64 is checked")
    parser.add_argument("--emulator", default="qemu-aarch64-static")
    parser.add_argument("--shared", required=True, help="folder with models/ and images/")
    parser.add_argument("--node-modules", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--pictures", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=0, help="timed runs of simulator and ONNX Runtime")
    parser.add_argument("--isa", nargs="*", default=["ref", "avx2", "avx512"])
    args = parser.parse_args()
    for key in ("hb_mapper", "hrt", "hrt_aarch64", "work", "shared", "node_modules"):
        if getattr(args, key):
            setattr(args, key, os.path.abspath(getattr(args, key)))
    check = Check(args)
    if not check.model.is_dir():
        print(f"skipped: {check.model} is not there")
        sys.exit(SKIPPED)
    if args.hrt_aarch64 and not os.path.exists(args.hrt_aarch64):
        print("skipped: the aarch64 build is not there (scripts/build aarch64); x86-64 only")
        args.hrt_aarch64 = None
    sys.exit(check.main())


if __name__ == "__main__":
    main()
