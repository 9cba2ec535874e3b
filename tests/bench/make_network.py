#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Network shapes of the literature with random weights, as ONNX files: make_network.py NAME FILE

Names: resnet18, resnet50 (224x224, 1000 classes), yolov5n (640x640, 80 classes, decoded as its exporter writes it).
Batch norms are folded into the convolutions. The same file every time."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    def __init__(self, seed=1):
        self.random = np.random.default_rng(seed)
        self.nodes, self.constants, self.number = [], [], 0

    def constant(self, values):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind, inputs, outputs=1, **attributes):
        names = [f"{kind.lower()}_{self.number}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=f"{kind}_{self.number}", **attributes))
        self.number += 1
        return names[0] if outputs == 1 else names

    def conv(self, x, inputs, outputs, kernel, stride=1, pad=None, gain=1.0):
        fan_in = inputs * kernel * kernel
        weights = self.random.normal(0, gain * np.sqrt(2 / fan_in), (outputs, inputs, kernel, kernel)).astype(np.float32)
        bias = self.random.normal(0, 0.1, outputs).astype(np.float32)
        pad = kernel // 2 if pad is None else pad
        return self.node("Conv", [x, self.constant(weights), self.constant(bias)], kernel_shape=[kernel] * 2,
                         strides=[stride] * 2, pads=[pad] * 4)

    def relu(self, x):
        return self.node("Relu", [x])

    def silu(self, x):
        return self.node("Mul", [x, self.node("Sigmoid", [x])])

    def model(self, name, input_name, input_shape, outputs):
        value = lambda n, shape: helper.make_tensor_value_info(n, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, name, [value(input_name, input_shape)], [value(*o) for o in outputs], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="make_network")


def resnet(name, blocks, bottleneck):
    b = Builder()
    x = b.relu(b.conv("images", 3, 64, 7, 2))
    x = b.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        out = width * 4 if bottleneck else width
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            # A small gain of the last layer keeps the sums of residuals in range.
            if bottleneck:
                y = b.relu(b.conv(x, channels, width, 1))
                y = b.relu(b.conv(y, width, width, 3, stride))
                y = b.conv(y, width, out, 1, gain=0.3)
            else:
                y = b.relu(b.conv(x, channels, width, 3, stride))
                y = b.conv(y, width, out, 3, gain=0.3)
            if stride != 1 or channels != out:
                x = b.conv(x, channels, out, 1, stride, pad=0)
            x = b.relu(b.node("Add", [y, x]))
            channels = out
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x])])
    weights = b.random.normal(0, 0.02, (1000, channels)).astype(np.float32)
    x = b.node("Gemm", [x, b.constant(weights), b.constant(np.zeros(1000, np.float32))], transB=1)
    return b.model(name, "images", [1, 3, 224, 224], [(x, [1, 1000])])


def yolov5n():
    b = Builder()
    block = lambda x, i, o, kernel=1, stride=1, pad=None: b.silu(b.conv(x, i, o, kernel, stride, pad))
    concat = lambda *x: b.node("Concat", list(x), axis=1)

    def c3(x, i, o, count, shortcut=True):
        half = o // 2
        y = block(x, i, half)
        for _ in range(count):
            z = block(block(y, half, half), half, half, 3)
            y = b.node("Add", [y, z]) if shortcut else z
        return block(concat(y, block(x, i, half)), o, o)

    def sppf(x, c):
        pool = lambda v: b.node("MaxPool", [v], kernel_shape=[5, 5], strides=[1, 1], pads=[2] * 4)
        x = block(x, c, c // 2)
        y = pool(x)
        z = pool(y)
        return block(concat(x, y, z, pool(z)), 2 * c, c)

    def upsample(x):
        scales = b.constant(np.array([1, 1, 2, 2], np.float32))
        return b.node("Resize", [x, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    x = block("images", 3, 16, 6, 2, pad=2)
    x = c3(block(x, 16, 32, 3, 2), 32, 32, 1)
    p3 = c3(block(x, 32, 64, 3, 2), 64, 64, 2)
    p4 = c3(block(p3, 64, 128, 3, 2), 128, 128, 3)
    x = sppf(c3(block(p4, 128, 256, 3, 2), 256, 256, 1), 256)
    h5 = block(x, 256, 128)
    h4 = block(c3(concat(upsample(h5), p4), 256, 128, 1, False), 128, 64)
    o3 = c3(concat(upsample(h4), p3), 128, 64, 1, False)
    o4 = c3(concat(block(o3, 64, 64, 3, 2), h4), 128, 128, 1, False)
    o5 = c3(concat(block(o4, 128, 128, 3, 2), h5), 256, 256, 1, False)

    anchors = {8: [(10, 13), (16, 30), (33, 23)], 16: [(30, 61), (62, 45), (59, 119)], 32: [(116, 90), (156, 198), (373, 326)]}
    boxes, total = [], 0
    for x, channels, stride in ((o3, 64, 8), (o4, 128, 16), (o5, 256, 32)):
        n = 640 // stride
        x = b.node("Reshape", [b.conv(x, channels, 255, 1, gain=0.5), b.constant(np.array([1, 3, 85, n, n], np.int64))])
        x = b.node("Sigmoid", [b.node("Transpose", [x], perm=[0, 1, 3, 4, 2])])
        xy, wh, rest = b.node("Split", [x, b.constant(np.array([2, 2, 81], np.int64))], outputs=3, axis=4)
        rows, columns = np.mgrid[:n, :n]
        grid = np.broadcast_to(np.stack([columns, rows], -1) - 0.5, (1, 3, n, n, 2)).astype(np.float32)
        sizes = np.broadcast_to(np.array(anchors[stride]).reshape(1, 3, 1, 1, 2), (1, 3, n, n, 2)).astype(np.float32)
        two, step = b.constant(np.array(2, np.float32)), b.constant(np.array(stride, np.float32))
        xy = b.node("Mul", [b.node("Add", [b.node("Mul", [xy, two]), b.constant(grid)]), step])
        wh = b.node("Mul", [b.node("Pow", [b.node("Mul", [wh, two]), two]), b.constant(sizes)])
        x = b.node("Concat", [xy, wh, rest], axis=4)
        boxes.append(b.node("Reshape", [x, b.constant(np.array([1, 3 * n * n, 85], np.int64))]))
        total += 3 * n * n
    return b.model("yolov5n", "images", [1, 3, 640, 640], [(b.node("Concat", boxes, axis=1), [1, total, 85])])


NETWORKS = {
    "resnet18": lambda: resnet("resnet18", [2, 2, 2, 2], False),
    "resnet50": lambda: resnet("resnet50", [3, 4, 6, 3], True),
    "yolov5n": yolov5n,
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in NETWORKS:
        sys.exit(f"usage: make_network.py {'|'.join(NETWORKS)} FILE")
    model = NETWORKS[sys.argv[1]]()
    onnx.checker.check_model(model)
    onnx.save(model, sys.argv[2])


if __name__ == "__main__":
    main()
