# SPDX-License-Identifier: Apache-2.0
"""hb_mapper makertbin: command line, configuration, files and calibration data."""
import os

import numpy as np

import networks
from harness import Case
from situation import picture


def spoiled(**values):
    return lambda s: s.set(**values)


def text(content):
    def prepare(s):
        s.config_text = content if isinstance(content, bytes) else content.encode()
    return prepare


def arguments(*words):
    def prepare(s):
        s.arguments = [str(s.config_path) if w is CONFIG else w for w in words]
    return prepare


def added_line(group, line):
    def prepare(s):
        s.config_text = s.yaml().replace(f"{group}:\n", f"{group}:\n  {line}\n").encode()
    return prepare


def no_config(s):
    s.config_text = False


def config_is_folder(s):
    s.config_text = False
    s.config_path.mkdir()


def model_is_folder(s):
    s.onnx.unlink()
    s.onnx.mkdir()


def write(name, data):
    def prepare(s):
        path = s.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return prepare


def empty_folder(s):
    for f in s.pictures.iterdir():
        f.unlink()


def truncated_picture(name):
    def prepare(s):
        path = s.pictures / name
        picture(path, 3, (64, 64))
        path.write_bytes(path.read_bytes()[:-300])
    return prepare


def raw_file(size, dtype=None):
    def prepare(s):
        s.featuremap()
        if dtype:
            s.set(cal_data_type=dtype)
        (s.folder / "raw_f32" / "1.bin").write_bytes(bytes(size))
    return prepare


def one_sample_value(value):
    def prepare(s):
        s.featuremap()
        values = np.zeros((1, 3, 16, 16), np.float32)
        values[0, 0, 0, 7] = value
        values.tofile(s.folder / "raw_f32" / "1.bin")
    return prepare


def working_dir(path):
    def prepare(s):
        (s.folder / "occupied").write_text("a file")
        s.set(working_dir=path.format(s.folder))
    return prepare


def folder_in_place_of(name):
    def prepare(s):
        (s.folder / "results" / name).mkdir(parents=True)
    return prepare


def in_folder_without_write_permission(s):
    s.cwd = "/proc"  # nobody, not even root, can create files there
    if os.geteuid() != 0:
        s.cwd = s.folder / "readonly"
        s.cwd.mkdir(mode=0o555)


def log_is_folder(s):
    (s.folder / "hb_mapper_makertbin.log").mkdir()


def json_at(path):
    def prepare(s):
        (s.folder / "occupied").write_text("a file")
        s.arguments += ["--json", path.format(s.folder)]
    return prepare


def channels(count, **values):
    def prepare(s):
        s.use(networks.classifier(count))
        s.set(**values)
    return prepare


CONFIG = object()
BAD_VALUE, MISSING = "OHB-0302", "OHB-0303"
CASES = [
    Case("sound", None, ""),
    Case("sound_featuremap", lambda s: s.featuremap(), ""),
    Case("sound_two_inputs", lambda s: s.two_featuremaps(), ""),
    # Command line.
    Case("no_arguments", arguments(), "OHB-0002", ("makertbin",)),
    Case("unknown_command", arguments("makebin"), "OHB-0002", ("makebin", "makertbin")),
    Case("no_options", arguments("makertbin"), "OHB-0002", ("--config",)),
    Case("no_config_option", arguments("makertbin", "--model-type", "onnx"), "OHB-0002", ("--config",)),
    Case("no_model_type", arguments("makertbin", "-c", CONFIG), "OHB-0002", ("--model-type", "required")),
    Case("option_without_value", arguments("makertbin", "-c"), "OHB-0002", ("--config", "value")),
    Case("unknown_model_type", arguments("makertbin", "-c", CONFIG, "--model-type", "keras"), "OHB-0002",
         ("--model-type", "keras", "onnx")),
    Case("caffe", arguments("makertbin", "-c", CONFIG, "--model-type", "caffe"), "OHB-0002", ("caffe", "ONNX")),
    Case("unknown_option", arguments("makertbin", "-c", CONFIG, "--model-type", "onnx", "--threds", "1"), "OHB-0002",
         ("--threds", "Did you mean '--threads'")),
    Case("threads_zero", arguments("makertbin", "-c", CONFIG, "--model-type", "onnx", "--threads", "0"), "OHB-0002",
         ("--threads", "0", "256")),
    Case("threads_word", arguments("makertbin", "-c", CONFIG, "--model-type", "onnx", "--threads", "many"),
         "OHB-0002", ("--threads", "many")),
    # The configuration.
    Case("config_missing", no_config, "OHB-0100", ("config.yaml",)),
    Case("config_is_folder", config_is_folder, "OHB-0101", ("config.yaml", "folder")),
    Case("config_empty", text(""), "OHB-0103", ("config.yaml",)),
    Case("config_blank", text("\n\n# nothing\n"), "OHB-0300", ("config.yaml",)),
    Case("config_not_yaml", text("model_parameters: [1, 2\n  }: {{{\n"), "OHB-0300", ("config.yaml",)),
    Case("config_binary", text(bytes(range(256)) * 8), "OHB-0300", ("config.yaml",)),
    Case("config_scalar", text("hello"), "OHB-0300", ("config.yaml",)),
    Case("config_list", text("- a\n- b\n"), "OHB-0300", ("config.yaml",)),
    Case("config_deeply_nested", text("[" * 100000), "OHB-0300", ("config.yaml",)),
    Case("config_alias_bomb", text("a: &a [x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"), MISSING, ("config.yaml",)),
    Case("config_huge", text("#" * (2 << 20)), "OHB-0300", ("config.yaml", "1 MiB")),
    Case("unknown_key", added_line("input_parameters", "input_layout_trian: NCHW"), "OHB-0301",
         ("input_layout_trian", "input_layout_train")),
    Case("unknown_group", text("modl_parameters:\n  march: bayes\n"), MISSING, ("modl_parameters", "model_parameters")),
    Case("key_twice", added_line("model_parameters", "march: bayes"), BAD_VALUE, ("march", "twice")),
    Case("missing_key", spoiled(onnx_model=None), MISSING, ("onnx_model", "model_parameters")),
    Case("bool_word", spoiled(preprocess_on="maybe"), BAD_VALUE, ("preprocess_on", "maybe")),
    Case("march_unknown", spoiled(march="bayess"), BAD_VALUE, ("march", "bayess", "bayes")),
    Case("type_unknown", spoiled(input_type_rt="rbg"), BAD_VALUE, ("input_type_rt", "rbg", "rgb")),
    Case("layout_unknown", spoiled(input_layout_train="CHW"), BAD_VALUE, ("input_layout_train", "CHW", "NCHW")),
    Case("list_value", added_line("compiler_parameters", "debug: [1, 2]"), BAD_VALUE, ("debug",)),
    Case("map_value", added_line("compiler_parameters", "debug: {a: b}"), BAD_VALUE, ("debug",)),
    Case("scale_word", spoiled(scale_value="a b c"), BAD_VALUE, ("scale_value", "a")),
    Case("scale_zero", spoiled(scale_value="0 1 1"), BAD_VALUE, ("scale_value",)),
    Case("mean_nan", spoiled(mean_value="nan 1 1"), BAD_VALUE, ("mean_value", "nan")),
    Case("mean_overflow", spoiled(mean_value="1e99 1 1"), BAD_VALUE, ("mean_value", "1e99")),
    Case("two_means", spoiled(mean_value="1 2"), BAD_VALUE, ("mean_value", "2", "3")),
    Case("four_scales", spoiled(scale_value="1 2 3 4"), BAD_VALUE, ("scale_value", "4", "3")),
    Case("percentile_word", spoiled(calibration_type="percentile", max_percentile="most"), BAD_VALUE,
         ("max_percentile", "most")),
    Case("percentile_range", spoiled(calibration_type="percentile", max_percentile="3"), BAD_VALUE,
         ("max_percentile", "3", "1")),
    Case("method_unknown", spoiled(calibration_type="klx"), BAD_VALUE, ("calibration_type", "klx", "kl")),
    Case("shape_word", spoiled(input_shape="1x3xWx16"), BAD_VALUE, ("input_shape", "1x3xWx16")),
    Case("shape_negative", spoiled(input_shape="1x3x-1x16"), BAD_VALUE, ("input_shape",)),
    Case("shape_overflow", spoiled(input_shape="1x3x99999999999999999999x16"), BAD_VALUE, ("input_shape",)),
    Case("shape_rank", spoiled(input_shape="1x3x16"), BAD_VALUE, ("input_shape", "1x3x16")),
    Case("shape_other", spoiled(input_shape="1x3x8x8"), None),
    Case("prefix_with_folder", spoiled(output_model_file_prefix="a/b"), BAD_VALUE, ("output_model_file_prefix",)),
    Case("input_name_unknown", spoiled(input_name="imgae"), BAD_VALUE,
         ("input_name", "imgae", "Did you mean 'image'")),
    Case("two_names_for_one_input", spoiled(input_name="image; other"), BAD_VALUE, ("input_name",)),
    Case("two_inputs_described_as_one", lambda s: (s.two_featuremaps(), s.set(
        input_name=None, input_type_train="featuremap", input_layout_train="NCHW", input_type_rt="featuremap",
        norm_type="no_preprocess", cal_data_dir=s.folder)), BAD_VALUE, ("input_name", "2", "a; b")),
    Case("gray_for_three_channels", spoiled(input_type_train="gray", input_type_rt="gray", mean_value="1",
                                            scale_value="1"), BAD_VALUE,
         ("image", "1x3x16x16", "input_type_train", "1 channel")),
    Case("rgb_for_one_channel", channels(1), BAD_VALUE, ("image", "1x1x16x16")),
    Case("rgb_for_four_channels", channels(4, calibration_type="skip"), BAD_VALUE, ("image", "1x4x16x16")),
    Case("rgb_in_other_layout", spoiled(input_layout_train="NHWC"), BAD_VALUE,
         ("image", "1x3x16x16", "input_layout_train")),
    Case("run_on_cpu_unknown", spoiled(run_on_cpu="relux"), BAD_VALUE, ("run_on_cpu", "relux", "relu")),
    Case("run_on_bpu_unknown", spoiled(run_on_bpu="convv"), BAD_VALUE, ("run_on_bpu", "convv", "conv")),
    Case("output_node_unknown", spoiled(output_nodes="nothing"), BAD_VALUE, ("output_nodes", "nothing")),
    # Calibration data.
    Case("pictures_missing", spoiled(cal_data_dir="/nonexistent/pictures"), "OHB-0400",
         ("/nonexistent/pictures", "image")),
    Case("pictures_are_a_file", lambda s: s.set(cal_data_dir=s.onnx), "OHB-0400", ("net.onnx", "folder")),
    Case("pictures_empty", empty_folder, "OHB-0400", ("pictures", "image")),
    Case("picture_truncated_jpeg", truncated_picture("2.jpg"), "OHB-0402", ("2.jpg",)),
    Case("picture_truncated_png", truncated_picture("2.png"), "OHB-0402", ("2.png",)),
    Case("picture_is_text", write("pictures/2.png", b"not a picture at all\n"), "OHB-0402", ("2.png",)),
    Case("picture_empty", write("pictures/2.png", b""), "OHB-0103", ("2.png",)),
    Case("picture_other_file", write("pictures/notes.txt", b"notes"), "OHB-0402", ("notes.txt", ".png")),
    Case("pictures_without_preprocess_on", spoiled(preprocess_on="False"), "OHB-0403", ("preprocess_on",)),
    Case("raw_short", raw_file(3071), "OHB-0401", ("1.bin", "image", "3071", "1,3,16,16")),
    Case("raw_long", raw_file(3076), "OHB-0401", ("1.bin", "image", "3076")),
    Case("raw_other_type", raw_file(3072, "uint8"), "OHB-0401", ("image", "3072", "cal_data_type")),
    Case("raw_empty", raw_file(0), "OHB-0103", ("1.bin",)),
    Case("raw_nan", one_sample_value(np.nan), "OHB-0403", ("1.bin", "NaN", "element 7")),
    Case("raw_infinite", one_sample_value(-np.inf), "OHB-0403", ("1.bin", "infinite", "element 7")),
    Case("raw_huge", one_sample_value(3e38), "OHB-0600", ("image", "int8")),
    Case("scale_huge", spoiled(scale_value="1e38"), BAD_VALUE, ("mean_value", "scale_value", "image")),
    Case("scale_tiny", spoiled(scale_value="1e-38")),
    Case("mean_huge", spoiled(mean_value="3e38")),
    Case("npy_damaged", lambda s: (s.featuremap(), write("raw_f32/2.npy", b"\x93NUMPY\x01\0\xff\xff{")(s)),
         "OHB-0401", ("2.npy",)),
    Case("mixed_counts", lambda s: s.two_featuremaps((2, 3)), "OHB-0401", ("input0_f32", "input1_f32", "2", "3")),
    # Where results go.
    Case("working_dir_is_a_file", working_dir("{0}/occupied"), "OHB-0102", ("occupied", "a file of this name")),
    Case("working_dir_below_a_file", working_dir("{0}/occupied/deep"), "OHB-0102", ("occupied/deep",)),
    Case("working_dir_in_proc", working_dir("/proc/results"), "OHB-0102", ("/proc/results",)),
    Case("folder_in_place_of_bin", folder_in_place_of("net.bin"), "OHB-0102", ("net.bin",)),
    Case("folder_in_place_of_onnx", folder_in_place_of("net_calibrated_model.onnx"), "OHB-0102",
         ("net_calibrated_model.onnx",)),
    Case("cannot_write_log", in_folder_without_write_permission, "OHB-0102", ("hb_mapper_makertbin.log",)),
    Case("log_is_folder", log_is_folder, "OHB-0102", ("hb_mapper_makertbin.log",)),
    Case("json_in_new_folder", json_at("{0}/new/result.json"), ""),
    Case("json_below_a_file", json_at("{0}/occupied/result.json"), "OHB-0102", ("occupied",)),
    Case("json_in_proc", json_at("/proc/result.json"), "OHB-0102", ("/proc/result.json",)),
]
