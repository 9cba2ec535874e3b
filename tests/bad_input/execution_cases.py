# SPDX-License-Identifier: Apache-2.0
"""hrt_model_exec: models, inputs and options."""
import random
import struct

from harness import Case
from situation import picture

DAMAGED = ("net.bin",)


def options(**values):
    return lambda s: s.set(**values)


def words(*extra):
    def prepare(s):
        s.extra = list(extra)
    return prepare


def mode(word, **values):
    def prepare(s):
        s.mode = word
        s.set(**values)
    return prepare


def model(change):
    """The model file changed as `change` says (bytes to bytes)."""
    return lambda s: s.bin.write_bytes(change(s.bin.read_bytes()))


def cut(size):
    return model(lambda data: data[:size])


def flip(position, bit):
    def change(data):
        data = bytearray(data)
        data[position] ^= 1 << bit
        return bytes(data)
    return model(change)


def input_bytes(name, data):
    return lambda s: s.set(input_file=s.write(name, data))


def featuremaps(*sizes, names=("a.bin", "b.bin")):
    return lambda s: s.use("two_inputs", [s.write(name, bytes(size)) for name, size in zip(names, sizes)])


def featuremap_picture(s):
    s.use("two_inputs", [s.picture, s.picture])


def corrupt_picture(suffix, keep):
    def prepare(s):
        path = s.folder / f"corrupt{suffix}"
        picture(path, 5, (64, 64))
        path.write_bytes(path.read_bytes()[:-keep] if keep else b"no picture " * 9)
        s.set(input_file=path)
    return prepare


def folder_as(option):
    return lambda s: s.set(**{option: s.folder})


def file_as_dump_path(below=""):
    return lambda s: s.set(enable_dump="true", dump_path=f"{s.write('occupied', b'a file')}{below}")


def bin_dump(**values):
    def prepare(s):
        s.use_bin_dump()
        s.set(**values)
    return prepare


def conv_map(content):
    def prepare(s):
        s.use_bin_dump()
        s.set(conv_mapping_file=s.write("map.json", content))
    return prepare


def labels(content, **values):
    return lambda s: s.set(enable_cls_post_process="true", label_file=s.write("labels.txt", content), **values)


def same_model_twice(s):
    s.set(model_file=f"{s.bin},{s.write('copy.bin', s.bin.read_bytes())}")


def two_models(**values):
    def prepare(s):
        s.set(model_file=f"{s.bin},{s.write('other.bin', s.models['two_inputs'])}", **values)
    return prepare


def sections(data):
    """{name: (first, end)} of the parts of a model file (docs/bin-format.md)."""
    count, = struct.unpack_from("<I", data, 24)
    parts = {"header": (0, 64), "table": (64, 64 + 32 * count)}
    for i in range(count):
        kind, _, offset, size, _ = struct.unpack_from("<IIQQQ", data, 64 + 32 * i)
        parts[{1: "metadata", 2: "weights"}[kind]] = (offset, offset + size)
    return parts


def damaged_model_cases(data):
    parts = sections(data)
    cases = [Case(f"model_cut_{p}_percent", cut(len(data) * p // 100), "OHB-0500" if p else "OHB-0103", DAMAGED)
             for p in range(0, 100, 5)]
    for name, borders in parts.items():
        for border in borders:
            for size in (border - 1, border, border + 1):
                if 0 < size < len(data):
                    cases.append(Case(f"model_cut_at_{name}_{size}", cut(size), "OHB-0500", DAMAGED))
    generator = random.Random(1)
    for name, (first, end) in parts.items():
        places = range(first, end) if end - first <= 64 else [generator.randrange(first, end) for _ in range(24)]
        for i in [*places, first, end - 1]:
            cases.append(Case(f"model_flip_{name}_{i}", flip(i, generator.randrange(8)), None, DAMAGED))
    ends = sorted(end for _, end in parts.values())
    starts = sorted(start for start, _ in parts.values())
    for gap in (range(e, s) for e, s in zip(ends, starts[1:])):
        cases += [Case(f"model_flip_between_{i}", flip(i, 3), "OHB-0500", DAMAGED) for i in list(gap)[:2]]
    cases += [
        Case("model_longer", model(lambda d: d + b"\0"), "OHB-0500", DAMAGED),
        Case("model_twice", model(lambda d: d + d), "OHB-0500", DAMAGED),
        Case("model_newer", model(lambda d: d[:8] + b"\x63" + d[9:]), "OHB-0501", ("net.bin", "99", "update")),
        Case("model_swapped_bytes", model(lambda d: bytes(reversed(d))), "OHB-0500", DAMAGED),
        Case("model_zeroed_weights", model(lambda d: d[: parts["weights"][0]].ljust(len(d), b"\0")), "OHB-0502",
             DAMAGED),
    ]
    # A damaged model must fail, never run; code None would also allow success.
    return [Case(c.name, c.prepare, c.code or "OHB-05", c.words) for c in cases]


CASES = [
    Case("sound", None, ""),
    Case("sound_two_inputs", featuremaps(576, 576), ""),
    Case("sound_info", mode("model_info", input_file=None), ""),
    # Command line.
    Case("unknown_mode", mode("infr"), "OHB-0002", ("infr", "infer")),
    Case("no_model_file", options(model_file=None), "OHB-0002", ("--model_file",)),
    Case("empty_model_file", options(model_file=""), "OHB-0002", ("--model_file",)),
    Case("only_commas", options(model_file=",,"), "OHB-0002", ("--model_file",)),
    Case("no_input_file", options(input_file=None), "OHB-0002", ("--input_file",)),
    Case("unknown_option", words("--dump_fromat=txt"), "OHB-0002", ("--dump_fromat", "dump_format")),
    Case("unknown_short_option", words("-z"), "OHB-0002", ("-z",)),
    Case("option_without_value", words("--thread_num"), "OHB-0002", ("--thread_num", "needs a value")),
    *[Case(f"thread_num_{v}", options(thread_num=v), "OHB-0002", ("--thread_num", v, "256"))
      for v in ("0", "-1", "abc", "1.5", "99999999999", "300")],
    Case("thread_num_empty", options(thread_num=""), "OHB-0002", ("--thread_num", "needs a value")),
    Case("sound_frame_count_0", options(frame_count="0"), ""),
    Case("frame_count_negative", options(frame_count="-1"), "OHB-0002", ("--frame_count", "-1")),
    Case("dump_format_xyz", options(dump_format="xyz", enable_dump="true"), "OHB-0002",
         ("--dump_format", "xyz", "bin", "txt")),
    Case("dump_intermediate_9", options(dump_intermediate="9"), "OHB-0002", ("--dump_intermediate", "9", "3")),
    Case("dump_precision_-1", options(dump_precision="-1"), "OHB-0002", ("--dump_precision", "-1")),
    Case("dump_txt_axis_-5", options(dump_txt_axis="-5"), "OHB-0002", ("--dump_txt_axis", "-5")),
    Case("enable_dump_perhaps", options(enable_dump="perhaps"), "OHB-0002", ("--enable_dump", "perhaps")),
    Case("core_id_7", options(core_id="7"), "OHB-0002", ("--core_id", "7", "2")),
    Case("top_k_0", options(top_k="0", enable_cls_post_process="true"), "OHB-0002", ("--top_k", "0")),
    Case("model_name_unknown", options(model_name="nett"), "OHB-0002", ("nett", "net")),
    Case("model_name_unknown_info", mode("model_info", input_file=None, model_name="nett"), "OHB-0002", ("nett",)),
    Case("same_model_twice", same_model_twice, "OHB-0002", ("net",)),
    Case("which_of_two_models", two_models(), "OHB-0002", ("--model_name", "net", "two_inputs")),
    Case("one_of_two_models", two_models(model_name="net"), ""),
    # perf.
    Case("sound_perf", mode("perf", input_file=None, frame_count="2"), ""),
    Case("perf_frame_count_0", mode("perf", input_file=None, frame_count="0"), "OHB-0002", ("--frame_count", "0")),
    Case("perf_time_-1", mode("perf", input_file=None, perf_time="-1"), "OHB-0002", ("--perf_time", "-1")),
    Case("perf_profile_path_is_file",
         lambda s: (mode("perf", input_file=None, frame_count="2")(s), s.set(profile_path=s.write("occupied", b"a file"))), "OHB-0102",
         ("occupied",)),
    Case("perf_profile_into_proc", mode("perf", input_file=None, frame_count="2", profile_path="/proc"), "OHB-0102", ("/proc/profiler.log",)),
    Case("perf_model_missing", mode("perf", input_file=None, model_file="nowhere.bin"), "OHB-0100", ("nowhere.bin",)),
    # The model file.
    Case("model_missing", options(model_file="nowhere.bin"), "OHB-0100", ("nowhere.bin",)),
    Case("second_model_missing", lambda s: s.set(model_file=f"{s.bin},nowhere.bin"), "OHB-0100", ("nowhere.bin",)),
    Case("model_is_folder", folder_as("model_file"), "OHB-0101", ("folder",)),
    Case("model_is_device", options(model_file="/dev/null"), "OHB-0101", ("/dev/null",)),
    Case("model_empty", cut(0), "OHB-0103", DAMAGED),
    Case("model_text", model(lambda d: b"this is text\n" * 40), "OHB-0500", DAMAGED),
    Case("model_is_picture", lambda s: s.set(model_file=s.picture), "OHB-0500", ("picture.png",)),
    # Inputs.
    Case("too_few_inputs", featuremaps(576), "OHB-0002", ("2 inputs", "1 file")),
    Case("too_many_inputs", lambda s: s.set(input_file=f"{s.picture},{s.picture}"), "OHB-0002", ("1 input", "2 files")),
    Case("input_missing", options(input_file="nowhere.png"), "OHB-0100", ("nowhere.png",)),
    Case("input_raw_missing", options(input_file="nowhere.bin"), "OHB-0100", ("nowhere.bin",)),
    Case("input_is_folder", lambda s: ((s.folder / "f.png").mkdir(), s.set(input_file=s.folder / "f.png")), "OHB-0101",
         ("f.png", "folder")),
    Case("input_of_unknown_kind", input_bytes("input.tiff", b"II*\0"), "OHB-0002", ("input.tiff", "image", ".png")),
    Case("input_short", featuremaps(575, 576), "OHB-0401", ("'a'", "a.bin", "576", "575")),
    Case("input_long", featuremaps(576, 577), "OHB-0401", ("'b'", "b.bin", "576", "577")),
    Case("input_empty", featuremaps(0, 576), "OHB-0103", ("a.bin",)),
    Case("input_for_picture_short", input_bytes("input.bin", bytes(767)), "OHB-0401", ("image", "input.bin", "768")),
    Case("input_text_short", input_bytes("input.txt", b"1 2 3"), "OHB-0401", ("input.txt", "3", "768")),
    Case("input_text_words", input_bytes("input.txt", b"1 2 three"), "OHB-0403", ("input.txt", "three")),
    Case("input_text_range", input_bytes("input.txt", b"1 2 256"), "OHB-0403", ("input.txt", "256")),
    Case("picture_for_featuremap", featuremap_picture, "OHB-0403", ("'a'", "picture.png", ".bin")),
    Case("picture_cut_jpeg", corrupt_picture(".jpg", 300), "OHB-0402", ("corrupt.jpg",)),
    Case("picture_cut_png", corrupt_picture(".png", 300), "OHB-0402", ("corrupt.png",)),
    Case("picture_is_text", corrupt_picture(".png", 0), "OHB-0402", ("corrupt.png",)),
    Case("picture_is_empty", input_bytes("empty.jpg", b""), "OHB-0103", ("empty.jpg",)),
    # Dumps and labels.
    Case("dump_path_is_file", file_as_dump_path(), "OHB-0102", ("occupied",)),
    Case("dump_path_below_file", file_as_dump_path("/deep"), "OHB-0102", ("occupied/deep",)),
    Case("dump_path_in_proc", options(enable_dump="true", dump_path="/proc/dumps"), "OHB-0102", ("/proc/dumps",)),
    Case("dump_into_proc", options(enable_dump="true", dump_path="/proc"), "OHB-0102", ("/proc/model_infer_input_0",)),
    Case("intermediate_into_proc", options(dump_intermediate="1", dump_path="/proc"), "OHB-0102", ("/proc/",)),
    Case("labels_missing", options(enable_cls_post_process="true", label_file="nowhere.txt"), "OHB-0100",
         ("nowhere.txt",)),
    Case("labels_folder", folder_as("label_file"), "OHB-0101", ("folder",)),
    Case("labels_empty", labels(b""), "OHB-0103", ("labels.txt",)),
    Case("labels_too_few", labels(b"cat\ndog\n", top_k="10"), "", ("labels.txt", "2 classes", "has 10")),
    Case("labels_enough", labels(b"x\n" * 10, top_k="10"), ""),
    # Regions.
    Case("roi_infer_without_resizer", options(roi_infer="true", roi="0,0,7,7"), "OHB-0002", ("--roi_infer", "net", "resizer")),
    Case("roi_without_roi_infer", options(roi="0,0,7,7"), "", ("--roi", "--roi_infer")),
    *[Case(f"roi_{i}", options(roi_infer="true", roi=roi), "OHB-0002", ("roi",)) for i, roi in enumerate(("1,2,3", "a,b,c,d", ";;", "1 2 3 4"))],
    Case("raw_picture_for_rgb", input_bytes("input.nv12", bytes(384)), "OHB-0403", ("image", "input.nv12", ".bin")),
    # Rates, results for programs.
    *[Case(f"target_fps_{v}", mode("perf", input_file=None, target_fps=v), "OHB-0002", ("--target_fps", v)) for v in ("-1", "fast", "nan", "inf")],
    Case("sound_target_fps", mode("perf", input_file=None, target_fps="1000", frame_count="5"), ""),
    Case("perf_input_missing", mode("perf", input_file="nowhere.png"), "OHB-0100", ("nowhere.png",)),
    Case("json_in_proc", options(json="/proc/result.json"), "OHB-0102", ("/proc/result.json",)),
    Case("perf_intermediate_into_proc", mode("perf", input_file=None, dump_intermediate="1", dump_path="/proc"), "OHB-0102", ("/proc/",)),
    # hrt_bin_dump.
    Case("sound_bin_dump", bin_dump(), ""),
    Case("bin_dump_no_map", bin_dump(conv_mapping_file=None), "OHB-0002", ("--conv_mapping_file",)),
    Case("bin_dump_no_folder", bin_dump(conv_dump_path=None), "OHB-0002", ("--conv_dump_path",)),
    Case("bin_dump_unknown_option", bin_dump(conv_dmup_path="x"), "OHB-0002", ("conv_dmup_path", "'conv_dump_path'")),
    Case("bin_dump_map_missing", bin_dump(conv_mapping_file="nowhere.json"), "OHB-0100", ("nowhere.json",)),
    Case("bin_dump_folder_missing", bin_dump(conv_dump_path="nowhere"), "OHB-0100", ("--conv_dump_path", "nowhere")),
    Case("bin_dump_folder_is_file", bin_dump(conv_dump_path="input.bin"), "OHB-0102", ("--conv_dump_path", "input.bin")),
    Case("bin_dump_into_proc", bin_dump(conv_dump_path="/proc"), "OHB-0102", ("/proc/conv_float.bin",)),
    Case("bin_dump_input_short", lambda s: (s.use_bin_dump(), s.write("input.bin", bytes(767))), "OHB-0401", ("input.bin", "768", "767")),
    Case("bin_dump_map_empty", conv_map(b""), "OHB-0103", ("map.json",)),
    Case("bin_dump_map_of_other_model", conv_map(b'{"conv": {"output": "nothing"}}'), "OHB-0400", ("'nothing'", "layer_out_dump")),
    *[Case(f"bin_dump_map_{i}", conv_map(data), "OHB-0403", ("map.json", "makertbin"))
      for i, data in enumerate((b"{", b"[]", b"7", b'{"a": 1}', b'{"a": {"b": "c"}}', b"\xff\xfe", b"[" * 5000))],
]
