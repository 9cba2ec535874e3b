# SPDX-License-Identifier: Apache-2.0
"""hb_mapper infer: command lines, configurations, networks and samples that it must refuse."""
import numpy as np
import onnx

import networks as n
from harness import Case
from situation import picture

USAGE, MISSING, UNWRITABLE = "OHB-0002", "OHB-0100", "OHB-0102"


def options(**values):
    """Sets options, `_` for `-`; None leaves one out."""
    return lambda s: s.options.update({"--" + k.replace("_", "-"): v for k, v in values.items()})


def extra(*words):
    return lambda s: s.extra.extend(words)


def files(*pairs):
    """(input, file in the folder) of every --image-file."""
    return lambda s: setattr(s, "files", [(name, s.folder / path) for name, path in pairs])


def raw(dtype, count, **config):
    """The sample is a bare array of so many elements."""
    def prepare(s):
        np.zeros(count, dtype).tofile(s.folder / "sample.raw")
        s.files = [("image", s.folder / "sample.raw")]
        s.set(**config)
    return prepare


def two_inputs(*names):
    def prepare(s):
        s.two_featuremaps()
        s.set(cal_data_type="float32; float32")
        s.files = [(name, s.folder / f"input{'ab'.index(name)}_f32" / "0.bin") for name in names]
    return prepare


def grey(s):
    picture(s.folder / "grey.png", mode="L")
    s.files = [("image", s.folder / "grey.png")]


def output_is_a_file(s):
    s.output.write_text("mine")


def output_below_a_file(s):
    (s.folder / "file").write_text("mine")
    s.options["--output-dir"] = s.folder / "file" / "results"


def output_exists(s):
    """Files of others in it stay, and an older result is replaced."""
    s.output.mkdir()
    (s.output / "prob_float.bin").write_bytes(b"old")


def a_folder_instead_of_a_result(s):
    (s.output / "prob_float.bin").mkdir(parents=True)


def cut(s):
    data = s.picture.read_bytes()
    s.picture.write_bytes(data[: len(data) // 2])


def not_a_number(s):
    values = np.zeros((1, 3, 16, 16), np.float32)
    values[0, 1, 2, 3] = np.nan
    values.tofile(s.folder / "nan.raw")
    s.files = [("image", s.folder / "nan.raw")]
    s.set(cal_data_type="float32")


def unknown_operator(s):
    s.use(n.one_node("Frobnicate"))


def truncated_model(s):
    data = s.onnx.read_bytes()
    s.onnx.write_bytes(data[: len(data) // 2])


def both_shapes(s):
    two_inputs("a", "b")(s)
    s.set(input_shape="1x4x6x6; 1x4x5x5")
    np.zeros(100, np.float32).tofile(s.files[1][1])


def long_name(s):
    """An output whose name is cut for its file."""
    m = n.classifier()
    m.graph.node[-1].output[0] = m.graph.output[0].name = "p" * 300
    s.use(m)


CASES = [
    Case("a sound network and picture", None, ""),
    Case("a grey picture for a colour network", grey, ""),
    Case("a raw array of bytes", raw(np.uint8, 768), ""),
    Case("a raw array of floats by cal_data_type", raw(np.float32, 768, cal_data_type="float32"), ""),
    Case("a raw array of int16 by cal_data_type", raw(np.int16, 768, cal_data_type="int16"), ""),
    Case("two inputs", two_inputs("a", "b"), ""),
    Case("two inputs in another order", two_inputs("b", "a"), ""),
    Case("an output folder that exists", output_exists, ""),
    Case("--input-layout of the model", extra("--input-layout", "NCHW"), ""),
    Case("no input name for the only input", lambda s: s.set(input_name=None), ""),
    Case("no configuration", lambda s: s.options.pop("-c"), USAGE, ("--config",)),
    Case("no model file", options(model_file=None), USAGE, ("--model-file",)),
    Case("no model type", options(model_type=None), USAGE, ("--model-type",)),
    Case("no output folder", options(output_dir=None), USAGE, ("--output-dir",)),
    Case("no sample", files(), USAGE, ("--image-file",)),
    Case("an input without its file", extra("--image-file", "image"), USAGE, ("--image-file",)),
    Case("an unknown option", extra("--image-fil", "image", "x"), USAGE, ("--image-fil", "--image-file")),
    Case("an unknown layout", extra("--input-layout", "CHWN"), USAGE, ("CHWN", "NCHW")),
    Case("another layout than the model's", extra("--input-layout", "NHWC"), USAGE, ("image", "NCHW")),
    Case("an unknown model type", options(model_type="tflite"), USAGE, ("tflite",)),
    Case("another model type than the configuration's", options(model_type="caffe"), USAGE, ("caffe", "ONNX")),
    Case("a Caffe file beside an ONNX configuration", options(model_file="net.caffemodel"), USAGE, ("net.caffemodel", "ONNX")),
    Case("no thread", options(threads="0"), USAGE, ("--threads",)),
    Case("a misspelt input", files(("imag", "pictures/0.png")), USAGE, ("imag", "Did you mean 'image'")),
    Case("two files for one input", files(("image", "pictures/0.png"), ("image", "pictures/1.png")), USAGE, ("image", "two files")),
    Case("one file for two inputs", two_inputs("a"), USAGE, ("'b'", "--image-file b")),
    Case("a sample that is not there", files(("image", "pictures/9.png")), None, ("9.png",)),
    Case("a raw sample that is not there", files(("image", "nowhere.raw")), MISSING, ("nowhere.raw",)),
    Case("a folder as sample", files(("image", "pictures")), None, ("pictures",)),
    Case("an empty sample", raw(np.uint8, 0), "OHB-0103", ("sample.raw",)),
    Case("half a picture", cut, None, ("0.png",)),
    Case("too few bytes", raw(np.uint8, 700), None, ("cannot reshape array of size 700 into shape (1,3,16,16)", "sample.raw")),
    Case("floats where bytes are expected", raw(np.float32, 768), None, ("sample.raw", "set cal_data_type")),
    Case("a sample with NaN", not_a_number, None, ("nan.raw", "NaN")),
    Case("a picture for a feature map", lambda s: s.featuremap(), "OHB-0402", ("0.png", "featuremap")),
    Case("a model file that is not there", options(model_file="nowhere.onnx"), MISSING, ("nowhere.onnx",)),
    Case("half a model", truncated_model, "OHB-02", ("net.onnx",)),
    Case("an unknown operator", unknown_operator, "OHB-0201", ("Frobnicate",)),
    Case("another shape than the model's, which input_shape overrides", lambda s: s.set(input_shape="1x3x8x8"), ""),
    Case("a shape of other channels", lambda s: s.set(input_shape="1x4x16x16"), "OHB-0302", ("input_shape", "4")),
    Case("a shape that the network cannot take", both_shapes, "OHB-02", ("add",)),
    Case("an open shape", lambda s: s.use(n.classifier(shape=[1, 3, "h", 16])), "OHB-0206", ("image", "input_shape")),
    Case("a network of other channels", lambda s: s.use(n.classifier(channels=1)), "OHB-03", ("image", "3 channels")),
    Case("more inputs than the configuration has", lambda s: onnx.save(n.two_inputs(), str(s.onnx)), "OHB-03", ("a; b",)),
    Case("a configuration that is not there", lambda s: s.options.update({"-c": "nowhere.yaml"}), MISSING, ("nowhere.yaml",)),
    Case("a wrong key in the configuration", lambda s: s.set(input_typ_rt="rgb"), "OHB-03", ("input_typ_rt", "line")),
    Case("the output folder is a file", output_is_a_file, UNWRITABLE, ("results",)),
    Case("the output folder is below a file", output_below_a_file, UNWRITABLE, ("file",)),
    Case("a folder in the place of a result", a_folder_instead_of_a_result, UNWRITABLE, ("prob_float.bin",)),
    Case("an output with a name longer than files can have", long_name, ""),
    Case("a JSON file below a file", extra("--json", "net.onnx/x.json"), None, ("net.onnx",)),
]
