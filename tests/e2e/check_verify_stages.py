#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hb_verifier --stages on the project's example: as it is nothing is lost; with a bad scale in the calibrated model it says where."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/traffic_signs"
failures = 0


def expect(condition, sentence):
    global failures
    print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
    failures += not condition


def run(folder, *command, status=0):
    result = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True)
    if result.returncode != status:
        sys.exit(f"{command} ended with {result.returncode}: {result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result.stdout


def spoil(path):
    """A tenth of the scale of a tensor in the middle of the network: nine tenths of its range are cut off."""
    model = onnx.load(path)
    marks = [n for n in model.graph.node if n.op_type == "HzCalibration" and n.input[0].endswith("_project_bn_out")]
    node = marks[len(marks) // 2]
    for constant in model.graph.initializer:
        if constant.name == node.input[1]:
            constant.CopyFrom(numpy_helper.from_array(np.float32(0.1) * numpy_helper.to_array(constant), constant.name))
    onnx.save(model, path)
    return node.input[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hb-mapper", required=True, type=pathlib.Path)
    parser.add_argument("--hb-verifier", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    convert = [args.hb_mapper.resolve(), "makertbin", "-c", EXAMPLE / "config.yaml", "--model-type", "onnx", "--quiet", "--working-dir", "out"]
    run(args.work, *convert)
    stem = args.work / "out/traffic_signs"
    verify = [args.hb_verifier.resolve(), "-m", f"out/{stem.name}_quantized_model.onnx,out/{stem.name}.bin", "-s", "True", "-c", "2", "--stages",
              "-i", EXAMPLE / "test", "--samples", "3", "--json", "result.json", "--html", "result.html"]
    out = run(args.work, *verify)
    stages = json.loads((args.work / "result.json").read_text())["stages"]
    expect([s["name"] for s in stages["stages"]] == ["optimized", "calibrated", "quantized", "simulator"], "all stages were compared with float")
    expect(stages["losses"] == [] and stages["verdict"].startswith("No stage loses accuracy") and stages["verdict"] in out, "nothing is lost, and it says so")
    by_name = {s["name"]: s for s in stages["stages"]}
    expect(all(o["cosine"] > 0.999999 for o in by_name["optimized"]["outputs"]), "the optimized model is the float model")
    expect(all(t["step_cosine"] == 1 for t in by_name["simulator"]["tensors"]) and len(by_name["simulator"]["tensors"]) > 20,
           "the simulator computes what the quantized model does")

    tensor = spoil(f"{stem}_calibrated_model.onnx")
    run(args.work, *convert, "--resume-from", f"out/{stem.name}_calibrated_model.onnx")
    # Quantized model and simulator have the same bad scale, and agree.
    out = run(args.work, *verify)
    stages = json.loads((args.work / "result.json").read_text())["stages"]
    loss = stages["losses"][0]
    print("     ", loss["reason"])
    expect([s["name"] for s in stages["stages"] if s["loses"]] == ["calibrated"], "only the calibrated stage loses")
    expect(stages["stages"][2]["outputs"][0]["cosine"] < 0.99, "the quantized model has the loss, too")
    expect(loss["tensor"] == tensor and loss["stage"] == "calibrated", f"behind the node with the bad scale, {tensor}")
    expect(loss["after"] < loss["before"] - 0.01, "where the cosine falls")
    expect(loss["reason"].startswith("clipping"), "because values are clipped")
    expect(any("HzCalibration" in a and "tried" in a for a in loss["advice"]), "and another scale was tried")
    expect(loss["node"] in stages["verdict"] and loss["reason"] in out, "the log tells it")
    expect((args.work / "result.html").stat().st_size > 100000, "the page is there")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
