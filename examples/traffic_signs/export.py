# SPDX-License-Identifier: Apache-2.0
"""Writes a trained network as ONNX.

BatchNormalization stays a node of its own: folding it into the convolution is
the converter's work, and this example is there to exercise the converter.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import network as nn

INPUT_NAME = "image"
OUTPUT_NAME = "prob"
OPSET = 13
IR_VERSION = 7


class GraphWriter:
    """Collects nodes and initializers while walking through the layers."""

    def __init__(self):
        self.nodes = []
        self.initializers = {}

    def constant(self, name, value):
        """An initializer; one that exists already (the limits) is shared."""
        if name not in self.initializers:
            array = np.ascontiguousarray(value, dtype=np.float32)
            self.initializers[name] = numpy_helper.from_array(array, name)
        return name

    def node(self, op_type, name, inputs, output=None, **attributes):
        output = output or f"{name}_out"
        self.nodes.append(helper.make_node(op_type, inputs, [output],
                                           name=name, **attributes))
        return output

    def conv(self, name, x, weight, stride, group):
        kernel = weight.shape[2]
        return self.node(
            "Conv", name, [x, self.constant(f"{name}.weight", weight)],
            kernel_shape=[kernel, kernel], strides=[stride, stride],
            pads=[kernel // 2] * 4, dilations=[1, 1], group=group)

    def layer(self, layer, x):
        """Adds `layer` applied to tensor `x`, returns the result's name."""
        name = layer.name
        if isinstance(layer, nn.Chain):
            for inner in layer.layers:
                x = self.layer(inner, x)
            return x
        if isinstance(layer, nn.Residual):
            return self.node("Add", name, [x, self.layer(layer.branch, x)])
        if isinstance(layer, nn.Conv):
            return self.conv(name, x, layer.weight.value, layer.stride, 1)
        if isinstance(layer, nn.DepthwiseConv):
            weight = layer.weight.value
            return self.conv(name, x, weight, layer.stride, weight.shape[0])
        if isinstance(layer, nn.BatchNorm):
            return self.node(
                "BatchNormalization", name,
                [x, self.constant(f"{name}.scale", layer.scale.value),
                 self.constant(f"{name}.bias", layer.bias.value),
                 self.constant(f"{name}.mean", layer.running_mean),
                 self.constant(f"{name}.var", layer.running_var)],
                epsilon=layer.EPSILON)
        if isinstance(layer, nn.Relu):
            return self.node("Relu", name, [x])
        if isinstance(layer, nn.Relu6):
            return self.node("Clip", name,
                             [x, self.constant("clip_min", 0.0),
                              self.constant("clip_max", 6.0)])
        if isinstance(layer, nn.GlobalAveragePool):
            x = self.node("GlobalAveragePool", name, [x])
            return self.node("Flatten", "flatten", [x], axis=1)
        if isinstance(layer, nn.Linear):
            return self.node(
                "Gemm", name,
                [x, self.constant(f"{name}.weight", layer.weight.value),
                 self.constant(f"{name}.bias", layer.bias.value)], transB=1)
        raise TypeError(f"no ONNX form for layer {name}")


def export_onnx(network, picture_size, num_classes, path):
    writer = GraphWriter()
    logits = writer.layer(network, INPUT_NAME)
    writer.node("Softmax", "softmax", [logits], OUTPUT_NAME, axis=1)
    graph = helper.make_graph(
        writer.nodes, "traffic_signs",
        [helper.make_tensor_value_info(
            INPUT_NAME, TensorProto.FLOAT, [1, 3, picture_size,
                                            picture_size])],
        [helper.make_tensor_value_info(
            OUTPUT_NAME, TensorProto.FLOAT, [1, num_classes])],
        list(writer.initializers.values()))
    model = helper.make_model(
        graph, producer_name="openhb-example",
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
