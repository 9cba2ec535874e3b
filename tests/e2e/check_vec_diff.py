#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vec_diff on what hb_mapper infer, hrt_bin_dump and hrt_model_exec write, its numbers against NumPy's."""
import argparse
import csv
import json
import sys

import numpy as np
from check_tools import EXAMPLE, Check

COLUMNS = ["Left Files", "Right Files", "Cosine Similarity", "Relative Euclidean Distance", "Max Absolute Error", "Mean Square Error"]


def numbers(a, b):
    a, b = (x.astype(np.float64).ravel() for x in (a, b))
    return [a @ b / np.sqrt((a @ a) * (b @ b)), np.linalg.norm(a - b) / np.linalg.norm(b), np.abs(a - b).max(), np.mean((a - b) ** 2)]


class VecDiffCheck(Check):
    def vec_diff(self, left, right, *options, status=0):
        """{name of the left file: (name of the right file, the four numbers or none)}"""
        text = self.run(self.args.vec_diff, left, right, "-o", self.work / "result.csv", *options, status=status)
        with open(self.work / "result.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        self.expect(rows[0] == COLUMNS, f"columns {rows[0]}")
        name = lambda path: path.rsplit("/", 1)[-1]
        return {name(row[0]): (name(row[1]), [float(x) for x in row[2:] if x]) for row in rows[1:]}, text

    def infer(self, folder, model, results):
        self.run(self.args.hb_mapper, "infer", "-c", folder / "config.yaml", "--model-file", folder / f"m_{model}_model.onnx",
                 "--model-type", "onnx", "--image-file", "image", self.pictures[0], "--output-dir", results, "--threads", 1)
        return results

    def dump(self, folder, name, *options, env=None):
        self.run(self.args.hrt, "infer", f"--model_file={folder / 'm.bin'}", f"--input_file={self.pixels}",
                 f"--dump_path={self.work / name}", *options, env=env)
        return self.work / name

    # --- what convolutions compute, on the development machine and on the board ---
    def check_layers(self, folder):
        dumped, files = self.check_bin_dump(folder)
        quantized, floats = self.work / f"{folder.name}_expected", self.infer(folder, "original_float", self.work / "float")
        rows, _ = self.vec_diff(dumped, quantized, "--min-cosine", 1, "--max-abs", 0, "--strict")
        self.expect(sorted(rows) == files and all(row == (name, [1, 0, 0, 0]) for name, row in rows.items()),
                    f"hrt_bin_dump and infer: {rows}")
        rows, text = self.vec_diff(quantized, floats, "--sort", "cosine", "--json", self.work / "result.json")
        for name, (right, found) in rows.items():
            expected = numbers(*(np.fromfile(f / name, np.float32) for f in (quantized, floats)))
            self.expect(right == name and np.allclose(found, expected, rtol=1e-9, atol=0), f"{name}: {found}, NumPy {expected}")
        self.expect(sorted(rows) == files, f"{len(rows)} rows for {len(files)} files")
        worst = min(rows, key=lambda name: rows[name][1][0])
        table = [line.split()[0] for line in text.splitlines() if line.split() and line.split()[0] + ".bin" in rows]
        self.expect(len(table) == len(rows) and table[0] + ".bin" == worst, f"--sort cosine begins with {table[:1]}, {worst} is worst")
        result = json.loads((self.work / "result.json").read_text())
        self.expect({r["name"] + ".bin": r["mse"] for r in result["rows"]} == {n: r[1][3] for n, r in rows.items()}, "JSON has the same numbers")
        limit = (rows[worst][1][0] + 1) / 2
        _, text = self.vec_diff(quantized, floats, "--min-cosine", limit, "--quiet", status=1)
        self.expect(worst.removesuffix(".bin") + ": cosine similarity" in text, f"--min-cosine: {text}")

    # --- dumps of hrt_model_exec, their names, types and scales by dump_index.json ---
    def check_dumps(self, folder):
        codes = self.dump(folder, "codes", "--dump_intermediate=1")
        real = self.dump(folder, "real", "--dump_intermediate=1", "--hybrid_dequantize_process=true")
        text = self.dump(folder, "text", "--dump_intermediate=3", env={"OPENHB_ISA": "ref"})
        index = json.loads((codes / "dump_index.json").read_text())["tensors"]
        scaled = [row["files"][0] for row in index if "scale" in row]
        self.expect(len(scaled) > 20, f"{len(scaled)} tensors of codes")
        for other in (real, text):
            rows, _ = self.vec_diff(codes, other, "--strict", "--max-abs", 0)
            self.expect(list(rows) == [row["files"][0] for row in index], f"{other.name}: in the order of execution")
        for path in text.glob("*.bin"):
            path.unlink()
        rows, _ = self.vec_diff(text, codes, "--max-abs", 1e-6)
        self.expect(len(rows) == len(index) and all(name.endswith(".txt") for name in rows), "text against codes")
        (real / "dump_index.json").unlink()
        rows, _ = self.vec_diff(codes, real, "--max-abs", 0, status=1)  # the input of bytes is no float32 there
        self.expect(all(rows[name] == (name[:-4] + "_float.bin", [1, 0, 0, 0]) for name in scaled), "codes against _float.bin by name")
        one, _ = self.vec_diff(codes / scaled[0], real / (scaled[0][:-4] + "_float.bin"))
        self.expect(one == {scaled[0]: (scaled[0][:-4] + "_float.bin", [1, 0, 0, 0])}, f"one file with an index beside it: {one}")
        bare, _ = self.vec_diff(codes / scaled[0], codes / scaled[0], "--dtype", "int8")
        self.expect(len(bare) == 1, "--dtype")

    # --- NumPy's files ---
    def check_npy(self):
        random = np.random.default_rng(5)
        a, b = (random.normal(size=(2, 3, 40)).astype(np.float32) for _ in range(2))
        folder = self.folder("npy")
        np.save(folder / "a.npy", a)
        np.save(folder / "b.npy", np.asfortranarray(b))
        np.save(folder / "c.npy", b.astype(">f8"))
        np.savetxt(folder / "d.txt", b.reshape(6, 40), header="six rows")
        b.tofile(folder / "e.bin")
        for name in ("b.npy", "c.npy", "d.txt", "e.bin"):
            rows, _ = self.vec_diff(folder / "a.npy", folder / name)
            self.expect(np.allclose(rows["a.npy"][1], numbers(a, b), rtol=1e-12, atol=0), f"a.npy against {name}: {rows}")

    def check_words(self):
        text = self.run(self.args.vec_diff, "--help")
        self.expect("Examples:" in text and "--min-cosine" in text, "--help with examples")
        self.expect(self.run(self.args.vec_diff, "--version").strip()[0].isdigit(), "--version")
        np.zeros(3, np.float32).tofile(self.work / "z.bin")
        self.expect(self.run(self.args.vec_diff, "z.bin", "z.bin", "--quiet") == "", "--quiet says nothing")
        self.expect((self.work / "vec_diff_out.csv").read_text().splitlines()[1] == "z.bin,z.bin,1,0,0,0", "vec_diff_out.csv")
        self.expect("Results in vec_diff_out.csv" in (self.work / "vec_diff.log").read_text(), "vec_diff.log")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--hb-mapper", "--hrt", "--bin-dump", "--vec-diff", "--work"):
        parser.add_argument(option, required=True)
    parser.add_argument("--verbose", action="store_true")
    check = VecDiffCheck(parser.parse_args())
    signs = check.convert("signs", EXAMPLE / "traffic_signs.onnx", "")
    check.check_layers(signs)
    check.check_dumps(signs)
    check.check_npy()
    check.check_words()
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
