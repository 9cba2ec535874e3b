# SPDX-License-Identifier: Apache-2.0
"""scripts/bench --aarch64: model cycles of networks and single layers, beside the peers' by the same model."""
import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "a55")]
import a55  # noqa: E402
import networks  # noqa: E402
from bench import aim, table  # noqa: E402

ROOT = HERE.parents[1]
# Millions of model cycles: the aim, and ONNX Runtime's figure by the same model.
NETWORKS = {"mobilenetv2": (40, 67.8), "resnet50": (300, 409), "yolox_nano": (75, 202)}
# The best of ONNX Runtime, XNNPACK and ncnn. The aim is to be faster by 1.3 where True.
LAYERS = {"conv3x3_64_64_56": (10.1, False), "conv1x1_96_24_56": (0.99, True), "depthwise3x3_144_56": (3.17, True),
          "conv1x1_320_1280_7": (1.80, False), "conv3x3s2_3_32_224": (3.53, True)}
MAIN_LOOP = 0.85  # share of the SDOT bound that a main loop must reach


def main_loop_share(step):
    """SDOTs per cycle in the blocks that are at least a quarter SDOTs: how near the loops come to one per cycle."""
    products = cycles = 0
    for block_cycles, runs, _, lines in step["blocks"]:
        count = sum(line.startswith(("sdot", "udot", "usdot")) for line in lines)
        if 4 * count >= len(lines):
            products, cycles = products + count * runs, cycles + block_cycles
    return products / cycles if cycles else None


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench --aarch64", description=__doc__)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="default: " + ", ".join(NETWORKS))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--top", type=int, default=12, help="steps shown of each network [12]")
    parser.add_argument("--program", type=Path, default=ROOT / "build/aarch64/tests/step_marks")
    options = parser.parse_args()
    options.work = ROOT / "build/bench"
    names = options.networks or list(NETWORKS)
    if unknown := [n for n in names if n not in networks.NETWORKS]:
        parser.error(f"there is no network '{unknown[0]}'; there are: {', '.join(networks.NETWORKS)}")
    print("Model cycles of a two-wide in-order core (docs/benchmarks.md), counted under emulation: not times of a board.")
    build = ROOT / "build/release"

    def measure(target, row):
        options.row = row
        return a55.measure(target, options)

    results, rows = [], []
    for name in names:
        if not networks.available(name):
            print(f"bench: {name} is skipped: {networks.NETWORKS[name]['file']} does not exist", file=sys.stderr)
            continue
        print(f"bench: {name}", file=sys.stderr)
        networks.prepare(name, options.work / "networks", build / "host/hb_mapper", build / "tests/float_bin")
        most, peer = NETWORKS.get(name, (None, None))
        by_row = {row: measure(str(options.work / "networks" / name / "int8.bin"), row) for row in a55.ROWS}
        results += by_row.values()
        own = by_row["dotprod"]
        for result in by_row.values():
            result["name"] = name
        rows.append([name, own["floor"] / 1e6, aim(own["cycles"] / 1e6, most=most), f"{own['floor'] / own['cycles']:.0%}", peer,
                     peer / (own["cycles"] / 1e6) if peer else None, by_row["neon"]["cycles"] / 1e6, by_row["i8mm"]["cycles"] / 1e6])
        a55.print_table(own, options.top)
    table("networks, M cycles (floor: MAC/16, one SDOT per cycle; in brackets the aim; rows: kernels forced)",
          ["network", "floor", "dotprod row", "of bound", "ORT", "ORT / dotprod row", "neon row", "i8mm row"], rows)
    listing = subprocess.run(["qemu-aarch64", options.program, "--layers"], check=True, capture_output=True, text=True).stdout
    rows = []
    for layer in [line.split("\t")[0] for line in listing.splitlines()]:
        by_row = {row: measure("layer:" + layer, row) for row in a55.ROWS}
        results += by_row.values()
        own = by_row["dotprod"]
        peer, faster = LAYERS.get(layer, (None, False))
        loop = main_loop_share(own["steps"][0])
        rows.append([layer, own["floor"] / 1e6 or None, own["cycles"] / 1e6, f"{own['floor'] / own['cycles']:.0%}" if own["floor"] else None,
                     aim(loop, MAIN_LOOP if layer.startswith("conv") else None), peer, aim(peer / (own["cycles"] / 1e6), 1.3 if faster else None) if peer else None,
                     by_row["neon"]["cycles"] / 1e6, by_row["i8mm"]["cycles"] / 1e6])
    table("single layers, M cycles (main loop: SDOTs per cycle in its blocks)",
          ["layer", "floor", "dotprod row", "of bound", "main loop", "best peer", "peer / ours", "neon row", "i8mm row"], rows)
    if options.json:
        for result in results:
            for step in result["steps"]:
                step.pop("blocks", None)
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
