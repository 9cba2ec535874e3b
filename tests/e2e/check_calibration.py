# SPDX-License-Identifier: Apache-2.0
"""Calibration data end to end, on the project's own example: what a stopped and repeated conversion gives, memory,
--memory-limit, the table of findings, and the dump."""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/traffic_signs"
ARTEFACTS = ["traffic_signs.bin"] + [f"traffic_signs_{s}_model.onnx"
                                     for s in ("original_float", "optimized_float", "calibrated", "quantized")]
failures = []


def check(condition, text):
    print(("ok    " if condition else "FAILED ") + text, flush=True)
    if not condition:
        failures.append(text)


class Converter:
    def __init__(self, tool, work):
        self.tool, self.work = tool, work

    def start(self, folder, name, *options, on=True, extra=""):
        """A conversion of `folder` into `name`, begun."""
        config = (EXAMPLE / "config.yaml").read_text()
        config = config.replace("'./calibration'", f"'{folder}'").replace("'traffic_signs.onnx'", f"'{EXAMPLE}/traffic_signs.onnx'")
        config = config.replace("preprocess_on: True", f"preprocess_on: {on}").replace("  march:", extra + "  march:")
        (self.work / f"{name}.yaml").write_text(config)
        run = self.work / f"run_{name}"
        run.mkdir(exist_ok=True)
        self.log = run / "output.txt"
        # A signal that is ignored stays ignored in children, and test runners in the background ignore SIGINT.
        return subprocess.Popen([self.tool, "makertbin", "-c", self.work / f"{name}.yaml", "--model-type", "onnx", "--threads", "2",
                                 "--working-dir", self.work / name, "--json", run / "result.json", *options],
                                cwd=run, stdout=open(self.log, "w"), stderr=subprocess.STDOUT,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def run(self, folder, name, *options, **more):
        """Exit status, output, peak memory in bytes, seconds."""
        begin = time.monotonic()
        process = self.start(folder, name, *options, **more)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, self.log.read_text(), usage.ru_maxrss * 1024, time.monotonic() - begin

    def result(self, name):
        return json.loads((self.work / f"run_{name}/result.json").read_text())

    def artefacts(self, name):
        return {a: (self.work / name / a).read_bytes() for a in ARTEFACTS if (self.work / name / a).exists()}


def links(folder, count):
    """`count` samples from the pictures of the example."""
    folder.mkdir()
    pictures = sorted((EXAMPLE / "calibration").iterdir())
    for i in range(count):
        (folder / f"{i:06}.png").symlink_to(pictures[i % len(pictures)])
    return folder


def stop_behind_checkpoint(convert, process, path, number):
    """Sends the signal once a checkpoint is new; False when the conversion was faster."""
    begin = path.stat().st_mtime_ns if path.exists() else 0
    while process.poll() is None:
        if path.exists() and path.stat().st_mtime_ns != begin:
            process.send_signal(number)
            process.wait(60)
            return True
        time.sleep(0.02)
    return False


def stopped_twice(convert, work, count):
    """A conversion that is stopped by Ctrl-C, continued, and killed; None when `count` samples take too little time."""
    folder = links(work / f"samples_{count}", count)
    checkpoint = work / "stopped/traffic_signs_calibration.checkpoint"
    process = convert.start(folder, "stopped")
    if not stop_behind_checkpoint(convert, process, checkpoint, signal.SIGINT):
        return None
    texts = [convert.log.read_text()]
    status = process.returncode
    left = sorted(p.name for p in (work / "stopped").iterdir())
    foreign = checkpoint.read_bytes()
    process = convert.start(folder, "stopped")
    if not stop_behind_checkpoint(convert, process, checkpoint, signal.SIGKILL):
        return None
    return folder, status, left, foreign, texts + [convert.log.read_text()]


def check_resume(convert, work):
    convert.run(links(work / "some", 30), "short")
    _, _, _, short = convert.run(links(work / "more", 400), "time")
    count, found = int(min(max(400 * 8 / short, 2000), 40000)), None
    while not found and count < 500000:
        shutil.rmtree(work / "stopped", ignore_errors=True)
        found = stopped_twice(convert, work, count)
        count *= 2
    check(found is not None, "long enough to be stopped twice behind a checkpoint")
    if not found:
        return
    folder, status, left, foreign, texts = found
    check(status == 130, f"Ctrl-C: exit status {status}")
    check("interrupted" in texts[0], "Ctrl-C: a clear message")
    check(left in (["traffic_signs_calibration.checkpoint"], [".traffic_signs.new", "traffic_signs_calibration.checkpoint"]),
          f"Ctrl-C: no artefact, nothing half-written: {left}")
    before = re.search(r"(\d+) of \d+ samples are done", texts[1])
    check(before is not None, f"continued after Ctrl-C: {before and before[0]}")
    convert.run(folder, "whole")
    whole = convert.artefacts("whole")
    status, text, _, _ = convert.run(folder, "stopped")
    after = re.search(r"(\d+) of \d+ samples are done", text)
    check(status == 0 and after is not None, f"continued after kill -9: {after and after[0]}")
    check(before and after and int(after[1]) > int(before[1]), "more was done the second time")
    check(convert.artefacts("stopped") == whole, "the same bytes as without interruption")
    check(not (work / "stopped/traffic_signs_calibration.checkpoint").exists(), "no checkpoint is left")

    # A checkpoint of other data or a damaged one.
    for name, content in (("foreign", None), ("damaged", b"OpenHB calibration checkpoint 1\nrubbish")):
        if content is None:
            content = foreign
        target = work / "short"
        target.mkdir(exist_ok=True)
        (target / "traffic_signs_calibration.checkpoint").write_bytes(content)
        status, text, _, _ = convert.run(work / "some", "short")
        check(status == 0 and "is not used" in text and "Continuing" not in text, f"{name} checkpoint: passed over with a notice")


def check_memory(convert, work):
    _, _, few, _ = convert.run(links(work / "fifty", 50), "few")
    _, text, many, _ = convert.run(links(work / "more", 2000), "much")
    check(abs(many - few) <= 0.05 * few, f"peak memory of 50 samples {few / 2**20:.1f} MiB, of 2000 {many / 2**20:.1f} MiB")
    predicted = convert.result("much")["predicted_peak_bytes"]
    check(many <= predicted <= 1.6 * many, f"predicted {predicted / 2**20:.1f} MiB")
    check(0 < text.find("Predicted peak memory") < text.find("Calibration method"), "the prediction comes first")

    status, text, _, _ = convert.run(work / "fifty", "refused", "--memory-limit", "10M")
    check(status == 1 and "--memory-limit allows 10 MiB" in text and "needs" in text, "too low a limit is refused")
    check(not convert.artefacts("refused"), "refused before any artefact")
    status, text, peak, _ = convert.run(work / "fifty", "limited", "--memory-limit", str(int(few * 1.6)))
    check(status == 0 and peak <= few * 1.6, "a sufficient limit is kept")
    status, text, _, _ = convert.run(work / "fifty", "wrong", "--memory-limit", "many")
    check(status == 2 and "is no size" in text, "a limit that is no size is a usage error")


def check_lint(convert, work):
    folder = work / "odd"
    folder.mkdir()
    pictures = sorted((EXAMPLE / "calibration").iterdir())
    for i, path in enumerate(pictures[:20]):
        shutil.copy(path, folder / f"{i:03}.png")
    shutil.copy(pictures[0], folder / "copy.png")
    Image.new("RGB", (64, 64)).save(folder / "black.png")
    Image.new("RGB", (64, 64), (255, 255, 255)).save(folder / "white.bmp")
    status, text, _, _ = convert.run(folder, "odd_result")
    found = {f["check"]: f for f in convert.result("odd_result")["findings"]}
    check(status == 0 and set(found) >= {"duplicates", "constant"}, f"findings: {sorted(found)}")
    check("Severity" in text and found["duplicates"]["text"] in text, "they are a table in the log")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    status, text, _, _ = convert.run(folder, "broken_result")
    check(status == 1 and "broken.jpg" in text and not convert.artefacts("broken_result"), "a broken picture ends the conversion")

    raw = work / "raw"
    raw.mkdir()
    for i, path in enumerate(pictures[:24]):
        pixels = np.asarray(Image.open(path).convert("RGB").resize((32, 32)))
        (raw / f"{i}.bin").write_bytes(np.zeros(7, np.uint8).tobytes() if i == 5 else pixels.tobytes())
    status, text, _, _ = convert.run(raw, "raw_result", on=False)
    check(status == 1 and "cannot reshape array of size" in text and "into shape (1,3," in text, "the documented sentence for a wrong size")


def check_dump(convert, work):
    status, text, _, _ = convert.run(EXAMPLE / "calibration", "dump", extra="  debug_mode: 'dump_calibration_data'\n")
    files = sorted((work / "dump/calibration_data/image").glob("*.npy"), key=lambda p: int(p.stem))
    pictures = sorted((EXAMPLE / "calibration").iterdir())
    check(status == 0 and [f.name for f in files] == [f"{i}.npy" for i in range(len(pictures))], f"{len(files)} dumped samples")
    mean, scale = np.array([123.675, 116.28, 103.53]), np.array([0.0171, 0.0175, 0.0174])
    worst = 0.0
    for path, picture in zip(files, pictures):
        values = np.load(path)
        image = Image.open(picture).convert("RGB")
        if values.shape[2:] != (image.height, image.width):
            continue  # resized: tested elsewhere
        expected = (np.asarray(image, np.float64) - mean) * scale
        worst = max(worst, float(np.abs(values[0] - expected.transpose(2, 0, 1)).max()))
    check(worst < 1e-4, f"(pixel - mean) * scale, off by {worst:.1e} at most")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hb-mapper", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    for part in (check_resume, check_memory, check_lint, check_dump):
        work = options.work / part.__name__
        work.mkdir(parents=True)
        part(Converter(options.hb_mapper.resolve(), work.resolve()), work.resolve())
    print(f"{len(failures)} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
