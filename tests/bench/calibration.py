# SPDX-License-Identifier: Apache-2.0
"""Conversion of mobilenetv2_imagenet beside float inference of stock ONNX Runtime, and its memory.

time: a conversion with 100 pictures (JPEG files, and the same as raw arrays) and 100 float inferences of
onnxruntime-node take turns, with the same number of threads; the least of some rounds counts on either side.
memory: the largest resident set with 50 and with 5,000 pictures (links to the same 200), and what was predicted."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = (ROOT / "../shared").resolve()
MODEL = SHARED / "models/mobilenetv2_imagenet/mobilenetv2.onnx"
CONFIG = """model_parameters:
  onnx_model: '{model}'
  march: 'bayes'
  output_model_file_prefix: 'mobilenetv2'
  working_dir: '{work}/out'
input_parameters:
  input_type_train: 'rgb'
  input_layout_train: 'NCHW'
  input_type_rt: 'rgb'
  norm_type: 'data_mean_and_scale'
  mean_value: '123.675 116.28 103.53'
  scale_value: '0.01712475 0.017507 0.01742919'
calibration_parameters:
  cal_data_dir: '{data}'
  cal_data_type: 'uint8'
  preprocess_on: {pictures}
compiler_parameters:
  optimize_level: 'O2'
"""


def convert(tool, work, data, threads, pictures=True):
    """Seconds, largest resident set in bytes, predicted one."""
    config = CONFIG.format(model=MODEL, work=work, data=data, pictures=pictures)
    if pictures:
        config = config.replace("  cal_data_type: 'uint8'\n", "")
    (work / "config.yaml").write_text(config)
    begin = time.monotonic()
    process = subprocess.Popen([tool, "makertbin", "-c", work / "config.yaml", "--model-type", "onnx", "--threads", str(threads),
                                "--quiet", "--json", work / "result.json"], cwd=work)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("the conversion failed")
    return time.monotonic() - begin, usage.ru_maxrss * 1024, json.loads((work / "result.json").read_text())["predicted_peak_bytes"]


def links(work, count):
    folder = work / f"pictures_{count}"
    folder.mkdir()
    sources = sorted((SHARED / "images/imagenet").glob("*.JPEG"))
    for i in range(count):
        (folder / f"{i:05}.jpg").symlink_to(sources[i % len(sources)])
    return folder


def measure_time(tool, work, threads, rounds, node_modules):
    pictures = links(work, 100)
    raw = work / "raw"
    raw.mkdir()
    for path in pictures.iterdir():
        pixels = np.asarray(Image.open(path).convert("RGB").resize((224, 224)))
        (raw / f"{path.stem}.bin").write_bytes(pixels.transpose(2, 0, 1).tobytes())
    worker = subprocess.Popen(["node", ROOT / "tests/bench/ort_worker.js", node_modules / "onnxruntime-node", MODEL, str(threads)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    worker.stdout.readline()
    best = {}
    for _ in range(rounds):
        worker.stdin.write("run 100\n")
        worker.stdin.flush()
        seconds = {"onnxruntime": sum(map(int, worker.stdout.readline().split())) / 1e9,
                   "pictures": convert(tool, work, pictures, threads)[0],
                   "raw arrays": convert(tool, work, raw, threads, pictures=False)[0]}
        best = {k: min(v, best.get(k, v)) for k, v in seconds.items()}
    worker.stdin.close()
    worker.wait()
    print(f"{threads} thread(s), least of {rounds} rounds")
    for name, seconds in best.items():
        print(f"{name:12} {seconds:6.2f} s  {seconds / best['onnxruntime']:5.2f} x")


def measure_memory(tool, work, threads):
    for count in (50, 5000):
        seconds, peak, predicted = convert(tool, work, links(work, count), threads)
        print(f"{count:5} pictures: {peak / 2**20:6.1f} MiB, predicted {predicted / 2**20:6.1f} MiB, {seconds:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["time", "memory"])
    parser.add_argument("--hb-mapper", type=pathlib.Path, default=ROOT / "build/release/host/hb_mapper")
    parser.add_argument("--node-modules", type=pathlib.Path, default=ROOT / "node_modules")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        if options.what == "time":
            measure_time(options.hb_mapper.resolve(), work, options.threads, options.rounds, options.node_modules.resolve())
        else:
            measure_memory(options.hb_mapper.resolve(), work, options.threads)


if __name__ == "__main__":
    main()
