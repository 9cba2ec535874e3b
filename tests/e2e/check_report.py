#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Converts networks and clicks through their HTML reports in headless Chromium. Exit status 77: there is no Chromium."""
import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

import browser

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOSTILE = ["</script><script>window.owned=1</script>", "<img src=x onerror=window.owned=2>", "--><!--", "a\"b'c&amp;{{data}}",
           "\u202eright to left", "x" * 300]
failures = 0

# Rows, texts and pixels as the page shows them.
HELPERS = r"""
window.t = {
  rows: (id) => [...document.querySelectorAll(`#${id} tbody tr`)].filter((row) => row.querySelector('th')),
  names: (id) => t.rows(id).map((row) => row.querySelector('th').textContent),
  column: (id, i) => t.rows(id).map((row) => row.children[i].textContent),
  heading: (id) => document.querySelector(`#${id} .details h3`)?.textContent ?? null,
  canvas: (id) => document.querySelector(`#${id} canvas`),
  type: (selector, text) => { const e = document.querySelector(selector); e.value = text; e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input')); },
  colour: (name) => { const e = document.body.appendChild(document.createElement('i')); e.style.color = `var(--${name})`;
                      const c = getComputedStyle(e).color.match(/\d+/g).slice(0, 3).map(Number); e.remove(); return c; },
  // Places of pixels of a colour, in the page's coordinates.
  pixels: (id, name) => {
    const canvas = t.canvas(id), wanted = t.colour(name), box = canvas.getBoundingClientRect(), found = [];
    const copy = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    copy.canvas.width = canvas.width, copy.canvas.height = canvas.height;
    copy.drawImage(canvas, 0, 0);
    const {data, width} = copy.getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] === 255 && wanted.every((v, k) => v === data[i + k]))
        found.push([box.left + (i / 4 % width) / canvas.width * box.width, box.top + Math.floor(i / 4 / width) / canvas.height * box.height]);
    return found;
  },
  picture: (id) => t.canvas(id).toDataURL(),
  see: (selector) => document.querySelector(selector).scrollIntoView({block: 'center'}),
  button: (id, text) => [...document.querySelectorAll(`#${id} button`)].find((b) => b.textContent === text),
};
1"""


def expect(condition, sentence):
    global failures
    print(("ok:   " if condition else "FAIL: ") + sentence, flush=True)
    failures += not condition


def convert(args, config, folder, *options, **kwargs):
    folder.mkdir(parents=True, exist_ok=True)
    command = [args.hb_mapper, "makertbin", "-c", config, "--model-type", "onnx", "--quiet", "--working-dir", "out", "--json", "result.json", *options]
    result = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True, **kwargs)
    if result.returncode != 0:
        sys.exit(f"failed ({result.returncode}): {result.stdout[-2000:]}{result.stderr[-2000:]}")
    return json.loads((folder / "result.json").read_text())


def click_pixel(page, section, colour, which=0.5):
    """Clicks a pixel of this colour in the section's chart."""
    page.run(f"t.see('#{section} canvas')")
    page.frames()
    places = page.run(f"t.pixels('{section}', '{colour}')")
    page.click(*places[int(len(places) * which)])


def check_page(page, path):
    requests = [url for url in page.requests if not url.startswith("data:")]
    expect(requests == [path.resolve().as_uri()], "nothing but the file itself was loaded")
    expect(page.problems == [], f"the console is silent {page.problems}")
    expect(page.run("document.documentElement.scrollWidth <= innerWidth"), "the page is no wider than the window")
    unnamed = page.run("[...document.querySelectorAll('button, select, input, [tabindex]')].filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))"
                       ".map((e) => e.outerHTML.slice(0, 80))")
    expect(unnamed == [], f"everything that takes the keyboard has a name {unnamed}")
    expect(page.run("new Set([...document.querySelectorAll('[id]')].map((e) => e.id)).size === document.querySelectorAll('[id]').length"), "ids are unique")
    expect(page.run("[...document.querySelectorAll('nav a')].every((a) => document.getElementById(a.hash.slice(1)))"), "the contents lead somewhere")
    expect(page.run("!document.querySelector('main').textContent.match(/\\[object |undefined|NaN/)"), "no slips in the text")


def check_nodes(page, result):
    nodes = result["nodes"]
    expect(len(page.run("t.pixels('nodes', 'int')")) > 20 * sum(n["on"] == "BPU" and n["cosine"] is not None for n in nodes),
           "the chart shows the integer nodes")
    expect(page.run("t.names('nodes')") == [n["node"] for n in nodes], "the table lists all nodes")
    page.run("t.type('#nodes input', 'block3')")
    expect(page.run("t.names('nodes')") == [n["node"] for n in nodes if "block3" in n["node"]], "the search finds nodes")
    page.run("t.type('#nodes input', 'no such node')")
    expect(page.run("t.names('nodes')") == [] and page.run("document.querySelector('#nodes .shown').textContent") == f"0 of {len(nodes)}",
           "a search without matches says so")
    page.run("t.type('#nodes input', ''), t.type('#nodes select', '=CPU')")
    cpu = [n["node"] for n in nodes if n["on"] == "CPU"]
    expect(0 < len(cpu) < len(nodes) and page.run("t.names('nodes')") == cpu, "the filter finds nodes on the CPU")
    page.run("t.type('#nodes select', '*'), [...document.querySelectorAll('#nodes thead button')].find((b) => b.textContent.startsWith('Cosine')).click()")
    expect(page.run("t.names('nodes')")[0] == min(nodes, key=lambda n: n["cosine"])["node"], "sorted by cosine, the worst node comes first")

    click_pixel(page, "nodes", "float")
    expect(page.run("t.heading('nodes')") == cpu[0], "a click on the only CPU node shows it")
    expect(page.run("document.querySelector('#nodes tr[aria-current] th').textContent") == cpu[0], "its row is marked")
    page.run("document.querySelector('#nodes figure').focus()")
    page.key("Home")
    expect(page.run("t.heading('nodes')") == nodes[0]["node"], "the key Home goes to the first node")
    page.key("ArrowRight")
    expect(page.run("t.heading('nodes')") == nodes[1]["node"], "the arrow key goes to the next node")
    before = page.run("t.picture('nodes')")
    page.run("t.button('nodes', '1 \\u2212 cosine, logarithmic').click()")
    page.frames()
    expect(page.run("t.picture('nodes')") != before and len(page.run("t.pixels('nodes', 'int')")) > 0, "the logarithmic scale is drawn")
    box = page.run("t.see('#nodes canvas'), (({left, top, width, height}) => [left, top, width, height])(document.querySelector('#nodes .u-over').getBoundingClientRect())")
    page.drag(box[0] + box[2] * 0.2, box[1] + box[3] / 2, box[0] + box[2] * 0.5, box[1] + box[3] / 2)
    expect(page.run("!document.querySelector('#nodes .reset').hidden"), "dragging zooms")
    few = len(page.run("t.pixels('nodes', 'int')"))
    page.run("document.querySelector('#nodes .reset').click()")
    page.frames()
    expect(page.run("document.querySelector('#nodes .reset').hidden") and len(page.run("t.pixels('nodes', 'int')")) > 1.5 * few,
           "and a button shows everything again")


def check_calibration(page, result):
    tensors = [h["tensor"] for h in result["histograms"]]
    for h in result["histograms"]:
        if h["count"] != h["zeros"] + sum(h["bins"]):
            expect(False, f"the histogram of {h['tensor']} holds every value")
    wanted = tensors[len(tensors) // 2]
    before = page.run("t.picture('calibration')")
    page.run(f"t.type('#tensor', {json.dumps(wanted)})")
    page.frames()
    expect(page.run("t.heading('calibration')") == wanted, "the chosen tensor's details are shown")
    expect(page.run("t.picture('calibration')") != before, "its histogram is drawn")
    expect(len(page.run("t.pixels('calibration', 'int')")) > 1000 and len(page.run("t.pixels('calibration', 'mark')")) > 100,
           "with bars and thresholds")
    page.run("t.button('calibration', 'Next').click()")
    expect(page.run("document.querySelector('#tensor').value") == tensors[(tensors.index(wanted) + 1) % len(tensors)], "the button Next shows the next tensor")
    before = page.run("t.picture('calibration')")
    page.run("t.button('calibration', 'Linear').click()")
    page.frames()
    expect(page.run("t.picture('calibration')") != before, "the linear scale is drawn")
    node = next(n for n in result["nodes"] if set(n["inputs"]) & set(tensors))
    page.run(f"t.rows('nodes').find((r) => r.querySelector('th').textContent === {json.dumps(node['node'])}).querySelector('button').click()")
    page.run("document.querySelector('#nodes .details button.link').click()")
    expect(page.run("document.querySelector('#tensor').value") == page.run("document.querySelector('#nodes .details button.link').textContent"),
           "a node leads to the histogram of its tensor")


def check_memory(page, result):
    def alive(step):
        return sum((b["size"] + 63) // 64 * 64 for b in result["buffers"] if b["first"] <= step <= b["last"])
    expect(max(map(alive, range(-1, len(result["steps"]) + 1))) == result["arena_lower_bound"], "the memory plan shows what the planner counted")
    click_pixel(page, "memory", "box-uint8")
    expect(page.run("t.heading('memory')") == result["buffers"][0]["tensors"][0], "a click in the memory plan shows the input's buffer")
    page.run("document.querySelector('#memory summary').click()")
    expect(len(page.run("t.rows('memory')")) == len(result["buffers"]), "the table lists all buffers")
    last = max(result["buffers"], key=lambda b: b["size"])
    page.run(f"t.rows('memory')[{result['buffers'].index(last)}].querySelector('button').click()")
    expect(page.run("document.querySelector('#memory .details').textContent").count(f"{last['size'] % 1000:03}") > 0, "a row shows its buffer")


def check_rest(page, result):
    expect(page.run("t.names('outputs')")[0] == result["outputs"][0]["output"], "outputs are listed")
    expect(page.run("t.names('configuration')") == [s["key"] for s in result["configuration"]], "every key of the configuration is listed")
    page.run("t.button('configuration', 'Not the defaults').click()")
    expect(page.run("t.names('configuration')") == [s["key"] for s in result["configuration"] if not s["usual"]], "or only those that differ")
    shown = page.run("document.querySelector('#provenance').textContent")
    expect(all(f["xxh3"] in shown and len(f["xxh3"]) == 32 for f in result["inputs"] + result["results"]), "hashes of inputs and results are shown")
    back = page.run("getComputedStyle(document.body).backgroundColor")
    picture = page.run("t.picture('memory')")
    page.run("document.querySelector('button.theme').click()")
    page.frames()
    expect(page.run("getComputedStyle(document.body).backgroundColor") != back and page.run("t.picture('memory')") != picture,
           "the button changes the colours, of the charts too")


def example(args):
    folder = args.work / "example"
    config = ROOT / "examples/traffic_signs/config.yaml"
    result = convert(args, config, folder)
    path = folder / "out/traffic_signs_report.html"
    first = path.read_bytes()
    convert(args, config, folder, "--threads", "1")
    expect(path.read_bytes() == first, "the same report, byte for byte, with one thread")
    with browser.Browser(1280, 900) as page:
        print(f"      {len(first) >> 10} KiB, drawn after {page.open(path):.0f} ms")
        page.run(HELPERS)
        check_page(page, path)
        check_nodes(page, result)
        check_calibration(page, result)
        check_memory(page, result)
        check_rest(page, result)
        expect(page.problems == [], f"the console is still silent {page.problems}")


def hostile_network(folder):
    """520 nodes, some of whose names are attacks."""
    nodes, previous = [], "x"
    for i in range(520):
        name = HOSTILE[i // 40] + str(i) if i % 40 == 7 and i // 40 < len(HOSTILE) else f"node_{i}"
        nodes.append(helper.make_node("Conv" if i % 2 == 0 else "Relu", [previous] + (["w"] if i % 2 == 0 else []), [name + "_out"], name=name))
        previous = name + "_out"
    shape = [1, 4, 4, 4]
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 4, 1, 1], (np.eye(4) + 0.01).astype(np.float32).ravel())
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(previous, TensorProto.FLOAT, shape)], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), folder / "net.onnx")
    (folder / "config.yaml").write_text(
        "model_parameters:\n  onnx_model: net.onnx\n  march: bayes\n  output_model_file_prefix: 'net <b>&'\n"
        "input_parameters:\n  input_name: ''\n  input_type_train: featuremap\n  input_layout_train: NCHW\n  input_type_rt: featuremap\n"
        "calibration_parameters:\n  calibration_type: skip\ncompiler_parameters:\n  optimize_level: O2\n")


def hostile(args):
    folder = args.work / "hostile"
    folder.mkdir(parents=True, exist_ok=True)
    hostile_network(folder)
    result = convert(args, "config.yaml", folder)
    names = [n["node"] for n in result["nodes"]]
    expect(len(names) >= 500 and all(any(h in n for n in names) for h in HOSTILE), "the network has 500 nodes, some with hostile names")
    path = folder / "out/net <b>&_report.html"
    with browser.Browser(400, 900, dark=True) as page:
        print(f"      {path.stat().st_size >> 10} KiB, drawn after {page.open(path):.0f} ms")
        page.run(HELPERS)
        check_page(page, path)
        expect(page.run("t.names('nodes')") == names, "names are shown as they are")
        for i, name in enumerate(names):
            if any(h in name for h in HOSTILE):
                page.run(f"t.rows('nodes')[{i}].querySelector('button').click()")
                expect(page.run("t.heading('nodes')") == name, f"details of {name[:40]!r}")
        expect(page.run("window.owned") is None and page.problems == [], f"none of them ran {page.problems}")
        expect(page.run("document.querySelector('h1').textContent") == "net <b>&", "the title is text")
        expect(page.run("document.documentElement.scrollWidth <= innerWidth"), "long names do not widen the page")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hb-mapper", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    args = parser.parse_args()
    args.hb_mapper = args.hb_mapper.resolve()
    if not browser.executable():
        print("skipped: no chromium; scripts/setup installs it")
        sys.exit(77)
    example(args)
    hostile(args)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
