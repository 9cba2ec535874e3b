# SPDX-License-Identifier: Apache-2.0
"""vec_diff: files, folders and command lines that it must refuse, or tell about in one row."""
import json
import os
import struct

import numpy as np

from harness import Case

USAGE, MISSING, UNREADABLE, UNWRITABLE, EMPTY = "OHB-0002", "OHB-0100", "OHB-0101", "OHB-0102", "OHB-0103"
SIZE, VALUE = "OHB-0401", "OHB-0403"


def left(name, data):
    """The left one of two files is this one."""
    def prepare(s):
        s.left = s.write(name, data)
    return prepare


def npy(header, data=b"\0" * 32, magic=b"\x93NUMPY\x01\x00"):
    text = header.encode().ljust(117) + b"\n"
    return magic + struct.pack("<H", len(text)) + text + data


def shape(text, descr="'<f4'"):
    return left("a.npy", npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {text}, }}"))


def words(*extra):
    return lambda s: s.extra.extend(extra)


def folders(prepare):
    """Two folders of two equal tensors each, changed."""
    def make(s):
        s.use_folders()
        prepare(s)
    return make


def in_left(name, data):
    return folders(lambda s: s.write(f"left/{name}", data))


def index(document, name="a.bin"):
    """dump_index.json of the left folder: a document, or one line about a file."""
    if isinstance(document, dict):
        row = {"files": [name], "kind": "tensor", "name": "a", "dtype": "float32", "shape": [8]}
        document = json.dumps({"tensors": [{**row, **document}]}).encode()
    return in_left("dump_index.json", document)


def unreadable(s):
    s.left.chmod(0)  # root may read it all the same


def same_output(s):
    s.left = s.write("a.txt", b"1 2 3 4 5 6 7 8")
    s.output = s.left


def output_is_a_folder(s):
    s.output = s.folder / "right_folder"
    s.output.mkdir()


def output_below_a_file(s):
    s.output = s.write("file", b"mine") / "x.csv"


def folder_and_file(s):
    s.use_folders()
    s.right = s.write("b.bin", bytes(32))


def a_folder_named_like_a_file(s):
    (s.folder / "left" / "a.bin").unlink()
    (s.folder / "left" / "a.bin").mkdir()


def dangling(s):
    (s.folder / "left" / "a.bin").unlink()
    (s.folder / "left" / "a.bin").symlink_to("nowhere")


def fifo(s):
    (s.folder / "left" / "a.bin").unlink()
    os.mkfifo(s.folder / "left" / "a.bin")


def nothing_in_common(s):
    (s.folder / "left" / "a.bin").rename(s.folder / "left" / "c.bin")
    (s.folder / "left" / "b.bin").rename(s.folder / "left" / "d.bin")


def no_tensors(s):
    for name in ("a.bin", "b.bin"):
        (s.folder / "left" / name).unlink()


def many_numbers(s):
    s.left = s.write("a.txt", b" ".join(b"%d" % i for i in range(100000)))
    np.arange(100000, dtype=np.float32).tofile(s.right)


ROW = ("a.bin",)
CASES = [
    Case("two equal files", None, ""),
    Case("two folders", folders(lambda s: None), ""),
    Case("text and floats", left("a.txt", b"0 0 0 0\n0 0 0 0 # end"), ""),
    Case("many numbers", many_numbers, ""),
    Case("numbers beyond float32", left("a.txt", b"1e999 -1e999 1e-999 0 0 0 0 nan"), ""),
    Case("numbers of thousands of digits", left("a.txt", b" ".join([b"0." + b"1" * 5000] * 8)), ""),
    Case("no argument", lambda s: s.arguments.clear(), USAGE, ("LEFT",)),
    Case("one argument", lambda s: s.arguments.pop(), USAGE, ("RIGHT",)),
    Case("three arguments", words("third"), USAGE, ("third",)),
    Case("an unknown option", words("--min-cosin", "1"), USAGE, ("--min-cosine",)),
    Case("a limit that is no number", words("--max-abs", "low"), USAGE, ("--max-abs", "low")),
    Case("an unknown order", words("--sort", "size"), USAGE, ("--sort", "cosine")),
    Case("an unknown type", words("--dtype", "int9"), USAGE, ("int9", "Did you mean 'int8'")),
    Case("half a pair of types", words("--dtype", "int8,"), USAGE, ("--dtype",)),
    Case("a file that is not there", lambda s: s.left.unlink(), MISSING, ("a.bin",)),
    Case("a file against a folder", folder_and_file, USAGE, ("left", "b.bin")),
    Case("a file that may not be read", unreadable, None, ("a.bin",)),
    Case("a file of an unknown kind", left("a.jpg", b"\xff\xd8"), USAGE, ("a.jpg", ".npy")),
    Case("an empty .bin", left("a.bin", b""), EMPTY, ("a.bin",)),
    Case("an empty .txt", left("a.txt", b""), EMPTY, ("a.txt",)),
    Case("an empty .npy", left("a.npy", b""), EMPTY, ("a.npy",)),
    Case("a .txt of blanks", left("a.txt", b" \n\n"), SIZE, ("a.txt", "no number")),
    Case("an odd size", left("a.bin", bytes(33)), SIZE, ("33", "--dtype")),
    Case("too few elements", left("a.bin", bytes(28)), SIZE, ("7", "8")),
    Case("bytes as floats", words("--dtype", "int8,float32"), SIZE, ("32", "8", "int8")),
    Case("a word in .txt", left("a.txt", b"1 2 three 4"), VALUE, ("word 3", "three")),
    Case("a picture as .txt", left("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(100)), VALUE, ("word 1",)),
    Case("one long word as .txt", left("a.txt", b"x" * 10000000), VALUE, ("word 1",)),
    Case("a code beyond its type", lambda s: (left("a.txt", b"300")(s), words("--dtype", "int8,float32")(s)), VALUE,
         ("300", "int8")),
    Case("not a .npy", left("a.npy", bytes(100)), VALUE, ("a.npy",)),
    Case("a .npy cut in its header", left("a.npy", npy("{}")[:20]), SIZE, ("a.npy",)),
    Case("a .npy cut in its data", left("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (8,), }", bytes(31))),
         SIZE, ("31",)),
    Case("a .npy of another version", left("a.npy", npy("{}", magic=b"\x93NUMPY\x09\x00")), VALUE, ("version 9",)),
    Case("a .npy without keys", left("a.npy", npy("{}")), VALUE, ("descr",)),
    Case("a .npy of objects", shape("(4,)", "'|O'"), VALUE, ("|O",)),
    Case("a .npy of structures", shape("(4,)", "[('a', '<f4')]"), VALUE, ("a.npy",)),
    Case("a .npy of negative shape", shape("(-8,)"), VALUE, ("a.npy",)),
    Case("a .npy of too large a shape", shape("(4294967296, 4294967296, 4294967296)"), SIZE, ("a.npy",)),
    Case("a .npy of terabytes", shape("(1099511627776,)"), SIZE, ("a.npy",)),
    Case("a .npy of another shape", shape("(2, 4)"), ""),
    Case("a .npy of no element", left("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", b"")), SIZE,
         ("0 elements", "8")),
    Case("the result replaces an input", same_output, USAGE, ("a.txt",)),
    Case("the result is a folder", output_is_a_folder, UNWRITABLE, ("right_folder",)),
    Case("the result below a file", output_below_a_file, UNWRITABLE, ("file",)),
    Case("JSON below a file", words("--json", "a.bin/x.json"), None, ("a.bin",)),
    Case("nothing in common", folders(nothing_in_common), "OHB-0400", ("left", "right")),
    Case("a folder without tensors", folders(no_tensors), "OHB-0400", ("left", "0 tensors")),
    Case("a damaged file in a folder", in_left("a.bin", bytes(33)), SIZE, ROW),
    Case("another size in a folder", in_left("a.bin", bytes(28)), SIZE, ROW),
    Case("an empty file in a folder", in_left("a.bin", b""), EMPTY, ROW),
    Case("a folder in a folder", folders(a_folder_named_like_a_file), UNREADABLE, ROW),
    Case("a link to nowhere", folders(dangling), MISSING, ROW),
    Case("a pipe", folders(fifo), UNREADABLE, ROW),
    Case("an index that is no JSON", index(b"{"), VALUE, ("dump_index.json",)),
    Case("an empty index", index(b""), EMPTY, ("dump_index.json",)),
    Case("an index of another kind", index(b"[1, 2]"), VALUE, ("dump_index.json",)),
    Case("an index of deep brackets", index(b"[" * 1000000), VALUE, ("dump_index.json",)),
    Case("an index that leaves its folder", index({"files": ["../b.bin"]}), VALUE, ("../b.bin",)),
    Case("an index with an unknown type", index({"dtype": "int4"}), VALUE, ("int4",)),
    Case("an index with a negative shape", index({"shape": [-8]}), VALUE, ("dump_index.json",)),
    Case("an index with a huge shape", index({"shape": [2**62, 2**62]}), VALUE, ("dump_index.json",)),
    Case("an index with a shape of words", index({"shape": ["8"]}), VALUE, ("shape",)),
    Case("an index with another shape", index({"shape": [9]}), SIZE, ROW),
    Case("an index with another type", index({"dtype": "float64"}), SIZE, ROW),
    Case("an index with scales that do not fit", index({"scale": [1, 2], "zero_point": [0, 0], "axis": 0}), VALUE,
         ("scales",)),
    Case("an index with scales of words", index({"scale": ["1"], "zero_point": [0], "axis": -1}), VALUE, ("scales",)),
    Case("an index with a far zero point", index({"scale": [1], "zero_point": [1e300], "axis": -1}), VALUE, ("zero point",)),
    Case("an index with a huge scale", index({"scale": [1e300], "zero_point": [0], "axis": -1}), VALUE, ("scales",)),
    Case("an index with a far axis", index({"scale": [1], "zero_point": [0], "axis": 2**40}), VALUE, ("axis",)),
    Case("an index that lists a missing file", index({"files": ["z.bin"]}), ""),
    Case("a damaged index beside a file", lambda s: s.write("dump_index.json", b"{"), VALUE, ("dump_index.json",)),
    Case("a damaged index and --dtype", lambda s: (s.write("dump_index.json", b"{"), words("--dtype", "float32")(s)), ""),
]
