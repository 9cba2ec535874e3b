#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hrt_bin_dump against hb_mapper infer, names of dumps against the ONNX files, what environment variables make of any
program that uses libdnn, Ctrl-C."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "traffic_signs"
VARIABLES = ("HB_DNN_PROFILER_LOG_PATH", "HB_DNN_DUMP_PATH", "HB_DNN_CONV_MAP_PATH", "HB_DNN_LOG_LEVEL")


class Check:
    def __init__(self, args):
        self.args, self.failures, self.count = args, 0, 0
        self.work = pathlib.Path(args.work).resolve()
        shutil.rmtree(self.work, ignore_errors=True)
        (self.work / "calibration").mkdir(parents=True)
        self.pictures = sorted((EXAMPLE / "test").glob("*.png"))
        for p in sorted((EXAMPLE / "calibration").glob("*.png"))[:4]:
            shutil.copy(p, self.work / "calibration")
        self.pixels = self.work / "pixels.bin"
        np.ascontiguousarray(np.asarray(Image.open(self.pictures[0]).convert("RGB")).transpose(2, 0, 1)).tofile(self.pixels)

    def expect(self, condition, sentence):
        self.count += 1
        if not condition or self.args.verbose:
            print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
        self.failures += not condition

    def run(self, *command, status=0, env=None):
        plain = {k: v for k, v in os.environ.items() if k not in VARIABLES}
        result = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=self.work,
                                env=plain | {k: str(v) for k, v in (env or {}).items()})
        if result.returncode != status:
            sys.exit(f"status {result.returncode}, not {status}: {' '.join(map(str, command))}\n"
                     f"{result.stdout[-2000:]}{result.stderr[-2000:]}")
        return result.stdout + result.stderr

    def folder(self, name):
        path = self.work / name
        path.mkdir()
        return path

    def convert(self, name, model, optimization):
        folder = self.folder(name)
        (folder / "config.yaml").write_text(
            f"model_parameters:\n  onnx_model: '{model}'\n  march: 'bayes'\n  working_dir: '{folder}'\n  output_model_file_prefix: 'm'\n"
            "  layer_out_dump: True\n"
            "input_parameters:\n  input_type_train: 'rgb'\n  input_layout_train: 'NCHW'\n  input_type_rt: 'rgb'\n  input_layout_rt: 'NCHW'\n"
            "  norm_type: 'data_scale'\n  scale_value: '0.0174'\n"
            f"calibration_parameters:\n  cal_data_dir: '{self.work / 'calibration'}'\n  preprocess_on: True\n  calibration_type: 'max'\n"
            f"{optimization}compiler_parameters:\n  optimize_level: 'O2'\n")
        self.run(self.args.hb_mapper, "makertbin", "-c", folder / "config.yaml", "--model-type", "onnx", "--threads", 1)
        return folder

    def small_network(self):
        """Names with '/' that are equal without it; a convolution whose result is an output; codes as output."""
        random = np.random.default_rng(1)

        def weights(name, *shape):
            return numpy_helper.from_array(random.normal(0, 0.1, shape).astype(np.float32), name)
        nodes = [helper.make_node("Conv", ["image", "w0"], ["x0"], "part/a", strides=[4, 4]), helper.make_node("Relu", ["x0"], ["x1"], "relu"),
                 helper.make_node("Conv", ["x1", "w1"], ["x2"], "part_a"), helper.make_node("Conv", ["x2", "w2"], ["last/out"], "last")]
        value = helper.make_tensor_value_info
        graph = helper.make_graph(nodes, "small", [value("image", TensorProto.FLOAT, [1, 3, 64, 64])],
                                  [value("x2", TensorProto.FLOAT, [1, 6, 16, 16]), value("last/out", TensorProto.FLOAT, [1, 5, 16, 16])],
                                  [weights("w0", 8, 3, 1, 1), weights("w1", 6, 8, 1, 1), weights("w2", 5, 6, 1, 1)])
        path = self.work / "small.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
        return path

    # --- hrt_bin_dump ---
    def check_bin_dump(self, folder):
        name = folder.name
        dumped, expected = self.folder(f"{name}_dumped"), self.work / f"{name}_expected"
        text = self.run(self.args.bin_dump, f"--model_file={folder / 'm.bin'}", f"--input_file={self.pixels}", f"--conv_dump_path={dumped}",
                        f"--conv_mapping_file={folder / 'm_quantized_model_conv_output_map.json'}")
        lines = ["hbDNNGetModelNameList success", "get model handle success", "get model input count success", "prepare input tensor success!",
                 f"file length: {self.pixels.stat().st_size}", "read file success!", "get model output count success", "prepare output tensor success",
                 "infer success", "task done"]
        self.expect(text.splitlines() == lines, f"{name}: console {text.splitlines()}")
        self.run(self.args.hb_mapper, "infer", "-c", folder / "config.yaml", "--model-file", folder / "m_quantized_model.onnx", "--model-type", "onnx",
                 "--image-file", "image", self.pictures[0], "--output-dir", expected, "--threads", 1)
        files = sorted(p.name for p in expected.iterdir())
        found = sorted(p.name for p in dumped.glob("*_float.bin"))
        self.expect(files == found and len(files) > 2, f"{name}: hrt_bin_dump writes {found}, hb_mapper infer {files}")
        different = [f for f in files if f in found and (dumped / f).read_bytes() != (expected / f).read_bytes()]
        self.expect(not different, f"{name}: {len(files)} files with equal bits but {different}")
        return dumped, files

    # --- names ---
    def check_names(self, folder):
        dumps = self.work / "intermediate"
        self.run(self.args.hrt, "infer", f"--model_file={folder / 'm.bin'}", f"--input_file={self.pixels}", "--dump_intermediate=1",
                 "--hybrid_dequantize_process=true", f"--dump_path={dumps}")
        index = json.loads((dumps / "dump_index.json").read_text())
        model = onnx.load(folder / "m_calibrated_model.onnx")
        names = {o for n in model.graph.node for o in n.output} | {i.name for i in model.graph.input}
        steps = [row for row in index["tensors"] if row["kind"] == "tensor" and row["name"]]
        known = [row for row in steps if row["name"] in names]
        self.expect(len(known) > 20, f"{len(known)} of {len(steps)} dumped tensors are those of the calibrated model")
        for row in index["tensors"]:
            size = np.dtype({"bool": "uint8"}.get(row["dtype"], row["dtype"])).itemsize * int(np.prod(row["shape"]))
            self.expect((dumps / row["files"][0]).stat().st_size == size, f"{row['files'][0]} has the size that the index says")
        floats = [row for row in known if row["dtype"] == "float32"]
        self.expect(floats and all(row["files"][0] == row["name"].replace("/", "_") + "_float.bin" for row in floats), "names of float32 files")
        prob = next(row for row in index["tensors"] if row["name"] == "prob")
        self.run(self.args.hrt, "infer", f"--model_file={folder / 'm.bin'}", f"--input_file={self.pixels}", "--enable_dump=true", f"--dump_path={dumps}")
        self.expect((dumps / prob["files"][0]).read_bytes() == (dumps / "model_infer_output_0.bin").read_bytes(), "prob is output 0")

    # --- environment variables ---
    def client(self, folder, runs=3, status=0, **env):
        return self.run(self.args.client, folder / "m.bin", self.pixels, runs, status=status, env=env)

    def check_environment(self, folder, dumped, files):
        layers = self.work / "env_layers"
        self.client(folder, HB_DNN_DUMP_PATH=layers, HB_DNN_CONV_MAP_PATH=folder / "m_quantized_model_conv_output_map.json")
        self.expect(all((layers / f).read_bytes() == (dumped / f).read_bytes() for f in files), "HB_DNN_CONV_MAP_PATH: the files of hrt_bin_dump")
        tensors, expected = self.work / "env_tensors", self.work / "all_tensors"
        self.client(folder, HB_DNN_DUMP_PATH=tensors)
        self.run(self.args.hrt, "infer", f"--model_file={folder / 'm.bin'}", f"--input_file={self.pixels}", "--dump_intermediate=1", f"--dump_path={expected}")
        self.expect({p.name: p.read_bytes() for p in tensors.iterdir()} == {p.name: p.read_bytes() for p in expected.iterdir()},
                    "HB_DNN_DUMP_PATH: the files of --dump_intermediate=1")
        profile = self.work / "env_profile"
        self.client(folder, runs=7, HB_DNN_PROFILER_LOG_PATH=profile)
        head, body = (json.loads(part) for part in (profile / "profiler.log").read_text().split("***\n"))
        self.expect(head["running_condition"]["frame_count"] == 7 and head["running_condition"]["model_name"] == "m",
                    f"HB_DNN_PROFILER_LOG_PATH: {head['running_condition']}")
        self.expect(set(body) >= {"chip_latency", "model_latency", "task_latency"}, f"profiler.log has {sorted(body)}")
        csv = (profile / "profiler.csv").read_text().splitlines()
        self.expect(csv[0].startswith("node,avg_time,max_time,min_time") and len(csv) == 1 + len(body["step_latency"]), "profiler.csv has a line per step")
        lost = self.work / "env_lost"
        self.client(folder, status=-signal.SIGABRT, HB_DNN_PROFILER_LOG_PATH=lost, CLIENT_ABORTS=1)
        self.expect(not list(lost.iterdir()), "nothing is left of a profile when the program crashes")
        occupied = self.work / "occupied"
        occupied.write_text("a file")
        for variable in ("HB_DNN_PROFILER_LOG_PATH", "HB_DNN_DUMP_PATH"):
            text = self.client(folder, **{variable: occupied})
            self.expect(f"{variable} has no effect" in text and "occupied" in text, f"{variable} that cannot be: {text}")
        text = self.client(folder, HB_DNN_CONV_MAP_PATH="nowhere.json")
        self.expect("without HB_DNN_DUMP_PATH" in text, f"HB_DNN_CONV_MAP_PATH alone: {text}")
        self.expect(self.client(folder) == "", "no variable, no word")

    # --- Ctrl-C ---
    def check_interrupt(self, folder):
        result = self.work / "perf.json"
        process = subprocess.Popen([self.args.hrt, "perf", f"--model_file={folder / 'm.bin'}", "--perf_time=5", f"--json={result}"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.work)
        process.stdout.readline()  # it measures
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.expect(process.returncode == 130, f"Ctrl-C: status {process.returncode}")
        self.expect("Perf result:" in out and "interrupted" in err, "Ctrl-C: the results so far")
        report = json.loads(result.read_text())
        self.expect(report["interrupted"] and report["frame_count"] > 0, "Ctrl-C: the results so far as JSON")

    def finish(self):
        print(f"{self.count} checks, {self.failures} failed")
        return bool(self.failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--hb-mapper", "--hrt", "--bin-dump", "--client", "--work"):
        parser.add_argument(option, required=True)
    parser.add_argument("--verbose", action="store_true")
    check = Check(parser.parse_args())
    signs = check.convert("signs", EXAMPLE / "traffic_signs.onnx", "")
    dumped, files = check.check_bin_dump(signs)
    check.check_bin_dump(check.convert("small", check.small_network(), ""))
    check.check_bin_dump(check.convert("codes", check.small_network(), "  optimization: 'set_model_output_int8'\n"))
    check.check_names(signs)
    check.check_environment(signs, dumped, files)
    check.check_interrupt(signs)
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
