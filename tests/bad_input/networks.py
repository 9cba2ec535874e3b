# SPDX-License-Identifier: Apache-2.0
"""Small networks, sound ones and broken ones."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def weights(name, shape, seed=1):
    values = np.random.default_rng(seed).normal(0, 0.2, shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def model(nodes, inputs, outputs, initializers=(), opset=13, domains=()):
    """inputs: (name, shape) pairs; outputs: names."""
    graph = helper.make_graph(
        list(nodes), "g", [helper.make_tensor_value_info(n, FLOAT, s) for n, s in inputs],
        [helper.make_tensor_value_info(n, FLOAT, None) for n in outputs], list(initializers))
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def one_node(op, shape=(1, 3, 16, 16), constants=(), opset=13, domain="", outputs=("y",), **attributes):
    """image -> op(image, constants...) -> outputs; the constants are numpy arrays."""
    tensors = [numpy_helper.from_array(np.asarray(c), f"c{i}") for i, c in enumerate(constants)]
    node = helper.make_node(op, ["image"] + [t.name for t in tensors], list(outputs), name="suspect", domain=domain,
                            **attributes)
    return model([node], [("image", shape)], list(outputs), tensors, opset, [domain] if domain else [])


def classifier(channels=3, shape=None):
    """Conv, Relu, GlobalAveragePool, Flatten, Gemm, Softmax: 10 classes."""
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], name="conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "g"], ["l"], name="gemm"),
        helper.make_node("Softmax", ["l"], ["prob"], name="softmax", axis=1),
    ]
    return model(nodes, [("image", shape or [1, channels, 16, 16])], ["prob"],
                 [weights("w", (8, channels, 3, 3)), weights("g", (8, 10), 2)])


def two_inputs():
    """Two feature maps, added behind convolutions."""
    nodes = [
        helper.make_node("Conv", ["a", "w"], ["x"], name="conv_a"),
        helper.make_node("Conv", ["b", "w"], ["y"], name="conv_b"),
        helper.make_node("Add", ["x", "y"], ["sum"], name="add"),
    ]
    return model(nodes, [("a", [1, 4, 6, 6]), ("b", [1, 4, 6, 6])], ["sum"], [weights("w", (5, 4, 1, 1))])


def without_outputs():
    m = classifier()
    del m.graph.output[:]
    return m


def cyclic():
    nodes = [helper.make_node("Add", ["image", "back"], ["there"], name="first"),
             helper.make_node("Relu", ["there"], ["back"], name="second")]
    return model(nodes, [("image", [1, 3, 16, 16])], ["there"])


def duplicate_outputs():
    nodes = [helper.make_node("Relu", ["image"], ["y"], name="first"),
             helper.make_node("Tanh", ["image"], ["y"], name="second")]
    return model(nodes, [("image", [1, 3, 16, 16])], ["y"])


def nan_weights():
    m = classifier()
    values = numpy_helper.to_array(m.graph.initializer[0]).copy()
    values[0, 0, 0, 0] = np.nan
    m.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "w"))
    return m


def infinite_weights():
    m = classifier()
    values = numpy_helper.to_array(m.graph.initializer[0]).copy()
    values[0, 0, 0, 0] = np.inf
    m.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "w"))
    return m


def conv(shape=(1, 3, 16, 16), kernel=(4, 3, 3, 3), **attributes):
    return one_node("Conv", shape, [np.ones(kernel, np.float32)], **attributes)


def with_attribute(m, node, **attributes):
    """Sets attributes that helper would refuse or that the network has already."""
    target = next(n for n in m.graph.node if n.name == node)
    for name, value in attributes.items():
        kept = [a for a in target.attribute if a.name != name]
        del target.attribute[:]
        target.attribute.extend(kept + [helper.make_attribute(name, value)])
    return m


def control_flow(constant=False):
    branch = helper.make_graph([helper.make_node("Relu", ["image"], ["b"], name="inner")], "branch", [],
                               [helper.make_tensor_value_info("b", FLOAT, None)])
    condition = numpy_helper.from_array(np.array(True), "condition")
    node = helper.make_node("If", ["condition"], ["y"], name="suspect", then_branch=branch, else_branch=branch)
    if constant:
        return model([node], [("image", [1, 3, 16, 16])], ["y"], [condition])
    first = [helper.make_node("ReduceMax", ["image"], ["most"], keepdims=0), helper.make_node("Cast", ["most"], ["condition"], to=9)]
    return model([*first, node], [("image", [1, 3, 16, 16])], ["y"])


def external_data(location):
    m = classifier()
    tensor = m.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.append(onnx.StringStringEntryProto(key="location", value=location))
    return m
