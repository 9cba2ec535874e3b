#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every network of ../shared/models: the float program against stock ONNX Runtime (1e-4 of each output's largest
value), then converted and run in the simulator. Exit status 77: skipped, the models are not there."""
import argparse
import json
import pathlib
import subprocess
import sys
import wave

import numpy as np
from PIL import Image

SKIPPED = 77
LARGEST_ERROR = 1e-4
HERE = pathlib.Path(__file__).resolve().parent
IMAGENET = {"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
HALF = {"scale": 1 / 255, "mean": [0.5] * 3, "std": [0.5] * 3}
DOG, ROAD = "coco/extra/dog.jpg", "road/caeb782d-4a20b7c4.jpg"


def picture(path, shape, order="rgb", scale=1.0, mean=0.0, std=1.0, layout="NCHW", box=None):
    return {"picture": path, "shape": shape, "order": order, "scale": scale, "mean": mean, "std": std, "layout": layout, "box": box}


# Inputs in the model's order; "given": shapes that the model leaves open.
NETWORKS = {
    "mobilenetv2_imagenet": {"inputs": {"": picture("imagenet/n02124075_Egyptian_cat.JPEG", [1, 3, 224, 224], **IMAGENET)}},
    "yolox_nano": {"inputs": {"": picture("coco/extra/bus.jpg", [1, 3, 416, 416], "bgr")}},
    "fastestdet": {"inputs": {"": picture(DOG, [1, 3, 352, 352], "bgr", 1 / 255)}},
    "ultraface_rfb320": {"inputs": {"": picture("faces/12.jpg", [1, 3, 240, 320], mean=127 / 128, scale=1 / 128)}},
    "ultraface_rfb320_caffe": {"inputs": {"input": picture("faces/12.jpg", [1, 3, 240, 320], mean=127 / 128, scale=1 / 128)},
                               "equals": "ultraface_rfb320", "files": ["RFB-320.prototxt", "RFB-320.caffemodel"]},
    "road_segmentation_adas_0001": {"inputs": {"": picture(ROAD, [1, 512, 896, 3], "bgr", layout="NHWC")}},
    "twinlitenet": {"inputs": {"": picture(ROAD, [1, 3, 360, 640], scale=1 / 255)}},
    "lstr_lane": {"inputs": {"input_rgb": picture(ROAD, [1, 3, 360, 640], "bgr", **IMAGENET),
                             "input_mask": {"value": 0, "shape": [1, 1, 360, 640]}}},
    "vit_tracker": {"inputs": {"template": picture(DOG, [1, 3, 128, 128], box=[102, 248, 356, 502], **IMAGENET),
                               "search": picture(DOG, [1, 3, 256, 256], box=[0, 121, 483, 604], **IMAGENET)}},
    "ppocr_v3_det": {"inputs": {"x": picture("text/sample.jpg", [1, 3, 544, 800], "bgr", **IMAGENET)}, "given": True},
    "ppocr_en_rec": {"inputs": {"x": picture("text/sample.jpg", [1, 3, 32, 320], "bgr", **HALF)}, "given": True},
    "super_resolution": {"inputs": {"": picture(DOG, [1, 1, 224, 224], scale=1 / 255)}},
    "silero_vad_16k": {"inputs": {"input": {"audio": 32000, "shape": [1, 576]}, "state": {"value": 0.1, "shape": [2, 1, 128]}}},
    "gtcrn_denoise": {"inputs": {"mix": {"spectrum": 40000, "shape": [1, 257, 1, 2]},
                                 "conv_cache": {"value": 0.05, "shape": [2, 1, 16, 16, 33]},
                                 "tra_cache": {"value": 0.05, "shape": [2, 3, 1, 1, 16]},
                                 "inter_cache": {"value": 0.05, "shape": [2, 1, 33, 16]}}},
    "hand_landmark": {"inputs": {"": picture("hand/hand.png", [1, 3, 224, 224], scale=1 / 255, box=[30, 60, 350, 380])}},
    "xfeat_256": {"inputs": {"input": picture(DOG, [1, 3, 256, 256], scale=1 / 255)}},
    "xfeat_interpolator": {"inputs": {"x": {"noise": [-1, 1], "shape": [1, 64, 32, 32]},
                                      "pos": {"noise": [-8, 264], "shape": [1, 40, 2]}}, "given": True},
    "wechat_qr_detect_caffe": {"inputs": {"data": picture("qr/qr_scene.jpg", [1, 1, 384, 384], scale=1 / 255)},
                               "files": ["detect.prototxt", "detect.caffemodel"]},
}


def samples(shared, offset, count):
    with wave.open(str(shared / "audio/mix.wav")) as w:
        data = np.frombuffer(w.readframes(w.getnframes()), np.int16)
    return data[offset:offset + count].astype(np.float32) / 32768


def make(shared, spec):
    shape = spec["shape"]
    if "value" in spec:  # a constant, a little ruffled so that no two elements are alike
        return (np.float32(spec["value"]) * np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32)).reshape(shape)
    if "noise" in spec:
        return np.random.default_rng(1).uniform(*spec["noise"], shape).astype(np.float32)
    if "audio" in spec:
        return samples(shared, spec["audio"], shape[1]).reshape(shape)
    if "spectrum" in spec:
        frame = samples(shared, spec["spectrum"], 512) * np.sqrt(np.hanning(513)[:512])
        f = np.fft.rfft(frame)
        return np.stack([f.real, f.imag], 1).astype(np.float32).reshape(shape)
    image = Image.open(shared / "images" / spec["picture"]).convert("RGB")
    if spec["box"]:
        image = image.crop(spec["box"])
    nhwc = spec["layout"] == "NHWC"
    height, width, channels = shape[1:] if nhwc else (shape[2], shape[3], shape[1])
    pixels = np.asarray(image.resize((width, height), Image.BICUBIC)).astype(np.float32)
    if channels == 1:
        pixels = np.asarray(image.resize((width, height), Image.BICUBIC).convert("L")).astype(np.float32)[:, :, None]
    elif spec["order"] == "bgr":
        pixels = pixels[:, :, ::-1]
    x = ((pixels * spec["scale"] - np.float32(spec["mean"])) / np.float32(spec["std"])).astype(np.float32)
    return np.ascontiguousarray(x if nhwc else x.transpose(2, 0, 1))[None]


def run(command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"failed ({result.returncode}): {' '.join(map(str, command))}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


class Check:
    def __init__(self, args):
        self.args, self.network = args, NETWORKS[args.name]
        self.shared = pathlib.Path(args.shared)
        self.models = self.files(args.name, self.network)
        self.work = pathlib.Path(args.work) / args.name
        (self.work / "ort").mkdir(parents=True, exist_ok=True)
        self.failures = []

    def files(self, name, network):
        folder = self.shared / "models" / name
        return [folder / f for f in network["files"]] if "files" in network else sorted(folder.glob("*.onnx"))

    def expect(self, condition, sentence):
        print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
        if not condition:
            self.failures.append(sentence)

    def ort(self, model, inputs):
        runs = {"inputs": [], "folder": str(self.work / "ort")}
        for i, (name, x) in enumerate(inputs):
            path = self.work / "ort" / f"in_{i}.bin"
            x.tofile(path)
            runs["inputs"].append({"name": name, "dtype": str(x.dtype), "shape": list(x.shape), "file": str(path)})
        job = {"model": str(model), "module": str(pathlib.Path(self.args.node_modules) / "onnxruntime-node"), "threads": 1,
               "repeat": 5, "runs": [runs]}
        (self.work / "job.json").write_text(json.dumps(job))
        answer = json.loads(run(["node", HERE / "run_onnx.js", self.work / "job.json"]))
        kinds = {"float32": np.float32, "int64": np.int64, "int32": np.int32, "bool": np.bool_}
        results = {o["name"]: np.fromfile(self.work / "ort" / f"{i}.bin", kinds[o["dtype"]]).reshape(o["shape"])
                   for i, o in enumerate(answer["outputs"])}
        return results, answer["milliseconds"]

    def float_program(self, inputs):
        for i, (_, x) in enumerate(inputs):
            np.save(self.work / f"{i}.npy", x)
        given = self.network.get("given")
        (self.work / "shapes.txt").write_text(
            "".join(f"{n} {'x'.join(map(str, x.shape))}\n" for n, x in inputs) if given else "")
        print(run([self.args.float_program, self.work, *self.models]).strip())
        names = (self.work / "outputs.txt").read_text().split("\n")[:-1]
        return {n: np.load(self.work / f"out_{i}.npy") for i, n in enumerate(names)}

    def compare(self, name, found, expected):
        if expected.dtype != np.float32:
            return self.expect(np.array_equal(found, expected), f"{name}: equal")
        scale = max(float(np.abs(expected).max(initial=0)), 1e-30)
        error = float(np.abs(found.reshape(expected.shape) - expected).max(initial=0)) / scale
        self.expect(error <= LARGEST_ERROR, f"{name} {list(expected.shape)}: {error:.2g} of its largest value {scale:.4g}")

    def check_float(self):
        inputs = [(n, make(self.shared, s)) for n, s in self.network["inputs"].items()]
        if self.models[0].suffix == ".onnx":
            import onnx
            graph = onnx.load(str(self.models[0]), load_external_data=False).graph
            constants = {t.name for t in graph.initializer}
            names = [i.name for i in graph.input if i.name not in constants]
            inputs = [(names[i], x) for i, (_, x) in enumerate(inputs)]
        found = self.float_program(inputs)
        if self.args.name == "wechat_qr_detect_caffe":
            rows = found["detection_output"].reshape(-1, 7)
            best = rows[np.argmax(rows[:, 2])]
            print("      detection:", np.round(best, 4))
            self.expect(best[2] > 0.99 and np.abs(best[3:] - [0.557, 0.426, 0.713, 0.656]).max() < 0.01,
                        "the code is found where the README says")
        elif "equals" in self.network:
            other = self.network["equals"]
            expected, _ = self.ort(self.files(other, NETWORKS[other])[0], inputs)
            self.compare("scores", found["scores"], expected["scores"])
        else:
            expected, milliseconds = self.ort(self.models[0], inputs)
            print(f"      stock ONNX Runtime: {milliseconds:.3f} ms")
            self.expect(list(found) == list(expected), f"{len(expected)} outputs")
            for name, e in expected.items():
                self.compare(name, found[name], e)
        return inputs

    def convert(self, inputs):
        """The whole conversion on the same inputs as calibration data, and one run of the result."""
        folders = []
        for i, (_, x) in enumerate(inputs):
            folder = self.work / f"calibration_{i}"
            folder.mkdir(exist_ok=True)
            np.save(folder / "0.npy", x)
            np.save(folder / "1.npy", (x * np.float32(0.9)).astype(np.float32))
            folders.append(str(folder))
        caffe = self.models[0].suffix == ".prototxt"
        rows = lambda v: "; ".join([v] * len(inputs))
        model = [f"  prototxt: '{self.models[0]}'", f"  caffe_model: '{self.models[1]}'"] if caffe else [f"  onnx_model: '{self.models[0]}'"]
        shapes = ["  input_shape: '" + "; ".join("x".join(map(str, x.shape)) for _, x in inputs) + "'"] if self.network.get("given") else []
        text = ["model_parameters:", *model, "  march: 'bayes'", "  output_model_file_prefix: 'm'", f"  working_dir: '{self.work / 'out'}'",
                "input_parameters:", f"  input_name: '{'; '.join(n for n, _ in inputs)}'", f"  input_type_train: '{rows('featuremap')}'",
                f"  input_layout_train: '{rows('NCHW')}'", f"  input_type_rt: '{rows('featuremap')}'", f"  norm_type: '{rows('no_preprocess')}'",
                *shapes, "calibration_parameters:", f"  cal_data_dir: '{';'.join(folders)}'", "  calibration_type: 'max'",
                "compiler_parameters:", "  optimize_level: 'O2'"]
        (self.work / "config.yaml").write_text("\n".join(text) + "\n")
        run([self.args.hb_mapper, "makertbin", "-c", self.work / "config.yaml", "--model-type", "caffe" if caffe else "onnx", "--quiet",
             "--json", self.work / "convert.json"])
        report = json.loads((self.work / "convert.json").read_text())
        on_bpu = sum(n["on"] == "BPU" for n in report["nodes"]) if report["nodes"] and "on" in report["nodes"][0] else -1
        print(f"      {len(report['nodes'])} nodes, {on_bpu} on the BPU; cosine", {o["output"]: o["cosine"] for o in report["outputs"]})
        files = []
        for i, (_, x) in enumerate(inputs):
            x.tofile(self.work / f"in_{i}.bin")
            files.append(str(self.work / f"in_{i}.bin"))
        text = run([self.args.hrt, "infer", "--model_file", report["bin"], "--input_file", ",".join(files), "--enable_dump", "true",
                    "--dump_path", self.work / "dump"])
        made = list((self.work / "dump").glob("model_infer_output_*.bin"))
        self.expect(len(made) >= len(report["outputs"]), f"the simulator ran: {[l for l in text.splitlines() if 'time' in l][:1]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    for option in ("--shared", "--work", "--node-modules", "--float-program", "--hb-mapper", "--hrt"):
        parser.add_argument(option, required=True)
    parser.add_argument("--float-only", action="store_true")
    args = parser.parse_args()
    if not (pathlib.Path(args.shared) / "models" / args.name).is_dir():
        print(f"skipped: {args.shared}/models/{args.name} does not exist")
        sys.exit(SKIPPED)
    check = Check(args)
    inputs = check.check_float()
    if not args.float_only:
        check.convert(inputs)
    sys.exit(1 if check.failures else 0)


if __name__ == "__main__":
    main()
