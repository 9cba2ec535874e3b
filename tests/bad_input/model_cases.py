# SPDX-License-Identifier: Apache-2.0
"""hb_mapper makertbin: networks that are damaged, unsupported or impossible."""
import random

import networks as n
import numpy as np
from harness import Case

UNSUPPORTED, ATTRIBUTE, SHAPE = "OHB-0201", "OHB-0202", "OHB-0203"
VALUE, STRUCTURE, DYNAMIC = "OHB-0204", "OHB-0205", "OHB-0206"
HUGE = 10**9


def network(make, **values):
    def prepare(s):
        s.use(make())
        s.set(**values)
    return prepare


def skip(make):
    """Without calibration data, for inputs that no picture fits."""
    return network(make, calibration_type="skip", preprocess_on="False", input_type_train="featuremap",
                   input_type_rt="featuremap", norm_type="no_preprocess", mean_value=None, scale_value=None)


def node(op, *constants, **attributes):
    return skip(lambda: n.one_node(op, constants=constants, **attributes))


def before_conv(op, *constants):
    """A node whose results the integer engine has to take."""
    def make():
        m = n.one_node(op, constants=constants)
        m.graph.node.append(n.helper.make_node("Conv", ["y", "w"], ["z"], name="conv"))
        m.graph.initializer.append(n.weights("w", (4, 3, 3, 3)))
        m.graph.output[0].name = "z"
        return m
    return skip(make)


def weights(value, bias=0.0):
    kernel = np.ones((4, 3, 3, 3), np.float32)
    kernel[1, 0, 0, 0] = value
    return skip(lambda: n.one_node("Conv", constants=[kernel, np.full(4, bias, np.float32)]))


def conv(**attributes):
    return skip(lambda: n.with_attribute(n.conv(), "suspect", **attributes))


def model_bytes(data):
    return lambda s: s.onnx.write_bytes(data)


def example(s):
    """The network of the examples, with only two pictures."""
    s.set(onnx_model=s.onnx, mean_value="123.675 116.28 103.53", scale_value="0.0171 0.0175 0.0174")
    s.onnx.write_bytes((s.source / "examples/traffic_signs/traffic_signs.onnx").read_bytes())


def truncated(percent, whole=example):
    def prepare(s):
        whole(s)
        data = s.onnx.read_bytes()
        s.onnx.write_bytes(data[: len(data) * percent // 100])
    return prepare


def flipped(seed):
    """One bit of the small network; most stand in names, shapes and attributes, not in weights."""
    def prepare(s):
        data = bytearray(s.onnx.read_bytes())
        bit = random.Random(seed).randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        s.onnx.write_bytes(data)
    return prepare


def flipped_structure(seed):
    """Five bits outside of the big blocks of weights."""
    def prepare(s):
        data = bytearray(s.onnx.read_bytes())
        generator = random.Random(seed)
        places = [i for i in range(len(data)) if i < 420 or i > len(data) - 120]
        for _ in range(5):
            data[generator.choice(places)] ^= 1 << generator.randrange(8)
        s.onnx.write_bytes(data)
    return prepare


def folder_for_model(s):
    s.onnx.unlink()
    s.onnx.mkdir()


ints = np.int64
CASES = [
    # The file.
    Case("sound_example", example, ""),
    Case("model_missing", lambda s: s.onnx.unlink(), "OHB-0100", ("net.onnx",)),
    Case("model_is_folder", folder_for_model, "OHB-0101", ("net.onnx", "folder")),
    Case("model_empty", model_bytes(b""), "OHB-0103", ("net.onnx",)),
    Case("model_text", model_bytes(b"This is no network.\n" * 20), "OHB-0200", ("net.onnx",)),
    Case("model_zeros", model_bytes(bytes(5000)), "OHB-0200", ("net.onnx",)),
    *[Case(f"model_random_{i}", model_bytes(random.Random(i).randbytes(3000)), "OHB-0200", ("net.onnx",))
      for i in range(5)],
    *[Case(f"model_truncated_{p}", truncated(p), None, ("net.onnx",)) for p in (1, 5, 10, 25, 50, 75, 90, 99)],
    *[Case(f"small_model_truncated_{p}", truncated(p, lambda s: None), None, ("net.onnx",)) for p in range(4, 100, 8)],
    *[Case(f"model_bit_flip_{i}", flipped(i)) for i in range(20)],
    *[Case(f"model_structure_flips_{i}", flipped_structure(i)) for i in range(20)],
    # Operators.
    Case("unsupported_operator", node("SequenceLength"), UNSUPPORTED, ("suspect", "SequenceLength", "opset 13", "Replace")),
    Case("data_dependent_shape", node("NonZero"), UNSUPPORTED, ("suspect", "NonZero", "constant")),
    Case("misspelt_operator", node("Relux"), UNSUPPORTED, ("suspect", "Relux", "Relu")),
    Case("custom_domain", node("Fancy", domain="com.example"), UNSUPPORTED, ("suspect", "Fancy", "com.example")),
    Case("control_flow", skip(n.control_flow), UNSUPPORTED, ("suspect", "If", "Export")),
    Case("control_flow_that_folds", skip(lambda: n.control_flow(constant=True))),
    Case("too_many_inputs", node("Relu", np.float32(1)), STRUCTURE, ("suspect", "2 inputs", "1")),
    Case("too_few_inputs", node("Conv"), STRUCTURE, ("suspect", "1 inputs", "2")),
    Case("opset_too_old", skip(lambda: n.one_node("Relu", opset=3)), STRUCTURE, ("opset 3", "7", "26")),
    Case("opset_too_new", skip(lambda: n.one_node("Relu", opset=99)), STRUCTURE, ("opset 99", "7", "26")),
    # Structure.
    Case("no_outputs", network(n.without_outputs), STRUCTURE, ("no outputs",)),
    Case("cyclic", network(n.cyclic), STRUCTURE, ("cycle",)),
    Case("duplicate_outputs", network(n.duplicate_outputs), STRUCTURE, ("second", "y")),
    Case("dangling_input", skip(lambda: n.model([n.helper.make_node("Add", ["image", "ghost"], ["y"], name="suspect")],
                                                [("image", [1, 3, 4, 4])], ["y"])), STRUCTURE, ("suspect", "ghost")),
    Case("output_unknown", skip(lambda: n.model([n.helper.make_node("Relu", ["image"], ["y"])],
                                                [("image", [1, 3, 4, 4])], ["z"])), STRUCTURE, ("z",)),
    Case("no_nodes", skip(lambda: n.model([], [("image", [1, 3, 4, 4])], ["image"]))),
    Case("too_many_outputs", skip(lambda: n.one_node("Split", outputs=tuple("yzuvw"), axis=1)), SHAPE,
         ("suspect",)),
    Case("external_data_missing", network(lambda: n.external_data("weights.data")), "OHB-0100", ("weights.data",)),
    Case("external_data_outside", network(lambda: n.external_data("../../etc/passwd")), STRUCTURE,
         ("../../etc/passwd", "outside")),
    # Shapes.
    Case("weights_do_not_fit", skip(lambda: n.conv(kernel=(4, 5, 3, 3))), SHAPE, ("suspect", "4x5x3x3", "1x3x16x16")),
    Case("weights_of_rank_2", skip(lambda: n.conv(kernel=(4, 3))), SHAPE, ("suspect",)),
    Case("weights_of_rank_0", skip(lambda: n.conv(kernel=())), SHAPE, ("suspect",)),
    Case("no_channels", skip(lambda: n.conv(kernel=(0, 3, 3, 3))), SHAPE, ("suspect", "empty")),
    Case("bias_of_other_size", skip(lambda: n.one_node("Conv", constants=[np.ones((4, 3, 3, 3), np.float32),
                                                                         np.ones(5, np.float32)])), SHAPE, ("suspect",)),
    Case("window_too_large", skip(lambda: n.conv(shape=(1, 3, 2, 2))), SHAPE, ("suspect",)),
    Case("reshape_impossible", node("Reshape", ints([7, -1])), SHAPE, ("suspect", "7", "1x3x16x16")),
    Case("reshape_two_unknown", node("Reshape", ints([-1, -1])), SHAPE, ("suspect",)),
    Case("reshape_negative", node("Reshape", ints([-5, 3])), SHAPE, ("suspect",)),
    Case("reshape_overflow", node("Reshape", ints([2**62, 2**62, 3])), SHAPE, ("suspect",)),
    Case("broadcast_impossible", node("Add", np.ones((5, 16), np.float32)), SHAPE, ("suspect", "5x16")),
    Case("matmul_does_not_fit", node("MatMul", np.ones((5, 4), np.float32)), SHAPE, ("suspect",)),
    Case("gemm_of_rank_4", node("Gemm", np.ones((16, 4), np.float32)), SHAPE, ("suspect",)),
    Case("concat_does_not_fit", node("Concat", np.ones((1, 3, 4, 4), np.float32), axis=1), SHAPE, ("suspect",)),
    Case("dynamic_shape", network(lambda: n.classifier(shape=[1, 3, "height", "width"])), DYNAMIC,
         ("image", "height", "input_shape")),
    Case("dynamic_shape_given", network(lambda: n.classifier(shape=["n", 3, "height", "width"]),
                                        input_shape="1x3x16x16"), ""),
    Case("shape_of_2^40", skip(lambda: n.one_node("Relu", shape=(1, 2**20, 2**10, 2**10))), SHAPE, ("image", "2^31")),
    Case("shape_overflows", skip(lambda: n.one_node("Relu", shape=(2**40, 2**40))), SHAPE, ("image",)),
    Case("shape_negative", skip(lambda: n.one_node("Relu", shape=(1, -7))), SHAPE, ("image", "-7")),
    Case("rank_9", skip(lambda: n.one_node("Relu", shape=(1,) * 9)), SHAPE, ("image", "9", "8")),
    Case("expand_to_2^40", node("Expand", ints([2**10, 1, 3, 2**14, 2**16])), SHAPE, ("suspect",)),
    Case("constant_of_2^40", skip(lambda: n.model(
        [n.helper.make_node("ConstantOfShape", ["s"], ["c"], name="suspect"),
         n.helper.make_node("Add", ["image", "c"], ["y"], name="add")], [("image", [1])], ["y"],
        [n.numpy_helper.from_array(ints([2**20, 2**20]), "s")])), SHAPE, ("suspect",)),
    Case("out_of_memory", skip(lambda: n.one_node("Relu", shape=(1, 3, 20000, 20000))), "OHB-0003", ("memory",), 1500),
    # Attributes.
    Case("kernel_huge", conv(kernel_shape=[HUGE, HUGE]), ATTRIBUTE, ("suspect", "kernel_shape")),
    Case("pool_kernel_huge", node("MaxPool", kernel_shape=[HUGE, HUGE]), ATTRIBUTE, ("suspect", "kernel_shape")),
    Case("pool_kernel_overflow", node("AveragePool", kernel_shape=[2**62, 2**62], auto_pad="SAME_UPPER",
                                      strides=[2**40, 1]), ATTRIBUTE, ("suspect",)),
    Case("pool_same_overflow", node("MaxPool", kernel_shape=[2**62, 1], auto_pad="SAME_UPPER", dilations=[2**62, 1]),
         ATTRIBUTE, ("suspect",)),
    Case("pool_without_kernel", node("MaxPool"), ATTRIBUTE, ("suspect", "kernel_shape")),
    Case("strides_zero_same", node("MaxPool", kernel_shape=[2, 2], strides=[0, 0], auto_pad="SAME_UPPER"), ATTRIBUTE,
         ("suspect", "strides")),
    Case("pads_negative", conv(pads=[-1, 0, 0, 0]), ATTRIBUTE, ("suspect", "pads", "-1")),
    Case("pads_huge", conv(pads=[HUGE] * 4), ATTRIBUTE, ("suspect", "pads")),
    Case("pads_short", conv(pads=[1]), ATTRIBUTE, ("suspect", "pads", "4")),
    Case("pads_float", conv(pads=[1.0, 1.0, 1.0, 1.0]), ATTRIBUTE, ("suspect", "pads")),
    Case("strides_zero", conv(strides=[0, 0]), ATTRIBUTE, ("suspect", "strides")),
    Case("dilations_huge", conv(dilations=[2**60, 1]), ATTRIBUTE, ("suspect", "dilations")),
    Case("group_zero", conv(group=0), SHAPE, ("suspect", "group")),
    Case("group_negative", conv(group=-3), SHAPE, ("suspect", "group")),
    Case("group_huge", conv(group=2**62), SHAPE, ("suspect",)),
    Case("auto_pad_unknown", conv(auto_pad="SAME"), ATTRIBUTE, ("suspect", "auto_pad", "SAME")),
    Case("perm_repeats", node("Transpose", perm=[0, 0, 1, 2]), ATTRIBUTE, ("suspect", "perm")),
    Case("perm_out_of_range", node("Transpose", perm=[0, 1, 2, 9]), ATTRIBUTE, ("suspect", "perm")),
    Case("perm_short", node("Transpose", perm=[1, 0]), ATTRIBUTE, ("suspect", "perm")),
    Case("axis_out_of_range", node("Softmax", axis=7), ATTRIBUTE, ("suspect", "axis", "7")),
    Case("reduce_axis_out_of_range", node("ReduceMean", axes=[9]), ATTRIBUTE, ("suspect", "9")),
    Case("squeeze_of_extent_3", node("Squeeze", ints([1])), SHAPE, ("suspect",)),
    Case("split_sums_wrong", skip(lambda: n.one_node("Split", constants=[ints([1, 1])], outputs=("y", "z"), axis=1)),
         SHAPE, ("suspect",)),
    Case("split_negative", skip(lambda: n.one_node("Split", constants=[ints([-1, 4])], outputs=("y", "z"), axis=1)),
         SHAPE, ("suspect",)),
    Case("blocksize_zero", node("DepthToSpace", blocksize=0), ATTRIBUTE, ("suspect", "blocksize")),
    Case("blocksize_does_not_fit", node("DepthToSpace", blocksize=2), SHAPE, ("suspect",)),
    Case("pad_huge", node("Pad", ints([0, 0, HUGE, 0, 0, 0, HUGE, 0])), SHAPE, ("suspect",)),
    Case("pad_removes_all", node("Pad", ints([0, 0, -20, 0, 0, 0, 0, 0])), SHAPE, ("suspect",)),
    Case("pad_mode_unknown", node("Pad", ints([0, 0, 1, 0, 0, 0, 0, 0]), mode="magic"), ATTRIBUTE, ("suspect", "magic")),
    Case("gather_index_out_of_range", node("Gather", ints([99]), axis=1), SHAPE, ("suspect", "99")),
    Case("slice_step_zero", node("Slice", ints([0]), ints([4]), ints([2]), ints([0])), ATTRIBUTE, ("suspect", "step 0")),
    Case("slice_to_nothing", node("Slice", ints([9]), ints([4]), ints([2]))),
    Case("resize_scale_zero", node("Resize", np.float32([]), np.float32([1, 1, 0, 1])), ATTRIBUTE, ("suspect",)),
    Case("resize_scale_huge", node("Resize", np.float32([]), np.float32([1, 1, 1e9, 1])), ATTRIBUTE, ("suspect",)),
    Case("resize_scale_nan", node("Resize", np.float32([]), np.float32([1, 1, np.nan, 1])), VALUE, ("NaN",)),
    Case("resize_mode_unknown", node("Resize", np.float32([]), np.float32([1, 1, 2, 2]), mode="magic"), ATTRIBUTE,
         ("suspect", "magic")),
    Case("cast_to_unknown", node("Cast", to=999), ATTRIBUTE, ("suspect", "999")),
    Case("clip_reversed", node("Clip", np.float32(3), np.float32(-3))),
    # Values.
    Case("nan_weights", network(n.nan_weights), VALUE, ("'w'", "NaN")),
    Case("infinite_weights", network(n.infinite_weights), VALUE, ("'w'", "infinite", "conv")),
    Case("infinite_bias", weights(1, np.inf), VALUE, ("'c1'", "infinite", "suspect")),
    Case("huge_weights", weights(3e38)),
    Case("tiny_weights", weights(1e-44)),
    Case("huge_bias", weights(1, 3e38)),
    Case("huge_weights_and_bias", weights(3e38, 3e38)),
    Case("division_by_zero", node("Div", np.float32(0))),
    Case("division_by_zero_before_conv", before_conv("Div", np.float32(0))),
    Case("log_of_negatives", node("Log")),
    *[Case(f"{op}_before_conv", before_conv(op)) for op in ("Log", "Sqrt", "Reciprocal", "Exp", "Tanh")],
    Case("infinite_constant_before_conv", before_conv("Add", np.float32(np.inf))),
    Case("huge_constant_before_conv", before_conv("Mul", np.float32(3e38)), "OHB-0600", ("'y'", "run_on_cpu")),
    Case("huge_sum_before_conv", before_conv("Add", np.float32(3e38)), "OHB-0600", ("'y'",)),
    Case("huge_power_before_conv", before_conv("Pow", np.float32(1e9))),
    Case("mask_before_softmax", skip(lambda: n.model(
        [n.helper.make_node("Conv", ["image", "w"], ["c"], name="conv"),
         n.helper.make_node("Add", ["c", "mask"], ["m"], name="mask_add"),
         n.helper.make_node("Softmax", ["m"], ["y"], name="softmax")], [("image", [1, 3, 8, 8])], ["y"],
        [n.weights("w", (4, 3, 1, 1)), n.numpy_helper.from_array(np.array([0, 0, -np.inf] + [0] * 5, np.float32), "mask")])),
         ""),
]
