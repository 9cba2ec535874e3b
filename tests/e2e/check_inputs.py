#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One network with every legal combination of input_type_train, input_type_rt, layouts and range; input_batch; several
inputs of different kinds; the ONNX artefacts in stock ONNX Runtime."""
import argparse
import hashlib
import itertools
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import input_models

LEGAL = {"rgb": ["rgb", "bgr", "yuv444", "nv12"], "bgr": ["rgb", "bgr", "yuv444", "nv12"], "yuv444": ["yuv444", "nv12"],
         "gray": ["gray"], "featuremap": ["featuremap"]}
EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "traffic_signs"


class Check:
    def __init__(self, args):
        self.args, self.failures, self.count = args, [], 0
        self.work = pathlib.Path(args.work)
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.pictures = sorted((EXAMPLE / "test").glob("*.png"))[: args.pictures]
        self.rgb = [np.asarray(Image.open(p).convert("RGB")) for p in self.pictures]
        calibration = sorted((EXAMPLE / "calibration").glob("*.png"))[:6]
        (self.work / "pictures").mkdir()
        (self.work / "features_f32").mkdir()
        (self.work / "features_nhwc_f32").mkdir()
        for p in calibration:
            shutil.copy(p, self.work / "pictures")
            values = (np.asarray(Image.open(p).convert("RGB")).astype(np.float32) - input_models.MEAN) * input_models.SCALE
            input_models.in_layout(values, "NCHW").tofile(self.work / "features_f32" / p.stem)
            input_models.in_layout(values, "NHWC").tofile(self.work / "features_nhwc_f32" / p.stem)

    def expect(self, condition, sentence):
        if not condition or self.args.verbose:
            print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
        if not condition:
            self.failures.append(sentence)

    def run(self, command):
        result = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=self.work)
        if result.returncode != 0:
            sys.exit(f"failed ({result.returncode}): {' '.join(map(str, command))}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
        return result.stdout

    # inputs: values of input_parameters. Returns the folder of the results.
    def convert(self, name, model, inputs, calibration, compiler=None):
        folder = self.work / name
        folder.mkdir()
        path = self.work / f"{hashlib.sha256(model.SerializeToString()).hexdigest()[:16]}.onnx"
        onnx.save(model, path)
        groups = {"model_parameters": {"onnx_model": path, "march": "bayes", "working_dir": folder, "output_model_file_prefix": "m"},
                  "input_parameters": inputs, "calibration_parameters": {"calibration_type": "max", **calibration},
                  "compiler_parameters": compiler or {}}
        text = "".join(f"{g}:\n" + "".join(f"  {k}: {json.dumps(str(v)) if not isinstance(v, dict) else json.dumps(v)}\n"
                                           for k, v in values.items()) for g, values in groups.items())
        (folder / "config.yaml").write_text(text)
        self.run([self.args.hb_mapper, "makertbin", "-c", folder / "config.yaml", "--model-type", "onnx", "--quiet", "--threads", 1])
        self.count += 1
        return folder

    def infer(self, folder, files, *options):
        dumps = self.work / "dumps"
        self.run([self.args.hrt, "infer", "--model_file", folder / "m.bin", "--input_file", ",".join(str(f) for f in files),
                  "--enable_dump", "true", "--dump_path", dumps, *options])
        return np.fromfile(dumps / "model_infer_output_0.bin", np.float32), np.fromfile(dumps / "model_infer_input_0.bin", np.uint8)

    def file_of(self, data, name="input.bin"):
        data.tofile(self.work / name)
        return self.work / name

    def ort(self, model, feeds, dtype):
        runs = []
        for i, x in enumerate(feeds):
            target = self.work / "ort" / str(i)
            target.mkdir(parents=True, exist_ok=True)
            x.astype(dtype).tofile(target / "x.bin")
            runs.append({"inputs": [{"name": "image", "dtype": np.dtype(dtype).name, "shape": list(x.shape), "file": str(target / "x.bin")}],
                         "folder": str(target)})
        (self.work / "job.json").write_text(json.dumps({"model": str(model), "module": str(self.ort_module), "runs": runs}))
        self.run(["node", pathlib.Path(__file__).parent / "run_onnx.js", self.work / "job.json"])
        return [np.fromfile(self.work / "ort" / str(i) / "0.bin", np.float32) for i in range(len(feeds))]

    @property
    def ort_module(self):
        return pathlib.Path(self.args.node_modules) / "onnxruntime-node"

    # --- every legal combination ---
    def combinations(self):
        for train, layout in itertools.product(LEGAL, ("NCHW", "NHWC")):
            for rt in LEGAL[train]:
                for layout_rt in ("NCHW", "NHWC") if rt != "nv12" else ("",):
                    yield train, layout, rt, layout_rt, "regular"
                if rt == "nv12" and train in ("rgb", "bgr"):
                    yield train, layout, rt, "", "bt601_video"

    def check_combinations(self):
        results = {}
        for train, layout, rt, layout_rt, space in self.combinations():
            name = "_".join(filter(None, (train, layout, rt, layout_rt, space)))
            inputs = {"input_name": "image", "input_type_train": train, "input_layout_train": layout, "input_type_rt": rt,
                      "input_layout_rt": layout_rt, "input_space_and_range": space}
            calibration = {"cal_data_dir": self.work / "pictures", "preprocess_on": True}
            if train == "featuremap":
                calibration = {"cal_data_dir": self.work / ("features_f32" if layout == "NCHW" else "features_nhwc_f32")}
            elif train != "yuv444":
                mean, scale = input_models.NORM[train]
                inputs.update(norm_type="data_mean_and_scale", mean_value=mean, scale_value=scale)
            folder = self.convert(name, input_models.trained_on(EXAMPLE / "traffic_signs.onnx", train, layout), inputs, calibration)
            outputs = []
            for path, rgb in zip(self.pictures, self.rgb):
                if rt == "featuremap":
                    values = (rgb.astype(np.float32) - input_models.MEAN) * input_models.SCALE
                    outputs.append(self.infer(folder, [self.file_of(input_models.in_layout(values, layout_rt))])[0])
                    continue
                picture = input_models.as_type(rgb, rt, space)
                raw = picture if rt == "nv12" else input_models.in_layout(picture, layout_rt)
                output, given = self.infer(folder, [path])
                self.expect(np.array_equal(given, raw.ravel()), f"{name}: {path.name} becomes the bytes of {rt}")
                again, _ = self.infer(folder, [self.file_of(raw)])
                self.expect(np.array_equal(output, again), f"{name}: {path.name} and a file of its bytes give the same")
                outputs.append(output)
            results[train, layout, rt, layout_rt, space] = np.array(outputs)
            if (train, layout, layout_rt) in (("rgb", "NCHW", ""), ("bgr", "NHWC", "NHWC"), ("yuv444", "NHWC", "NCHW")):
                self.check_artefacts(name, folder, rt, layout, space, results[train, layout, rt, layout_rt, space])
        self.compare(results)

    def compare(self, results):
        reference = results["rgb", "NCHW", "rgb", "NHWC", "regular"]
        classes = [int(p.name.split("_")[0]) % 12 for p in self.pictures]
        self.expect(list(reference.argmax(1)) == classes, f"rgb finds the classes {classes}")
        worst = {}
        for key, outputs in results.items():
            train, layout, rt, layout_rt, space = key
            if train == "gray":
                continue
            self.expect(np.array_equal(outputs.argmax(1), reference.argmax(1)), f"{key}: the same classes")
            kind = (train, rt, space)
            worst[kind] = max(worst.get(kind, 0), float(np.abs(outputs - reference).max()))
            # The layouts and the order of colours decide where bytes lie, not what is computed.
            twin = (train, "NCHW", "rgb" if rt == "bgr" else rt, "" if rt == "nv12" else "NHWC", space)
            self.expect(np.array_equal(outputs, results[twin]), f"{key}: equal bits as {twin}")
        gray = [v for k, v in results.items() if k[0] == "gray"]
        self.expect(all(np.array_equal(g, gray[0]) for g in gray), "gray: equal bits in all layouts")
        for (train, rt, space), difference in sorted(worst.items()):
            if self.args.verbose:
                print(f"      trained on {train}, run with {rt} {space}: scores differ by at most {difference:.4f} from rgb")
            self.expect(difference < (0.02 if rt == "nv12" else 0.01), f"{train} {rt} {space}: scores within {difference:.4f} of rgb's")

    # --- the ONNX files ---
    def check_artefacts(self, name, folder, rt, layout, space, outputs):
        kinds = {"rgb": "RGB_128", "bgr": "BGR_128", "yuv444": "yuv444_128", "nv12": "yuv444_128"}
        for stage in ("original_float", "optimized_float", "calibrated", "quantized"):
            model = onnx.load(folder / f"m_{stage}_model.onnx")
            node = next(n for n in model.graph.node if n.name == "HZ_PREPROCESS_FOR_image")
            quantized = stage == "quantized"
            if not quantized:
                self.expect(node.op_type == "HzPreprocess" and "HzPreprocess" in [f.name for f in model.functions],
                            f"{name}: {stage} has HzPreprocess as a function")
            attributes = {a.name: helper.get_attribute_value(a).decode() for a in node.attribute if a.type == a.STRING}
            self.expect(quantized or attributes == {"input_type": kinds[rt], "data_format": layout}, f"{name}: {stage} says {attributes}")
            nhwc = layout == "NHWC" or (quantized and rt == "nv12")
            value = model.graph.input[0].type.tensor_type
            shape = [d.dim_value for d in value.shape.dim]
            self.expect(shape == ([1, 64, 64, 3] if nhwc else [1, 3, 64, 64]), f"{name}: {stage} takes {shape}")
            self.expect(value.elem_type == (TensorProto.INT8 if quantized else TensorProto.FLOAT), f"{name}: {stage} element type")
            if not self.ort_module.exists():
                continue
            feeds = []
            for rgb in self.rgb:
                picture = input_models.as_type(rgb, rt, space)
                picture = input_models.full_chroma(picture) if rt == "nv12" else picture
                feeds.append(input_models.in_layout(picture, "NHWC" if nhwc else "NCHW").astype(np.int16) - 128)
            found = self.ort(folder / f"m_{stage}_model.onnx", feeds, np.int8 if quantized else np.float32)
            difference = float(np.abs(np.array(found) - outputs).max())
            self.expect(difference < (1e-5 if quantized else 0.02), f"{name}: {stage} in stock ONNX Runtime differs by {difference:.1e}")

    # --- a program for several pictures ---
    def check_batch(self):
        mean, scale = input_models.NORM["rgb"]
        model = input_models.trained_on(EXAMPLE / "traffic_signs.onnx", "rgb", "NCHW")
        inputs = {"input_name": "image", "input_type_train": "rgb", "input_layout_train": "NCHW", "input_type_rt": "nv12",
                  "norm_type": "data_mean_and_scale", "mean_value": mean, "scale_value": scale}
        calibration = {"cal_data_dir": self.work / "pictures", "preprocess_on": True}
        one = self.work / "rgb_NCHW_nv12_regular"
        four = self.convert("batch", model, {**inputs, "input_batch": 4}, calibration)
        for stage in ("original_float", "optimized_float", "calibrated", "quantized"):
            name = f"m_{stage}_model.onnx"
            self.expect((one / name).read_bytes() == (four / name).read_bytes(), f"input_batch leaves {name} as it is")
        chosen = [i % len(self.rgb) for i in range(4)]
        frames = [input_models.as_type(self.rgb[i], "nv12") for i in chosen]
        together, _ = self.infer(four, [self.file_of(np.stack(frames))])
        alone = np.concatenate([self.infer(one, [self.file_of(f)])[0] for f in frames])
        self.expect(np.array_equal(together, alone), "four pictures in a batch give what each gives alone")

    # --- inputs of different kinds ---
    def check_several(self):
        random = np.random.default_rng(3)

        def constant(name, *shape):
            return numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)
        node = helper.make_node
        nodes = [node("Conv", ["image", "w_image"], ["a"], "conv_image", strides=[2, 2]),
                 node("Conv", ["luma", "w_luma"], ["b"], "conv_luma", strides=[2, 2]),
                 node("Concat", ["a", "b"], ["ab"], "join", axis=1), node("GlobalAveragePool", ["ab"], ["pool"], "pool"),
                 node("Flatten", ["pool"], ["flat"], "flatten"), node("Gemm", ["feature", "w_feature"], ["c"], "fc"),
                 node("Gather", ["table", "ids"], ["d"], "embed"), node("ReduceMean", ["d"], ["e"], "mean", axes=[1], keepdims=0),
                 node("Add", ["flat", "c"], ["f"], "add"), node("Add", ["f", "e"], ["y"], "add_embedded")]
        value = helper.make_tensor_value_info
        graph = helper.make_graph(nodes, "several", [value("image", TensorProto.FLOAT, [1, 3, 16, 20]), value("luma", TensorProto.FLOAT, [1, 8, 8, 1]),
                                                     value("feature", TensorProto.FLOAT, [1, 5]), value("ids", TensorProto.INT64, [1, 4])],
                                  [value("y", TensorProto.FLOAT, [1, 8])],
                                  [constant("w_image", 4, 3, 3, 3), constant("w_luma", 4, 1, 3, 3), constant("w_feature", 5, 8), constant("table", 10, 8)])
        graph.node[1].input[0] = "luma_nchw"
        graph.node.insert(0, node("Transpose", ["luma"], ["luma_nchw"], "turn", perm=[0, 3, 1, 2]))
        # Windows of both pictures end up as large as the smaller one's.
        graph.node.insert(3, node("MaxPool", ["a"], ["a_small"], "shrink", kernel_shape=[5, 7], strides=[1, 1]))
        next(n for n in graph.node if n.name == "join").input[0] = "a_small"
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
        data = {"image": ([16, 20, 3], np.uint8), "luma": ([8, 8, 1], np.uint8), "feature": ([5], np.float32), "ids": ([4], np.int32)}
        for i, (name, (shape, dtype)) in enumerate(data.items()):
            (self.work / name).mkdir()
            for k in range(3):
                x = random.integers(0, 255 if dtype == np.uint8 else 10, shape) if dtype != np.float32 else random.normal(0, 1, shape)
                x = x.transpose(2, 0, 1) if name == "image" else x
                x.astype(dtype).tofile(self.work / name / str(k))
        inputs = {"input_name": "image; luma; feature; ids", "input_type_train": "rgb; gray; featuremap; featuremap",
                  "input_layout_train": "NCHW; NHWC; NCHW; NCHW", "input_type_rt": "nv12; gray; featuremap; featuremap",
                  "input_layout_rt": "NHWC; NCHW; NHWC; NHWC", "norm_type": "data_scale; data_mean_and_scale; no_preprocess; no_preprocess",
                  "mean_value": "None; 128; None; None", "scale_value": "0.004; 0.01; None; None"}
        folder = self.convert("several", model, inputs,
                              {"cal_data_dir": "; ".join(str(self.work / n) for n in data), "cal_data_type": "uint8; uint8; float32; int32"},
                              {"input_source": {"image": "resizer", "feature": "ddr"}})
        info = self.run([self.args.hrt, "model_info", "--model_file", folder / "m.bin"])
        for line in ("valid shape: (1,3,16,20,)", "aligned shape: (1,3,16,32,)", "aligned byte size: 768", "stride: (0,0,0,0,)",
                     "tensor type: HB_DNN_IMG_TYPE_NV12", "HB_DNN_IMG_TYPE_Y", "valid shape: (1,1,8,8,)", "valid shape: (1,5,)",
                     "HB_DNN_INPUT_FROM_RESIZER", "HB_DNN_INPUT_FROM_PYRAMID", "HB_DNN_INPUT_FROM_DDR", "HB_DNN_TENSOR_TYPE_S64"):
            self.expect(line in info, f"several inputs: model_info says '{line}'")
        rgb = random.integers(0, 255, (16, 20, 3)).astype(np.uint8)
        luma = random.integers(0, 255, (8, 8)).astype(np.uint8)
        feature, ids = random.normal(0, 1, (1, 5)).astype(np.float32), np.array([[1, 7, 3, 3]], np.int64)
        files = [self.file_of(input_models.as_type(rgb, "nv12"), "image.bin"), self.file_of(luma, "luma.bin"),
                 self.file_of(feature, "feature.bin"), self.file_of(ids, "ids.bin")]
        output, _ = self.infer(folder, files, "--roi_infer=true", "--roi=0,0,19,15")  # the whole picture
        weights = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        exact = feature[0] @ weights["w_feature"] + weights["table"][ids[0]].mean(0)
        exact += self.pooled(input_models.rgb_of(files[0], 16, 20).transpose(2, 0, 1) * 0.004, luma[None] - 128.0, weights)
        error = float(np.abs(output - exact).max() / np.abs(exact).max())
        self.expect(error < 0.08, f"several inputs: within {error:.3f} of the largest value computed by hand")

    @staticmethod
    def pooled(image, luma, weights):
        def conv(x, w):
            windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2]
            return np.einsum("chwij,ocij->ohw", windows, w)
        a = np.lib.stride_tricks.sliding_window_view(conv(image, weights["w_image"]), (5, 7), (1, 2)).max((3, 4))
        return np.concatenate([a, conv(luma * 0.01, weights["w_luma"])]).mean((1, 2))


def main():
    parser = argparse.ArgumentParser()
    for option in ("hb-mapper", "hrt", "node-modules", "work"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    check = Check(args)
    if not check.ort_module.exists():
        print("skipped: the artefacts in stock ONNX Runtime (onnxruntime-node is not installed)")
    check.check_combinations()
    check.check_batch()
    check.check_several()
    print(f"{check.count} conversions, {len(check.failures)} failures")
    sys.exit(1 if check.failures else 0)


if __name__ == "__main__":
    main()
