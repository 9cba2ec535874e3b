#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The applications in examples/: classification from C, NV12 frames with and without regions, several models at a time,
and face detection where ../shared is there."""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys

from PIL import Image

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "traffic_signs"
CONFIG = """model_parameters: {{onnx_model: '{model}', march: 'bayes', output_model_file_prefix: '{name}', working_dir: '{work}'}}
input_parameters: {{input_name: '{input}', input_type_train: 'rgb', input_layout_train: 'NCHW', input_type_rt: '{rt}',
  input_layout_rt: 'NHWC', norm_type: 'data_mean_and_scale', mean_value: '{mean}', scale_value: '{scale}'}}
calibration_parameters: {{cal_data_dir: '{calibration}', preprocess_on: True, calibration_type: 'max'}}
compiler_parameters: {{optimize_level: 'O1'{source}}}
"""
SIGNS = {"model": EXAMPLE / "traffic_signs.onnx", "input": "image", "mean": "123.675 116.28 103.53",
         "scale": "0.0171 0.0175 0.0174"}


def main():
    parser = argparse.ArgumentParser()
    for name in ("hb-mapper", "hrt", "examples", "work", "shared"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    work = pathlib.Path(args.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    failures = []

    def run(*command, status=0):
        result = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=work)
        if result.returncode != status:
            sys.exit(f"{result.returncode} instead of {status}: {' '.join(map(str, command))}\n"
                     f"{result.stdout[-2000:]}{result.stderr[-2000:]}")
        return result.stdout + result.stderr

    def expect(condition, sentence):
        print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
        if not condition:
            failures.append(sentence)

    def program(name):
        return pathlib.Path(args.examples) / name / name

    def convert(name, rt, calibration, source="", **model):
        config = work / f"{name}.yaml"
        config.write_text(CONFIG.format(name=name, rt=rt, work=work / name, calibration=calibration, **model,
                                        source=f", input_source: {{'{model['input']}': '{source}'}}" if source else ""))
        run(args.hb_mapper, "makertbin", "-c", config, "--model-type", "onnx", "--quiet")
        return work / name / f"{name}.bin"

    def frame(picture, name, size=None):
        image = Image.open(picture).convert("RGB")
        image = image.resize(size) if size else image
        image.save(work / name)
        return work / name

    labels = EXAMPLE / "labels.txt"
    names = labels.read_text().split()
    pictures = sorted((EXAMPLE / "test").glob("*.png"))[:12]
    wanted = [p.stem.split("_", 1)[1] for p in pictures]
    rgb = convert("rgb", "rgb", EXAMPLE / "calibration", **SIGNS)
    nv12 = convert("nv12", "nv12", EXAMPLE / "calibration", **SIGNS)
    resizer = convert("resizer", "nv12", EXAMPLE / "calibration", source="resizer", **SIGNS)

    right = 0
    for picture, label in list(zip(pictures, wanted))[:3]:
        run(args.hrt, "infer", "--model_file", rgb, "--input_file", picture, "--enable_dump", "--dump_path", work / "dump")
        text = run(program("c_quick_start"), rgb, work / "dump" / "model_infer_input_0.bin")
        found = re.search(r"\[id\](\d+), \[score\]", text)
        right += bool(found) and names[int(found[1])] == label
    expect(right == 3, f"c_quick_start: {right} of 3 signs")
    text = run(program("c_quick_start"), work / "none.bin", status=1)
    expect("HB_DNN_CAN_NOT_OPEN_FILE" in text and "none.bin" in text, "c_quick_start says what is wrong with a file")

    def classified(*arguments):
        return re.search(r"class \d+ [0-9.]+ (\w+)", run(program("nv12_camera"), "classify", *arguments))[1]

    right = sum(classified(nv12, frame(p, "sign.ppm"), labels) == label for p, label in zip(pictures, wanted))
    expect(right >= 11, f"nv12_camera classify: {right} of 12 signs")
    right = 0
    for i, (picture, label) in enumerate(zip(pictures, wanted)):
        # A sign somewhere in a frame, twice as large as the model wants it.
        scene = Image.new("RGB", (640, 480), (90, 110, 130))
        left, top = 40 + 32 * i, 20 + 24 * i
        scene.paste(Image.open(picture).convert("RGB").resize((128, 128)), (left, top))
        scene.save(work / "scene.ppm")
        right += classified(resizer, work / "scene.ppm", labels, left, top, left + 127, top + 127) == label
    expect(right >= 11, f"nv12_camera classify with regions: {right} of 12 signs")
    text = run(program("nv12_camera"), "classify", resizer, work / "scene.ppm", labels, 700, 0, 800, 100, status=1)
    expect("HB_DNN_INVALID_ARGUMENT" in text, "nv12_camera: a region outside of the frame is refused")
    text = run(program("nv12_camera"), "classify", rgb, work / "scene.ppm", status=1)
    expect("input_type_rt" in text, "nv12_camera: a model without nv12 input is refused")

    # Models of different names; of one file each could only be loaded once.
    text = run(program("async_multi_model"), "10", "30", nv12, rgb)
    expect(re.search(r"^nv12: 30 frames, \d+ late", text, re.M) and re.search(r"^rgb: [1-9]\d* frames", text, re.M),
           "async_multi_model: " + text.replace("\n", "; "))

    shared = pathlib.Path(args.shared)
    network = shared / "models" / "ultraface_rfb320" / "version-RFB-320.onnx"
    if network.exists():
        (work / "calibration").mkdir()
        for picture in sorted((shared / "images" / "faces").glob("*.jpg"))[:4]:
            shutil.copy(picture, work / "calibration")
        face = convert("ultraface", "nv12", work / "calibration", model=network, input="input", mean="127",
                       scale="0.0078125")
        # 12.jpg has five faces.
        text = run(program("nv12_camera"), "detect", face, frame(shared / "images" / "faces" / "12.jpg", "faces.ppm"))
        boxes = [[float(v) for v in m] for m in re.findall(r"box (\S+) (\S+) (\S+) (\S+)", text)]
        expect(len(boxes) == 5, f"nv12_camera detect: {len(boxes)} of 5 faces")
        found = any(all(abs(a - b) < 20 for a, b in zip(box, (796, 94, 875, 198))) for box in boxes)
        expect(found, f"nv12_camera detect: the first face in {boxes}")
    else:
        print(f"skipped: no {network}")
    sys.exit(1 if failures else 0)


main()
