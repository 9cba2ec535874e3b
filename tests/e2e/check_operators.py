#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Operators newer than the official cases at hand, and odd forms of older ones: float programs against stock ONNX
Runtime. Exit status 77: skipped, ONNX Runtime is not installed."""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SKIPPED = 77
LARGEST_ERROR = 1e-4  # of an output's largest value
HERE = pathlib.Path(__file__).resolve().parent
TYPES = {np.dtype(n): t for n, t in (("float32", TensorProto.FLOAT), ("int64", TensorProto.INT64), ("int32", TensorProto.INT32),
                                     ("bool", TensorProto.BOOL), ("uint8", TensorProto.UINT8), ("int8", TensorProto.INT8))}


def cases():
    """name, operator, inputs (None: absent), constant inputs by position, outputs, opset, attributes"""
    rng = np.random.default_rng(3)
    found = []

    def f(*shape):
        return rng.normal(size=shape).astype(np.float32)

    def i64(*values):
        return np.array(values, np.int64)

    def case(name, op, inputs, consts={}, outs=1, opset=24, **attributes):
        found.append((name, op, inputs, consts, outs, opset, attributes))

    q, k, v = (f(2, 3, 4, 8), f(2, 3, 6, 8), f(2, 3, 6, 8))
    case('attn', 'Attention', [q, k, v])
    case('attn_mask', 'Attention', [q, k, v, f(4, 6)])
    case('attn_causal', 'Attention', [q, f(2, 3, 4, 8), f(2, 3, 4, 8)], is_causal=1)
    case('attn_softcap', 'Attention', [q, k, v], softcap=2.0)
    case('attn_softcap_mask', 'Attention', [q, k, v, f(4, 6)], softcap=2.0)
    case('attn_boolmask', 'Attention', [q, k, v, np.tril(np.ones((4, 6), bool))])
    case('attn_gqa', 'Attention', [f(2, 6, 4, 8), k, v])
    case('attn_3d', 'Attention', [f(2, 4, 24), f(2, 6, 24), f(2, 6, 24)], q_num_heads=3, kv_num_heads=3)
    case('attn_past', 'Attention', [q, k, v, None, f(2, 3, 5, 8), f(2, 3, 5, 8)], outs=3)
    case('attn_scale', 'Attention', [q, k, v], scale=0.3)
    for m in range(4):
        case(f'attn_qk{m}', 'Attention', [q, k, v, f(4, 6), None, None], outs=4, qk_matmul_output_mode=m, softcap=3.0)
    case('rope', 'RotaryEmbedding', [f(2, 3, 4, 8), f(50, 4), f(50, 4), rng.integers(0, 50, (2, 4))])
    case('rope_inter', 'RotaryEmbedding', [f(2, 3, 4, 8), f(50, 4), f(50, 4), rng.integers(0, 50, (2, 4))], interleaved=1)
    case('rope_3d', 'RotaryEmbedding', [f(2, 4, 24), f(50, 4), f(50, 4), rng.integers(0, 50, (2, 4))], num_heads=3)
    case('rope_part', 'RotaryEmbedding', [f(2, 3, 4, 8), f(50, 2), f(50, 2), rng.integers(0, 50, (2, 4))], rotary_embedding_dim=4)
    case('rope_nopos', 'RotaryEmbedding', [f(2, 3, 4, 8), f(2, 4, 4), f(2, 4, 4)])
    case('rms', 'RMSNormalization', [f(2, 3, 8), f(8)])
    case('rms_axis', 'RMSNormalization', [f(2, 3, 8), f(3, 8)], axis=1)
    for m in range(4):
        case(f'attn23_qk{m}', 'Attention', [q, k, v, f(4, 6), None, None], outs=4, qk_matmul_output_mode=m, softcap=3.0, opset=23)
    case('swish', 'Swish', [f(3, 4)], alpha=1.5)
    case('swish0', 'Swish', [f(3, 4)])
    case('gelu', 'Gelu', [f(3, 4)], approximate='tanh')
    case('mish', 'Mish', [f(3, 4)])
    case('groupnorm', 'GroupNormalization', [f(2, 6, 4, 5), f(6), f(6)], num_groups=3)
    case('groupnorm18', 'GroupNormalization', [f(2, 6, 4, 5), f(3), f(3)], num_groups=3, opset=18)
    for mode in ('linear', 'nearest', 'cubic'):
        for pad in ('zeros', 'border', 'reflection'):
            for ac in (0, 1):
                case(f'gs_{mode}_{pad}_{ac}', 'GridSample', [f(2, 3, 5, 6), rng.uniform(-1.3, 1.3, (2, 4, 5,
                     2)).astype(np.float32)], mode=mode, padding_mode=pad, align_corners=ac, opset=20)
                if mode != 'cubic':
                    case(f'gs5_{mode}_{pad}_{ac}', 'GridSample', [f(1, 2, 4, 5, 6), rng.uniform(-1.3, 1.3, (1, 3, 4, 5,
                         3)).astype(np.float32)], mode=mode, padding_mode=pad, align_corners=ac, opset=20)
    for ac in (0, 1):
        case(f'affine{ac}', 'AffineGrid', [f(2, 2, 3)], {1: i64(2, 3, 4, 5)}, align_corners=ac, opset=20)
        case(f'affine3{ac}', 'AffineGrid', [f(2, 3, 4)], {1: i64(2, 3, 4, 5, 6)}, align_corners=ac, opset=20)
    def rs(name, x, scales=None, sizes=None, **a):
        c = {1: np.zeros(0, np.float32)}
        c[2] = np.array(scales if scales is not None else [], np.float32)
        if sizes is not None:
            c[3] = i64(*sizes)
        case(name, 'Resize', [x], c, opset=19, **a)
    for mode in ('linear', 'cubic'):
        rs(f'aa_{mode}', f(1, 2, 9, 8), [1, 1, 0.5, 0.6], mode=mode, antialias=1)
        rs(f'aaup_{mode}', f(1, 2, 5, 6), [1, 1, 1.7, 2.0], mode=mode, antialias=1)
        for ct in ('half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric'):
            rs(f'rs_{mode}_{ct}', f(1, 2, 5, 6), sizes=[1, 2, 7, 4], mode=mode, coordinate_transformation_mode=ct)
    rs('excl', f(1, 2, 5, 6), [1, 1, 1.5, 0.7], mode='cubic', exclude_outside=1)
    for nm in ('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'):
        rs(f'near_{nm}', f(1, 2, 5, 6), [1, 1, 1.6, 0.7], mode='nearest', nearest_mode=nm)
    rs('policy_larger', f(1, 2, 5, 6), sizes=[7, 10], mode='linear', keep_aspect_ratio_policy='not_larger', axes=[2, 3])
    rs('policy_smaller', f(1, 2, 5, 6), sizes=[7, 10], mode='nearest', keep_aspect_ratio_policy='not_smaller', axes=[2, 3])
    case('crop', 'Resize', [f(1, 1, 4, 4)], {1: np.array([0, 0, 0.4, 0.6, 1, 1, 0.6, 1.7], np.float32), 2: np.zeros(0,
         np.float32), 3: i64(1, 1, 3, 3)}, opset=19, mode='linear', coordinate_transformation_mode='tf_crop_and_resize',
              extrapolation_value=10.0)
    case('col2im2', 'Col2Im', [f(2, 3 * 4, 20)], {1: i64(5, 6), 2: i64(2, 2)}, opset=18)
    case('ccp', 'CenterCropPad', [f(20, 10, 3)], {1: i64(10, 15)}, axes=[0, 1], opset=18)
    for mode in ('reflect', 'edge', 'wrap', 'constant'):
        case(f'pad_{mode}', 'Pad', [f(3, 4, 5)], {1: i64(0, 1, 2, 0, 2, 1)}, mode=mode, opset=19)
    case('pad_axes', 'Pad', [f(3, 4, 5)], {1: i64(1, 2), 2: np.float32(1.5), 3: i64(-1)}, opset=19)
    for red in ('add', 'mul', 'max', 'min', 'none'):
        case(f'sce_{red}', 'ScatterElements', [f(4, 5), np.array([[0, 1, 1], [3, -1, 3]], np.int64), f(2,
             3)] if red != 'none' else [f(4, 5), np.array([[0, 1, 2], [3, -3, 3]], np.int64), f(2, 3)], axis=0, reduction=red,
                  opset=18)
        case(f'scn_{red}', 'ScatterND', [f(4, 5), np.array([[0], [2]] if red == 'none' else [[0], [0]], np.int64), f(2, 5)],
             reduction=red, opset=18)
    case('lppool', 'LpPool', [f(1, 2, 9, 9)], kernel_shape=[3, 3], strides=[2, 2], p=3, ceil_mode=1, opset=18)
    case('lppool_dil', 'LpPool', [f(1, 2, 9, 9)], kernel_shape=[2, 2], dilations=[2, 2], opset=18)
    for cip in (0, 1):
        case(f'avg_dil{cip}', 'AveragePool', [f(1, 2, 9, 9)], kernel_shape=[3, 3], dilations=[2, 2], pads=[1, 1, 1, 1],
             strides=[2, 2], ceil_mode=1, count_include_pad=cip, opset=19)
        case(f'avg3{cip}', 'AveragePool', [f(1, 2, 6, 7, 8)], kernel_shape=[3, 2, 3], strides=[2, 2, 2], pads=[1, 0, 1, 1, 1,
             1], ceil_mode=1, count_include_pad=cip, opset=19)
    case('max_ceil', 'MaxPool', [f(1, 2, 7, 8)], outs=2, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 1, 1, 1],
         opset=12)
    case('max_same', 'MaxPool', [f(1, 2, 7, 8)], kernel_shape=[3, 3], strides=[2, 2], auto_pad='SAME_LOWER', opset=12)
    case('deform', 'DeformConv', [f(1, 2, 6, 6), f(4, 2, 3, 3), f(1, 18, 4, 4) * 0.5, f(4), f(1, 9, 4, 4)], opset=19)
    case('dft', 'DFT', [f(2, 6, 1)], {2: np.int64(1)}, opset=20)
    case('dft_on', 'DFT', [f(2, 7, 1)], {2: np.int64(1)}, onesided=1, opset=20)
    case('dft_inv', 'DFT', [f(2, 7, 2)], {2: np.int64(1)}, inverse=1, opset=20)
    case('dft_len', 'DFT', [f(2, 7, 1)], {1: np.int64(5), 2: np.int64(1)}, opset=20)
    case('redmax_bool', 'ReduceMax', [rng.integers(0, 2, (3, 4)).astype(bool)], {1: i64(1)}, opset=20)
    for op in ('ReduceSum', 'ReduceMean', 'ReduceL2', 'ReduceLogSumExp', 'ReduceProd', 'ReduceLogSum', 'ReduceSumSquare',
         'ReduceL1', 'ReduceMin'):
        case(op, op, [np.abs(f(3, 4, 5))], {1: i64(-1, 0)}, keepdims=0, opset=18)
        case(op + '_noop', op, [np.abs(f(3, 4))], noop_with_empty_axes=1, opset=18)
    case('qblk', 'QuantizeLinear', [f(4, 6) * 30], {1: np.abs(f(4, 2)) + 0.5, 2: rng.integers(0, 255, (4,
         2)).astype(np.uint8)}, block_size=3, axis=1, opset=21)
    case('dqblk', 'DequantizeLinear', [rng.integers(0, 255, (4, 6)).astype(np.uint8)], {1: np.abs(f(4, 2)) + 0.5,
         2: rng.integers(0, 255, (4, 2)).astype(np.uint8)}, block_size=3, axis=1, opset=21)
    case('ln', 'LayerNormalization', [f(2, 3, 4), f(3, 4), f(3, 4)], outs=1, axis=1, opset=17)
    case('inst', 'InstanceNormalization', [f(2, 3, 4, 5), f(3), f(3)])
    case('lrn', 'LRN', [f(1, 7, 3, 3)], size=3, opset=13)
    case('lrn5', 'LRN', [f(1, 7, 3, 3)], size=5, alpha=0.01, beta=0.7, bias=2.0, opset=13)
    case('mvn', 'MeanVarianceNormalization', [f(2, 3, 4, 5)], opset=13)
    case('lpn', 'LpNormalization', [f(3, 4)], axis=0, p=1)
    case('roi', 'RoiAlign', [f(1, 2, 8, 8), np.array([[0, 0, 5, 5], [1, 2, 7, 6]], np.float32), i64(0, 0)], output_height=3,
         output_width=2, sampling_ratio=2, spatial_scale=0.8, opset=16)
    case('roimax', 'RoiAlign', [f(1, 2, 8, 8), np.array([[0, 0, 5, 5], [1, 2, 7, 6]], np.float32), i64(0, 0)], output_height=3,
         output_width=2, mode='max', coordinate_transformation_mode='output_half_pixel', opset=16)
    case('convt', 'ConvTranspose', [f(1, 4, 5, 6), f(4, 3, 3, 3), f(3)], strides=[2, 3], pads=[1, 0, 1, 2], output_padding=[1, 2])
    case('convtg', 'ConvTranspose', [f(1, 4, 5, 6), f(4, 3, 3, 3)], group=2, dilations=[2, 1], strides=[2, 1])
    case('convt1', 'ConvTranspose', [f(1, 4, 7), f(4, 3, 4)], strides=[2], auto_pad='SAME_UPPER')
    case('convt_os', 'ConvTranspose', [f(1, 2, 4, 4), f(2, 3, 3, 3)], strides=[2, 2], output_shape=[9, 10])
    case('conv3', 'Conv', [f(1, 4, 5, 6, 7), f(6, 2, 3, 2, 3), f(6)], group=2, strides=[2, 1, 2], pads=[1, 0, 1, 1, 1, 1],
         dilations=[1, 2, 1])
    for d in ('forward', 'reverse', 'bidirectional'):
        n = 2 if d == 'bidirectional' else 1
        case(f'lstm_{d}', 'LSTM', [f(5, 2, 3), f(n, 16, 3), f(n, 16, 4), f(n, 32), np.array([5, 3], np.int32), f(n, 2, 4), f(n,
             2, 4), f(n, 12)], outs=3, hidden_size=4, direction=d)
        case(f'gru_{d}', 'GRU', [f(5, 2, 3), f(n, 12, 3), f(n, 12, 4), f(n, 24), np.array([5, 3], np.int32), f(n, 2, 4)],
             outs=2, hidden_size=4, direction=d, linear_before_reset=1)
        case(f'rnn_{d}', 'RNN', [f(5, 2, 3), f(n, 4, 3), f(n, 4, 4), f(n, 8)], outs=2, hidden_size=4, direction=d)
    case('einsum', 'Einsum', [f(2, 3, 4), f(2, 4, 5)], equation='bij,bjk->bki')
    case('einsum2', 'Einsum', [f(3, 3)], equation='ii->i')
    case('einsum3', 'Einsum', [f(2, 3, 4), f(4)], equation='...j,j')
    case('topk', 'TopK', [f(3, 7)], {1: i64(3)}, outs=2, axis=-1, largest=0)
    case('cumsum', 'CumSum', [f(3, 4)], {1: np.int64(1)}, exclusive=1, reverse=1, opset=14)
    case('split18', 'Split', [f(7, 3)], outs=3, num_outputs=3, opset=18)
    case('revseq', 'ReverseSequence', [f(4, 3, 2), i64(2, 4, 1)], time_axis=0, batch_axis=1)
    case('unpool', 'MaxUnpool', [f(1, 1, 2, 2), np.array([[[[5, 7], [13, 15]]]], np.int64)], kernel_shape=[2, 2], strides=[2, 2])
    case('det', 'Det', [f(2, 4, 4)])
    case('hardmax', 'Hardmax', [f(3, 5)])
    case('mod', 'Mod', [f(7), f(7)], fmod=1)
    case('shrink', 'Shrink', [f(9)], lambd=0.5, bias=0.2)
    case('nms', 'NonMaxSuppression', [np.abs(f(1, 6, 4)).cumsum(-1).astype(np.float32), np.abs(f(1, 2, 6))], {2: i64(3),
         3: np.array([0.5], np.float32), 4: np.array([0.1], np.float32)})
    case('onehot', 'OneHot', [i64(0, 2, -1)], {1: i64(4), 2: np.array([1, 5], np.float32)}, axis=0)
    case('trilu', 'Trilu', [f(3, 4, 5)], {1: np.int64(1)}, upper=0)
    case('dql', 'DynamicQuantizeLinear', [f(3, 4)], outs=3)
    case('stft', 'STFT', [f(1, 64, 1)], {1: np.int64(8), 2: f(16)}, onesided=1, opset=17)

    return found


class Check:
    def __init__(self, args):
        self.args, self.work = args, pathlib.Path(args.work)

    def model(self, folder, op, inputs, consts, outputs, opset, attributes):
        names, feeds, constants = [], [], []
        for k in range(max([len(inputs), *(c + 1 for c in consts)])):
            if k in consts:
                constants.append(numpy_helper.from_array(np.asarray(consts[k]), f"c{k}"))
                names.append(f"c{k}")
            elif k < len(inputs) and inputs[k] is not None:
                feeds.append((f"x{k}", np.ascontiguousarray(inputs[k])))
                names.append(f"x{k}")
            else:
                names.append("")
        while not names[-1]:
            names.pop()
        node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], name="n", **attributes)
        graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(n, TYPES[a.dtype], a.shape) for n, a in feeds],
                                  [onnx.ValueInfoProto(name=f"y{i}") for i in range(outputs)], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 10
        (folder / "m.onnx").write_bytes(model.SerializeToString())
        return feeds

    def run(self, name, op, inputs, consts, outputs, opset, attributes):
        """"" or what is wrong."""
        folder = self.work / name
        (folder / "ort").mkdir(parents=True, exist_ok=True)
        for old in folder.glob("out_*"):
            old.unlink()
        feeds = self.model(folder, op, inputs, consts, outputs, opset, attributes)
        job = {"model": str(folder / "m.onnx"), "module": str(pathlib.Path(self.args.node_modules) / "onnxruntime-node"),
               "runs": [{"inputs": [], "folder": str(folder / "ort")}]}
        for i, (n, a) in enumerate(feeds):
            a.tofile(folder / f"in{i}.bin")
            np.save(folder / f"{i}.npy", a)
            job["runs"][0]["inputs"].append({"name": n, "dtype": str(a.dtype), "shape": list(a.shape), "file": str(folder / f"in{i}.bin")})
        (folder / "shapes.txt").write_text("")
        (folder / "job.json").write_text(json.dumps(job))
        theirs = subprocess.run(["node", HERE / "run_onnx.js", folder / "job.json"], capture_output=True, text=True)
        if theirs.returncode:
            return "stock ONNX Runtime: " + theirs.stderr.strip()[-300:]
        ours = subprocess.run([self.args.float_program, folder, folder / "m.onnx"], capture_output=True, text=True)
        if ours.returncode:
            return (ours.stderr or ours.stdout).strip()[-300:]
        for i, o in enumerate(json.loads(theirs.stdout)["outputs"]):
            expected = np.fromfile(folder / "ort" / f"{i}.bin", np.dtype(o["dtype"])).reshape(o["shape"])
            got = np.load(folder / f"out_{i}.npy")
            if got.shape != expected.shape or got.dtype != expected.dtype:
                return f"output {i} is {got.dtype} {got.shape}, expected {expected.dtype} {expected.shape}"
            if expected.dtype != np.float32:
                if not np.array_equal(got, expected):
                    return f"output {i}: {int((got != expected).sum())} of {got.size} elements differ"
            elif not np.abs(got - expected).max(initial=0) <= LARGEST_ERROR * np.abs(expected).max(initial=1e-9):
                return f"output {i} differs by {np.abs(got - expected).max():.3g}"
        return ""


def main():
    parser = argparse.ArgumentParser()
    for option in ("--work", "--node-modules", "--float-program"):
        parser.add_argument(option, required=True)
    args = parser.parse_args()
    if not (pathlib.Path(args.node_modules) / "onnxruntime-node").is_dir():
        print("skipped: onnxruntime-node is not installed")
        sys.exit(SKIPPED)
    check, failed, every = Check(args), 0, cases()
    for one in every:
        text = check.run(*one)
        if text:
            print(f"FAIL: {one[0]}: {text}", flush=True)
            failed += 1
    print(f"{len(every) - failed} of {len(every)} operator forms as stock ONNX Runtime")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
