#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Model cycles of the aarch64 engine per step, counted under emulation (docs/benchmarks.md: the model's assumptions).

  a55.py FILE.bin|layer:NAME...     tables of steps
  a55.py layers                     all single layers
  --row neon|dotprod|i8mm           the kernel row (sets OPENHB_ISA and the emulated processor)
  --hot STEP                        the hottest blocks of this step with their assembler text
  --counts PROGRAM ARGUMENTS...     any aarch64 program as a whole: instructions and cycles

The figures are a deterministic model's cycles, not times of a board; no load on this machine changes them.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import a55_model  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
WHOLE_RUN = "-2"
MACS_PER_CYCLE = 16  # one 128-bit SDOT
ROWS = {"neon": "cortex-a53", "dotprod": "cortex-a76", "i8mm": "max"}


def plugin(work):
    """The counting plugin, compiled once."""
    source = Path(__file__).with_name("block_counts.c")
    library = work / "libblock_counts.so"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        work.mkdir(parents=True, exist_ok=True)
        part = work / f"libblock_counts.{os.getpid()}.so"
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}", "-shared", "-fPIC", str(source), "-o", str(part)],
                       check=True)
        part.rename(library)
    return library


def count(command, row, work):
    """Runs an aarch64 program under the plugin -> (its standard output, {tag: counts})."""
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        emulator = ["qemu-aarch64", "-cpu", ROWS[row], "-L", "/usr/aarch64-linux-gnu", "-plugin", f"{plugin(work)},out={counts}"]
        run = subprocess.run(emulator + [str(c) for c in command], stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "OPENHB_ISA": row})
        if run.returncode:
            raise SystemExit(f"a55: {' '.join(map(str, command))} ended with status {run.returncode}")
        return run.stdout, a55_model.read_counts(counts)


def measure(target, options):
    """{"name", "row", "cycles" of a whole run, "floor", "steps": [...]}"""
    text, marks = count([options.program, target], options.row, options.work)
    result = json.loads(text)
    pricer = a55_model.Pricer()
    for number, step in enumerate(result["steps"]):
        priced = pricer.cycles(marks.get(str(number), {}))
        step["cycles"], step["instructions"] = round(priced["cycles"]), priced["instructions"]
        step["floor"] = step["macs"] // MACS_PER_CYCLE
        step["blocks"] = priced["blocks"]
    whole = pricer.cycles(marks[WHOLE_RUN])
    result |= {"target": target, "row": options.row, "cycles": round(whole["cycles"]), "instructions": whole["instructions"],
               "macs": sum(s["macs"] for s in result["steps"])}
    result["floor"] = result["macs"] // MACS_PER_CYCLE
    result["steps_cycles"] = sum(s["cycles"] for s in result["steps"])
    return result


def share(floor, cycles):
    return f"{floor / cycles:7.1%}" if cycles and floor else "      -"


def print_table(result, top):
    total = result["steps_cycles"]
    print(f"\n{result['name']} ({result['target']}), row {result['row']}: {result['cycles'] / 1e6:.3f} M model cycles, "
          f"floor {result['floor'] / 1e6:.3f} M (MAC/{MACS_PER_CYCLE}), {share(result['floor'], result['cycles']).strip()} of the bound")
    if len(result["steps"]) > 1:
        by_kind = {}
        for s in result["steps"]:
            kind = by_kind.setdefault(s["step"], [0, 0, 0])
            kind[0], kind[1], kind[2] = kind[0] + 1, kind[1] + s["cycles"], kind[2] + s["floor"]
        for name, (n, cycles, floor) in sorted(by_kind.items(), key=lambda x: -x[1][1]):
            print(f"  {name:<16}{n:4d} steps {cycles / 1e6:9.3f} M {cycles / total:6.1%}  of the bound {share(floor, cycles)}")
        if abs(total - result["cycles"]) > 0.01 * result["cycles"]:
            print(f"  (step by step {total / 1e6:.3f} M: the engine runs some steps together when none is watched)")
    print(f"  {'#':>4} {'Mcycles':>8} {'share':>6} {'floor':>8} {'bound':>7}  row      step")
    numbered = sorted(enumerate(result["steps"]), key=lambda x: -x[1]["cycles"])
    for number, s in numbered[:top]:
        print(f"  {number:4d} {s['cycles'] / 1e6:8.3f} {s['cycles'] / total if total else 0:6.1%} {s['floor'] / 1e6:8.3f} "
              f"{share(s['floor'], s['cycles'])}  {s['row']:<8} {s['step']} {s['node']} {s['input']} -> {s['output']}")


def print_blocks(blocks, how_many=6):
    total = sum(b[0] for b in blocks)
    for cycles, runs, per_run, lines in blocks[:how_many]:
        print(f"  {cycles / total:6.1%}  {runs} runs of {len(lines)} instructions, {per_run:.1f} cycles each")
        for line in lines:
            print("        " + line.replace("\t", " "))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="FILE.bin|layer:NAME")
    parser.add_argument("--row", choices=ROWS, default="dotprod", help="kernel row [dotprod]")
    parser.add_argument("--program", type=Path, default=ROOT / "build/aarch64/tests/step_marks", help="the aarch64 step_marks")
    parser.add_argument("--work", type=Path, default=ROOT / "build/bench", help="where the plugin is compiled")
    parser.add_argument("--top", type=int, default=20, help="steps to show, the slowest first [20]")
    parser.add_argument("--hot", type=int, metavar="STEP", help="show the hottest blocks of a step")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--counts", nargs=argparse.REMAINDER, help="an aarch64 program and its arguments")
    options = parser.parse_args()
    if not shutil.which("qemu-aarch64") or not shutil.which("llvm-mc-19"):
        raise SystemExit("a55: qemu-aarch64 (package qemu-user) and llvm-mc-19 (package llvm-19) are needed; run scripts/setup")
    if options.counts:
        _, marks = count(options.counts, options.row, options.work)
        whole = a55_model.Pricer().cycles(sum(marks.values(), start=type(next(iter(marks.values())))()))
        print(f"{whole['instructions']} instructions, {whole['cycles']:.0f} model cycles")
        return
    if not options.targets:
        parser.error("name a .bin or a layer")
    targets = []
    for target in options.targets:
        if target == "layers":
            listing = subprocess.run(["qemu-aarch64", str(options.program), "--layers"], check=True, capture_output=True, text=True).stdout
            targets += ["layer:" + line.split("\t")[0] for line in listing.splitlines()]
        else:
            targets.append(target)
    results = []
    for target in targets:
        results.append(measure(target, options))
        print_table(results[-1], options.top)
        if options.hot is not None:
            print_blocks(results[-1]["steps"][options.hot]["blocks"])
        sys.stdout.flush()
    if options.json:
        for result in results:
            for step in result["steps"]:
                del step["blocks"]
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
