# SPDX-License-Identifier: Apache-2.0
"""The sound situation that each case spoils in one way: a network, calibration data, a configuration."""
import pathlib

import numpy as np
import onnx
from PIL import Image

import networks


def picture(path, seed=0, size=(16, 16), mode="RGB"):
    channels = (3,) if mode == "RGB" else ()
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    Image.fromarray(pixels, mode).save(path)


class Conversion:
    """hb_mapper makertbin of the small classifier on two pictures."""

    def __init__(self, folder, hb_mapper, source):
        self.folder, self.hb_mapper, self.source = pathlib.Path(folder), hb_mapper, pathlib.Path(source)
        self.cwd = self.folder
        self.onnx = self.folder / "net.onnx"
        self.pictures = self.folder / "pictures"
        self.config_path = self.folder / "config.yaml"
        self.config_text = None  # instead of `config`
        self.arguments = ["makertbin", "-c", self.config_path, "--model-type", "onnx", "--threads", "1"]
        self.config = {
            "model_parameters": {"onnx_model": self.onnx, "march": "bayes", "output_model_file_prefix": "net",
                                 "working_dir": self.folder / "results"},
            "input_parameters": {"input_name": "image", "input_type_train": "rgb", "input_layout_train": "NCHW",
                                 "input_type_rt": "rgb", "norm_type": "data_mean_and_scale",
                                 "mean_value": "120 121 122", "scale_value": "0.01 0.02 0.03"},
            "calibration_parameters": {"cal_data_dir": self.pictures, "preprocess_on": "True",
                                       "calibration_type": "max"},
            "compiler_parameters": {"optimize_level": "O2"},
        }
        self.pictures.mkdir()
        for i in range(2):
            picture(self.pictures / f"{i}.png", i)
        self.use(networks.classifier())

    def use(self, model):
        onnx.save(model, str(self.onnx))

    def set(self, **values):
        """Changes keys, each in its group; None removes it, a new one goes to compiler_parameters."""
        for key, value in values.items():
            group = next((g for g in self.config.values() if key in g), self.config["compiler_parameters"])
            if key in ("input_shape", "input_layout_rt"):
                group = self.config["input_parameters"]
            if key in ("run_on_cpu", "run_on_bpu", "cal_data_type", "max_percentile"):
                group = self.config["calibration_parameters"]
            if key == "output_nodes":
                group = self.config["model_parameters"]
            if value is None:
                group.pop(key, None)
            else:
                group[key] = value

    def featuremap(self, name="image", shape=(1, 3, 16, 16)):
        """The same network on raw float files."""
        self.set(input_type_train="featuremap", input_type_rt="featuremap", input_name=name, norm_type="no_preprocess",
                 mean_value=None, scale_value=None, preprocess_on="False", cal_data_dir=self.folder / "raw_f32")
        (self.folder / "raw_f32").mkdir()
        for i in range(2):
            np.random.default_rng(i).normal(size=shape).astype(np.float32).tofile(self.folder / "raw_f32" / f"{i}.bin")

    def two_featuremaps(self, counts=(2, 2)):
        self.use(networks.two_inputs())
        folders = []
        for k, count in enumerate(counts):
            folders.append(self.folder / f"input{k}_f32")
            folders[-1].mkdir()
            for i in range(count):
                np.random.default_rng(i).normal(size=144).astype(np.float32).tofile(folders[-1] / f"{i}.bin")
        self.set(input_name="a; b", input_type_train="featuremap; featuremap", input_layout_train="NCHW; NCHW",
                 input_type_rt="featuremap; featuremap", norm_type="no_preprocess; no_preprocess", mean_value=None,
                 scale_value=None, preprocess_on="False", cal_data_dir=f"{folders[0]}; {folders[1]}")

    def yaml(self):
        text = ""
        for group, values in self.config.items():
            text += f"{group}:\n" + "".join(f"  {key}: '{value}'\n" for key, value in values.items())
        return text

    def command(self):
        if not self.config_path.exists():
            if self.config_text is None:
                self.config_path.write_text(self.yaml())
            elif self.config_text is not False:
                self.config_path.write_bytes(self.config_text)
        return [self.hb_mapper, *self.arguments]


class Checker:
    """hb_mapper checker of the small classifier."""

    def __init__(self, folder, hb_mapper):
        self.folder, self.hb_mapper = pathlib.Path(folder), hb_mapper
        self.cwd = self.folder
        self.onnx = self.folder / "net.onnx"
        self.options = {"--model-type": "onnx", "--march": "bayes", "--model": self.onnx}
        self.extra = []
        self.use(networks.classifier())

    def use(self, model):
        onnx.save(model, str(self.onnx))

    def command(self):
        pairs = [word for key, value in self.options.items() if value is not None for word in (key, value)]
        return [self.hb_mapper, "checker", *pairs, *self.extra]


class Inference(Conversion):
    """hb_mapper infer of the small classifier itself on one picture."""

    def __init__(self, folder, hb_mapper, source):
        super().__init__(folder, hb_mapper, source)
        self.picture = self.pictures / "0.png"
        self.output = self.folder / "results"
        self.options = {"-c": self.config_path, "--model-file": self.onnx, "--model-type": "onnx",
                        "--output-dir": self.output, "--threads": "1"}
        self.files = [("image", self.picture)]
        self.extra = []

    def command(self):
        self.arguments = ["infer", *[word for key, value in self.options.items() if value is not None for word in (key, value)],
                          *[word for name, path in self.files for word in ("--image-file", name, path)], *self.extra]
        return super().command()


class Execution:
    """hrt_model_exec on a compiled copy of the small classifier (or another model of `models`)."""

    def __init__(self, folder, hrt, models):
        self.folder, self.hrt, self.models = pathlib.Path(folder), hrt, models
        self.cwd = self.folder
        self.bin = self.folder / "net.bin"
        self.bin.write_bytes(models["classifier"])
        self.picture = self.folder / "picture.png"
        picture(self.picture)
        self.mode = "infer"
        self.options = {"model_file": self.bin, "input_file": self.picture}
        self.extra = []

    def set(self, **values):
        self.options.update(values)

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def use(self, name, inputs):
        self.bin.write_bytes(self.models[name])
        self.set(input_file=",".join(str(i) for i in inputs))

    def use_bin_dump(self):
        """hrt_bin_dump instead, with a map whose one convolution is the classifier's output."""
        self.hrt, self.mode = pathlib.Path(self.hrt).with_name("hrt_bin_dump"), None
        (self.folder / "dumps").mkdir()
        self.set(input_file=self.write("input.bin", bytes(768)), conv_dump_path=self.folder / "dumps",
                 conv_mapping_file=self.write("map.json", b'{"conv": {"output": "prob"}}'))

    def command(self):
        return [self.hrt, *([self.mode] if self.mode else []),
                *[f"--{k}={v}" for k, v in self.options.items() if v is not None], *self.extra]


class VecDiff:
    """vec_diff of two equal files, or of two folders of two equal files each."""

    def __init__(self, folder, tool):
        self.folder, self.tool = pathlib.Path(folder), tool
        self.cwd = self.folder
        self.left, self.right = self.write("a.bin", bytes(32)), self.write("b.bin", bytes(32))
        self.output = self.folder / "out.csv"
        self.arguments = ["left", "right"]
        self.extra = []

    def write(self, name, data):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    def use_folders(self):
        for name in ("left/a.bin", "left/b.bin", "right/a.bin", "right/b.bin"):
            self.write(name, bytes(32))
        self.left, self.right = self.folder / "left", self.folder / "right"

    def command(self):
        return [self.tool, *[getattr(self, side) for side in self.arguments], "-o", self.output, *self.extra]

    def check(self, status):
        """A result is whole: the header and a row per pair."""
        if not self.output.is_file() or self.output in (self.left, self.right):
            return status != 0
        lines = self.output.read_text().splitlines()
        pairs = 2 if self.left.name == "left" else 1
        return (lines[0].startswith("Left Files,Right Files,Cosine Similarity") and 1 < len(lines) <= pairs + 1
                and all(line.count(",") == 5 for line in lines))
