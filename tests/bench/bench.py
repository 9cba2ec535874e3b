#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of whole networks against stock ONNX Runtime, of single layers against this core's peak, of loading; and what
the aims are. Everything is measured in one go, in turns (pairs.py). docs/benchmarks.md explains the tables."""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import networks  # noqa: E402
import pairs  # noqa: E402

ROOT = HERE.parents[1]
LARGE = 1e9  # MACs from which two threads must scale


def table(title, head, rows):
    print(f"\n{title}")
    rows = [[format_cell(c) for c in row] for row in rows]
    widths = [max(len(r[i]) for r in [head] + rows) for i in range(len(head))]
    for row in [head] + rows:
        cells = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip())
    sys.stdout.flush()


def format_cell(value):
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def aim(value, least=None, most=None):
    """"1.62 (1.5)", with a "<" or ">" before the aim where it is missed."""
    if value is None:
        return "-"
    if least is None and most is None:
        return f"{value:.2f}"
    missed = "<" if least is not None and value < least else ">" if most is not None and value > most else ""
    return f"{value:.2f} ({missed}{least if least is not None else most})"


def geometric_mean(values):
    values = [v for v in values if v]
    return math.exp(statistics.fmean(math.log(v) for v in values)) if values else None


class Bench:
    def __init__(self, options):
        self.options = options
        build = options.build
        self.hb_mapper, self.float_bin = build / "host/hb_mapper", build / "tests/float_bin"
        self.kernel_bench = build / "tests/kernel_bench"
        self.work = options.work
        self.work.mkdir(parents=True, exist_ok=True)
        self.engines = pairs.Engines(build / "tests/engine_worker", ROOT / "node_modules", self.work)
        self.cpus = len(os.sched_getaffinity(0))
        self.result = {"cpu": self.cpu_name(), "cpus": self.cpus, "networks": {}}

    @staticmethod
    def cpu_name():
        for line in open("/proc/cpuinfo"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
        return "?"

    def prepare(self, names):
        reports = {}
        for name in names:
            if networks.available(name):
                print(f"bench: preparing {name}", file=sys.stderr)
                reports[name] = networks.prepare(name, self.work / "networks", self.hb_mapper, self.float_bin)
            else:
                print(f"bench: {name} is skipped: {networks.NETWORKS[name]['file']} does not exist", file=sys.stderr)
        return reports

    def choose_ort_form(self, folder):
        """ONNX Runtime runs the converter's file or its own quantizer's form of it: the faster one counts."""
        forms = {f: self.engines.ort(folder / f) for f in ("int8.onnx", "int8_qdq.onnx")}
        times = pairs.in_turns(forms, 3, self.options.round_ms)
        for worker in forms.values():
            worker.close()
        return min(times, key=lambda f: statistics.median(times[f]))

    def workers(self, folder):
        e = self.engines
        made = {"int8": e.ours(folder / "int8.bin"), "int16": e.ours(folder / "int16.bin"), "float": e.ours(folder / "float.bin"),
                "int8 avx2": e.ours(folder / "int8.bin", isa="avx2")}
        form = None
        if e.module:
            form = self.choose_ort_form(folder)
            made |= {"ort int8": e.ort(folder / form, dump=folder / "ort_optimized.onnx"), "ort float": e.ort(folder / "float.onnx")}
        if self.cpus > 1:
            made["int8 x2"] = e.ours(folder / "int8.bin", 2)
            if e.module:
                made["ort int8 x2"] = e.ort(folder / form, 2)
        return made, form

    def network(self, name, report):
        folder = self.work / "networks" / name
        workers, form = self.workers(folder)
        try:
            times = pairs.in_turns(workers, self.options.rounds, self.options.round_ms)
            profile = json.loads(workers["int8"].ask(f"profile {max(3, self.options.rounds)}"))
            loads = [int(t) / 1e6 for t in workers["int8"].ask("load 20").split()]
        finally:
            for worker in workers.values():
                worker.close()
        result = {"macs": report["macs"], "ms": {k: pairs.milliseconds(times, k) for k in times}, "ort_form": form,
                  "load_ms": statistics.median(loads), "arena": report["arena_bytes"], "arena_bound": report["arena_lower_bound"],
                  "int16_arena": report["int16"]["arena_bytes"], "int16_arena_bound": report["int16"]["arena_lower_bound"],
                  "profile": profile}
        ratio = lambda a, b: pairs.ratio(times, a, b)
        result["ratios"] = {
            "ort int8 / int8": ratio("ort int8", "int8"), "ort int8 / int8, 2 threads": ratio("ort int8 x2", "int8 x2"),
            "int8: 1 thread / 2 threads": ratio("int8", "int8 x2"), "ort int8: 1 thread / 2 threads": ratio("ort int8", "ort int8 x2"),
            "ort int8 / int8 avx2": ratio("ort int8", "int8 avx2"), "float / int8": ratio("float", "int8"),
            "float / ort float": ratio("float", "ort float"), "int16 / int8": ratio("int16", "int8")}
        if form:
            result["ort_operators"] = self.operators(folder / "ort_optimized.onnx")
        return result

    @staticmethod
    def operators(path):
        """What ONNX Runtime made of the model: convolutions in integers and others."""
        import onnx
        kinds = [n.op_type for n in onnx.load(str(path), load_external_data=False).graph.node]
        return {k: kinds.count(k) for k in sorted(set(kinds))}

    def kernels(self):
        if not self.kernel_bench.exists():
            print("bench: no kernel_bench (libbenchmark-dev was not there when the build was configured)", file=sys.stderr)
            return {}
        seconds = 0.02 if self.options.quick else 0.1
        text = subprocess.run([self.kernel_bench, "--benchmark_format=json", f"--benchmark_min_time={seconds}"], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        return {b["name"]: {"us": b["cpu_time"] / (1 if b["time_unit"] == "us" else 1e3), "macs_per_s": b.get("MAC"),
                            "bytes_per_s": b.get("bytes"), "row": b.get("label")} for b in json.loads(text)["benchmarks"]}


def print_networks(results, peak):
    r = {n: x["ratios"] for n, x in results.items()}
    a = {n: networks.NETWORKS[n].get("aim") for n in results}
    ms = lambda n, k: results[n]["ms"].get(k)
    share = lambda n: f"{results[n]['macs'] / ms(n, 'int8') / 1e-3 / peak:.0%}" if peak else None
    table("int8, one thread, against ONNX Runtime's int8 (ratios: times as fast; in brackets the aim)",
          ["network", "GMAC", "ms", "of peak", "ORT ms", "ratio", "avx2 row ms", "ratio to ORT's best"],
          [[n, results[n]["macs"] / 1e9, ms(n, "int8"), share(n), ms(n, "ort int8"), aim(r[n]["ort int8 / int8"], a[n]), ms(n, "int8 avx2"),
            aim(r[n]["ort int8 / int8 avx2"])] for n in results] +
          [["geometric mean", None, None, None, None, aim(geometric_mean(x["ort int8 / int8"] for x in r.values()), 2), None,
            aim(geometric_mean(x["ort int8 / int8 avx2"] for x in r.values()))]])
    table("int8, two threads",
          ["network", "ms", "ORT ms", "ratio", "speed of two by one", "ORT's"],
          [[n, ms(n, "int8 x2"), ms(n, "ort int8 x2"), aim(r[n]["ort int8 / int8, 2 threads"], a[n]),
            aim(r[n]["int8: 1 thread / 2 threads"], 1.8 if results[n]["macs"] > LARGE else 1.0), aim(r[n]["ort int8: 1 thread / 2 threads"])]
           for n in results] +
          [["geometric mean", None, None, aim(geometric_mean(x["ort int8 / int8, 2 threads"] for x in r.values()), 2), None, None]])
    table("float and int16, one thread",
          ["network", "float ms", "ORT float ms", "float: time by ORT's", "int8 faster than float", "int16 ms", "int16: time by int8's"],
          [[n, ms(n, "float"), ms(n, "ort float"), aim(r[n]["float / ort float"], most=1.3), aim(r[n]["float / int8"], 2.5), ms(n, "int16"),
            aim(r[n]["int16 / int8"], most=2.5)] for n in results])
    kib = lambda n, k: f"{results[n][k] / 1024:.0f}"
    table("memory and loading (the bound: the largest sum of live tensors)",
          ["network", "arena KiB", "bound", "ratio", "int16 arena KiB", "bound", "ratio", "load ms"],
          [[n, kib(n, "arena"), kib(n, "arena_bound"), aim(results[n]["arena"] / results[n]["arena_bound"], most=1.1), kib(n, "int16_arena"),
            kib(n, "int16_arena_bound"), aim(results[n]["int16_arena"] / results[n]["int16_arena_bound"], most=1.1),
            aim(results[n]["load_ms"], most=2.0 if n == "mobilenetv2" else None)] for n in results])
    rows = []
    for n, x in results.items():
        total = sum(s["ns"] for s in x["profile"]["steps"])
        for s in sorted(x["profile"]["steps"], key=lambda s: -s["ns"])[:3]:
            rate = s["macs"] / s["ns"] * 1e9 if s["ns"] else 0
            rows.append([n, f"{s['ns'] / 1e3:.0f}", f"{s['ns'] / total:.0%}", f"{rate / peak:.0%}" if peak and rate else None, s["row"],
                         f"{s['step']} {s['node'][-30:]} {s['output']}"])
    table("the three slowest steps of each network", ["network", "us", "share", "of peak", "row", "step"], rows)


def print_kernels(kernels):
    peaks = {k[5:]: v["macs_per_s"] for k, v in kernels.items() if k.startswith("peak/")}
    if not peaks:
        return
    print("\nThis core at most, GMAC/s: " + ", ".join(f"{k} {v / 1e9:.0f}" for k, v in peaks.items()))
    layers = dict.fromkeys(k.split("/")[0] for k in kernels if not k.startswith("peak/"))
    levels = list(dict.fromkeys(k.split("/")[1] for k in kernels if not k.startswith("peak/")))
    rows = []
    for layer in layers:
        cells = [layer]
        for level in levels:
            k = kernels.get(f"{layer}/{level}")
            rate = k["macs_per_s"] / 1e9 if k["macs_per_s"] else None
            peak = peaks.get(("float/" if layer.startswith("float") else "int8/") + k["row"])
            cells += [k["us"], rate or f"{k['bytes_per_s'] / 1e9:.3g} GB/s", f"{rate * 1e9 / peak:.0%}" if rate and peak else None]
        rows.append(cells)
    table("single layers (GMAC/s; GB/s where nothing is multiplied)", ["layer"] + [h for l in levels for h in (l + " us", "GMAC/s", "of peak")], rows)


def main():
    chosen = [n for n, x in networks.NETWORKS.items() if not x.get("extra")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="of: " + ", ".join(networks.NETWORKS) + "; default: all but the last")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures, also each step's")
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--no-kernels", action="store_true", help="whole networks only")
    parser.add_argument("--prepare", action="store_true", help="only make the networks' files")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="where the programs are [build/release]")
    parser.add_argument("--work", type=Path, default=ROOT / "build/bench", help="where files are made [build/bench]")
    options = parser.parse_args()
    options.build, options.work = options.build.resolve(), options.work.resolve()
    for name in options.networks:
        if name not in networks.NETWORKS:
            parser.error(f"there is no network '{name}'; there are: {', '.join(networks.NETWORKS)}")
    options.rounds, options.round_ms = (5, 10) if options.quick else (15, 30)
    bench = Bench(options)
    reports = bench.prepare(options.networks or chosen)
    if options.prepare:
        return
    if not bench.engines.module:
        print("bench: onnxruntime-node is not installed (scripts/setup installs it): no comparison with ONNX Runtime", file=sys.stderr)
    else:
        print(f"ONNX Runtime through node; {bench.engines.overhead / 1e3:.0f} us per call are node's and taken off")
    if bench.cpus < 2:
        print("one CPU only: nothing is measured with two threads")
    kernels = {} if options.no_kernels else bench.kernels()
    peak = max((v["macs_per_s"] for k, v in kernels.items() if k.startswith("peak/int8")), default=None)
    for name, report in reports.items():
        print(f"bench: {name}", file=sys.stderr)
        bench.result["networks"][name] = bench.network(name, report)
    bench.result |= {"kernels": kernels, "peak": peak, "ort_overhead_ns": bench.engines.overhead}
    print(f"{bench.result['cpu']}, {bench.cpus} CPUs")
    if reports:
        print_networks(bench.result["networks"], peak)
    print_kernels(kernels)
    if options.json:
        options.json.write_text(json.dumps(bench.result, indent=1) + "\n")


if __name__ == "__main__":
    main()
