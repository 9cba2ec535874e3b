# SPDX-License-Identifier: Apache-2.0
"""One network as if it had been trained on each input type and layout, and pictures as each type's bytes."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
SCALE = np.array([0.0171, 0.0175, 0.0174], np.float32)
# R, G, B from y, u - 128, v - 128 (full range).
RGB_FROM_YUV = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], np.float32)
# Y, U, V from R, G, B in 1/65536, and what is added.
YUV = {"regular": (np.array([[19595, 38470, 7471], [-11058, -21710, 32768], [32768, -27439, -5329]]), [0, 128, 128]),
       "bt601_video": (np.array([[16829, 33039, 6416], [-9714, -19070, 28784], [28784, -24103, -4681]]), [16, 128, 128])}


def numbers(values):
    return " ".join(str(v) for v in values)


NORM = {"rgb": (numbers(MEAN), numbers(SCALE)), "bgr": (numbers(MEAN[::-1]), numbers(SCALE[::-1])), "gray": ("127.5", "0.0174")}


def prepend(model, op, inputs, shape, **attributes):
    """A node before the network, whose input then has another shape."""
    graph = model.graph
    x = graph.input[0].name
    for node in graph.node:
        node.input[:] = ["network_input" if i == x else i for i in node.input]
    graph.node.insert(0, helper.make_node(op, [x if i is None else i for i in inputs], ["network_input"], "to_network", **attributes))
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, shape))


def trained_on(path, kind, layout):
    model = onnx.load(path)
    height, width = 64, 64
    channels = 3
    if kind == "bgr":
        first = model.graph.node[0].input[1]
        weight = next(t for t in model.graph.initializer if t.name == first)
        weight.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(numpy_helper.to_array(weight)[:, ::-1]), first))
    elif kind == "yuv444":  # pixels 0..255 of YUV
        model.graph.initializer.append(numpy_helper.from_array(
            np.ascontiguousarray((RGB_FROM_YUV * SCALE[:, None])[:, :, None, None]), "colour_w"))
        offset = -RGB_FROM_YUV[:, 1:].sum(1) * 128
        model.graph.initializer.append(numpy_helper.from_array(((offset - MEAN) * SCALE).astype(np.float32), "colour_b"))
        prepend(model, "Conv", [None, "colour_w", "colour_b"], [1, 3, height, width])
    elif kind == "gray":
        prepend(model, "Concat", [None, None, None], [1, 1, height, width], axis=1)
        channels = 1
    if layout == "NHWC":
        # The name that the network reads must stay unique.
        for node in model.graph.node:
            for names in (node.input, node.output):
                names[:] = ["nchw_input" if n == "network_input" else n for n in names]
        prepend(model, "Transpose", [None], [1, height, width, channels], perm=[0, 3, 1, 2])
        model.graph.node[0].name = "to_nchw"
    return model


def yuv444(rgb, space="regular"):
    matrix, offset = YUV[space]
    return np.clip((rgb.astype(np.int64) @ matrix.T + np.array(offset) * 65536 + 32768) >> 16, 0, 255).astype(np.uint8)


def nv12(yuv):
    """H x W x 3 to (H + H/2) x W."""
    sums = yuv[0::2, 0::2, 1:].astype(int) + yuv[0::2, 1::2, 1:] + yuv[1::2, 0::2, 1:] + yuv[1::2, 1::2, 1:]
    chroma = ((sums + 2) >> 2).astype(np.uint8).reshape(yuv.shape[0] // 2, -1)
    return np.concatenate([yuv[:, :, 0], chroma])


def full_chroma(picture):
    """(H + H/2) x W to H x W x 3."""
    h = picture.shape[0] // 3 * 2
    chroma = picture[h:].reshape(h // 2, -1, 2).repeat(2, 0).repeat(2, 1)
    return np.concatenate([picture[:h, :, None], chroma], 2)


def rgb_of(path, height, width):
    """A file of nv12 as R, G, B, not rounded."""
    yuv = full_chroma(np.fromfile(path, np.uint8).reshape(height + height // 2, width)).astype(np.float32)
    return (yuv - [0, 128, 128]) @ RGB_FROM_YUV.T


def as_type(rgb, kind, space="regular"):
    """An H x W x 3 picture as H x W x C of an input type, or as nv12."""
    if kind == "rgb":
        return rgb
    if kind == "bgr":
        return rgb[:, :, ::-1]
    yuv = yuv444(rgb, space)
    return {"gray": yuv[:, :, :1], "yuv444": yuv}[kind] if kind != "nv12" else nv12(yuv)


def in_layout(picture, layout):
    return np.ascontiguousarray(picture if layout == "NHWC" else picture.transpose(2, 0, 1))[None]
