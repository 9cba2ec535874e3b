#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments, a full disk and a read-only folder leave the old artefacts of hb_mapper makertbin or the new
ones, whole. On the project's own example."""
import argparse
import hashlib
import pathlib
import random
import shutil
import subprocess
import sys
import time

PREFIX = "traffic_signs"
NAMES = [f"{PREFIX}_{w}_model.onnx" for w in ("original_float", "optimized_float", "calibrated", "quantized")] + \
        [f"{PREFIX}.bin", "effective_config.yaml"]
SEED = 20261121
ROUNDS = 14


class Check:
    def __init__(self, args):
        self.mapper = args.hb_mapper
        self.work = pathlib.Path(args.work)
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.out = self.work / "out"
        self.example = pathlib.Path(__file__).resolve().parents[2] / "examples" / PREFIX
        self.failures = 0

    def expect(self, condition, sentence):
        if not condition:
            print("FAIL: " + sentence, flush=True)
        self.failures += not condition

    def config(self, name, method, model=None):
        text = (self.example / "config.yaml").read_text()
        text = text.replace("'traffic_signs.onnx'", f"'{model or self.example / 'traffic_signs.onnx'}'")
        text = text.replace("'./calibration'", f"'{self.example / 'calibration'}'").replace("'default'", f"'{method}'")
        (self.work / name).write_text(text)
        return name

    def command(self, config, out=None):
        return [self.mapper, "makertbin", "-c", config, "--model-type", "onnx", "--quiet", "--working-dir", str(out or self.out)]

    def state(self, out=None):
        files = [(out or self.out) / name for name in NAMES]
        return [hashlib.sha256(f.read_bytes()).hexdigest() if f.exists() else "nothing" for f in files]

    def leftovers(self):
        return [f.name for f in self.out.iterdir() if f.name.startswith(f".{PREFIX}.")]

    def convert(self, config):
        subprocess.run(self.command(config), cwd=self.work, check=True)
        return self.state()

    def kills(self):
        configs = [self.config("max.yaml", "max"), self.config("kl.yaml", "kl")]
        # Fails before it writes anything: shows what the next run makes of an interrupted one.
        broken = self.config("broken.yaml", "max", self.work / "missing.onnx")
        whole = []
        for config in configs:
            begin = time.monotonic()
            whole.append(self.convert(config))
            duration = time.monotonic() - begin
        self.expect(whole[0][2] != whole[1][2] and whole[0][4] != whole[1][4], "the two sets differ")
        moments, outcomes = random.Random(SEED), [0, 0]
        for _ in range(ROUNDS):
            old = whole.index(self.state())
            process = subprocess.Popen(self.command(configs[1 - old]), cwd=self.work)
            time.sleep(moments.uniform(0, 1.1 * duration))
            process.kill()
            process.wait()
            if f".{PREFIX}.done" not in self.leftovers():
                self.expect(self.state() in whole, "a killed run left a mixture")
            failed = subprocess.run(self.command(broken), cwd=self.work, capture_output=True)
            self.expect(failed.returncode == 1, "a missing model is an error")
            self.expect(self.state() in whole, "the run behind a killed one left a mixture")
            self.expect(not self.leftovers(), f"leftovers: {self.leftovers()}")
            outcomes[self.state() != whole[old]] += 1
        print(f"ok:   killed {ROUNDS} times (seed {SEED}): {outcomes[0]} times the old files, {outcomes[1]} times the new ones")

    def script(self, size, body):
        """In a namespace of its own with a small file system at out."""
        text = f"mkdir -p '{self.out}' && mount -t tmpfs -o size={size} none '{self.out}' && {body}"
        return subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-ec", text], cwd=self.work, capture_output=True,
                              text=True)

    def small_disk(self):
        if self.script("1m", "true").returncode != 0:
            print("skipped: full disk and read-only folder (no mount namespaces for this user)")
            return
        sums = "sha256sum " + " ".join(f"'{self.out / n}'" for n in NAMES)
        size = sum((self.out / n).stat().st_size for n in NAMES) + (self.out / f"{PREFIX}_report.html").stat().st_size \
            if (self.out / f"{PREFIX}_report.html").exists() else sum((self.out / n).stat().st_size for n in NAMES)
        run = " ".join(f"'{c}'" for c in self.command("max.yaml"))
        again = " ".join(f"'{c}'" for c in self.command("kl.yaml"))
        full = self.script(int(size * 1.5), f"{run}; {sums} > before; if {again} 2> full.txt; then exit 9; fi; {sums} > after; "
                           f"ls -A '{self.out}' > names.txt")
        self.expect(full.returncode == 0, f"a full disk: status {full.returncode}: {full.stderr[-500:]}")
        if full.returncode == 0:
            self.expect((self.work / "before").read_text() == (self.work / "after").read_text(), "a full disk keeps the old files")
            self.expect("No space left" in (self.work / "full.txt").read_text(), "and is named")
            self.expect(f".{PREFIX}." not in (self.work / "names.txt").read_text(), "and leaves nothing behind")
        locked = self.script(int(size * 3), f"{run}; {sums} > before; mount -o remount,ro '{self.out}'; "
                             f"if {again} 2> locked.txt; then exit 9; fi; {sums} > after")
        self.expect(locked.returncode == 0, f"a read-only folder: status {locked.returncode}: {locked.stderr[-500:]}")
        if locked.returncode == 0:
            self.expect((self.work / "before").read_text() == (self.work / "after").read_text(), "a read-only folder stays")
            self.expect("Read-only file system" in (self.work / "locked.txt").read_text(), "and is named")
        print("ok:   full disk and read-only folder" if not self.failures else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hb-mapper", required=True)
    parser.add_argument("--work", required=True)
    check = Check(parser.parse_args())
    check.kills()
    check.small_disk()
    sys.exit(1 if check.failures else 0)


main()
