#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small network with two my.ops::HardMish nodes between convolutions, and pictures to calibrate it:
make_model.py FOLDER"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, CHANNELS, CLASSES = 24, 8, 5


def network():
    random = np.random.RandomState(1)
    constants = {"w1": random.randn(CHANNELS, 3, 3, 3) * 0.25, "b1": random.randn(CHANNELS) * 0.1,
                 "slope": random.rand(CHANNELS) + 0.5,
                 "w2": random.randn(CLASSES, CHANNELS, 3, 3) * 0.15, "b2": random.randn(CLASSES) * 0.1}
    nodes = [helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
             helper.make_node("HardMish", ["c1", "slope"], ["m1"], "mish1", domain="my.ops", bias=1.5),
             helper.make_node("Conv", ["m1", "w2", "b2"], ["c2"], "conv2", strides=[2, 2]),
             helper.make_node("HardMish", ["c2"], ["m2"], "mish2", domain="my.ops"),
             helper.make_node("GlobalAveragePool", ["m2"], ["p"], "pool"),
             helper.make_node("Flatten", ["p"], ["scores"], "flatten")]
    graph = helper.make_graph(
        nodes, "custom_op", [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()])
    # Checkers other than onnx.checker do not know the domain, and need not.
    return helper.make_model(graph, producer_name="example", ir_version=8,
                             opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("my.ops", 1)])


def main():
    folder = pathlib.Path(sys.argv[1])
    (folder / "calibration_f32").mkdir(parents=True, exist_ok=True)
    onnx.save(network(), folder / "custom_op.onnx")
    random = np.random.RandomState(2)
    for i in range(8):
        random.randn(1, 3, SIZE, SIZE).astype(np.float32).tofile(folder / "calibration_f32" / f"{i}.bin")


if __name__ == "__main__":
    main()
