# SPDX-License-Identifier: Apache-2.0
"""hb_mapper checker: command lines and networks that it must refuse, and what it must tell about sound ones."""
import json

import networks as n
from harness import Case, Misbehaviour

USAGE, MISSING, PARSE, UNSUPPORTED = "OHB-0002", "OHB-0100", "OHB-0200", "OHB-0201"


def options(**values):
    """Sets options, `_` for `-`; None leaves one out."""
    return lambda s: s.options.update({"--" + k.replace("_", "-"): v for k, v in values.items()})


def extra(*words):
    return lambda s: s.extra.extend(words)


def network(make):
    return lambda s: s.use(make())


def several_unsupported():
    """Two unknown operators, one of them twice, and behind the first one nothing has a shape."""
    nodes = [n.helper.make_node(op, [x], [y], name=name)
             for op, x, y, name in (("Frobnicate", "image", "a", "first"), ("Relu", "a", "b", "between"),
                                    ("Twiddle", "b", "c", "second"), ("Frobnicate", "c", "y", "third"))]
    return n.model(nodes, [("image", [1, 3, 8, 8])], ["y"])


def wide_kernel():
    m = n.model([n.helper.make_node("Conv", ["image", "w"], ["y"], name="wide")], [("image", [1, 3, 64, 64])], ["y"],
                [n.weights("w", (4, 3, 40, 40))])
    return m


def dynamic():
    return n.classifier(shape=[1, 3, "height", 16])


def both(*steps):
    def prepare(s):
        for step in steps:
            step(s)
    return prepare


CASES = [
    Case("a sound network", None, ""),
    Case("a dynamic input with its shape", both(network(dynamic), extra("--input-shape", "image", "1x3x16x16")), ""),
    Case("--output of older scripts", options(output="x.log"), ""),
    Case("no model", options(model=None), USAGE, ("--model",)),
    Case("no model type", options(model_type=None), USAGE, ("--model-type",)),
    Case("a model type that does not exist", options(model_type="tflite"), USAGE, ("tflite",)),
    Case("a march that does not exist", options(march="nash"), USAGE, ("nash", "bernoulli2")),
    Case("a misspelt option", extra("--stric"), USAGE, ("--stric", "--strict")),
    Case("a shape without a value", extra("--input-shape", "image"), USAGE, ("--input-shape",)),
    Case("a shape that is no shape", extra("--input-shape", "image", "1x3xhighx16"), USAGE, ("high", "1x3x224x224")),
    Case("an empty shape", extra("--input-shape", "image", "x"), USAGE, ("--input-shape",)),
    Case("an extent of 0", extra("--input-shape", "image", "1x3x0x16"), USAGE, ("'0'",)),
    Case("an extent that no integer holds", extra("--input-shape", "image", "1x3x99999999999999999999x16"), USAGE,
         ("99999999999999999999",)),
    Case("two shapes for one input", extra("--input-shape", "image", "1x3x16x16", "--input-shape", "image", "1x3x8x8"),
         USAGE, ("image", "two shapes")),
    Case("a shape for an input that is not there", extra("--input-shape", "imag", "1x3x16x16"), "OHB-0302",
         ("imag", "image")),
    Case("a dynamic input without its shape", network(dynamic), "OHB-0206", ("image", "height")),
    Case("a prototxt beside an ONNX model", options(proto="net.prototxt"), USAGE, ("--proto", "caffe")),
    Case("a Caffe model without its prototxt", options(model_type="caffe"), USAGE, ("--proto",)),
    Case("a file that is not there", options(model="nowhere.onnx"), MISSING, ("nowhere.onnx",)),
    Case("a file that is no network", lambda s: s.onnx.write_bytes(b"hello, network"), PARSE, ("net.onnx",)),
    Case("an empty file", lambda s: s.onnx.write_bytes(b""), "OHB-0103", ("net.onnx",)),
    Case("all unknown operators at once", network(several_unsupported), UNSUPPORTED,
         ("Frobnicate", "Twiddle", "first", "second", "third")),
    Case("--strict with a node on the CPU", both(network(wide_kernel), extra("--strict")), "OHB-0700",
         ("wide", "kernel height is 40", "1 to 31")),
    Case("a JSON file in a folder that is a file", extra("--json", "net.onnx/x.json"), None),
]
