#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clicks through the page of a made-up verification in headless Chromium. Exit status 77: there is no Chromium."""
import argparse
import json
import pathlib
import subprocess
import sys

import browser
import check_report
from check_report import HELPERS, check_page, click_pixel, expect


def check_summary(page, result):
    groups = list(dict.fromkeys(f"{p['left']} \u2013 {p['right']}" for p in result["pairs"]))
    expect(page.run("document.querySelector('#summary .verdict strong').textContent") == ("PASSED" if result["passed"] else "FAILED"), "the verdict is shown")
    expect(page.run("t.names('summary')") == groups, "every pair of sides is listed")
    expect(page.run("t.column('summary', 1)") == ["passed", "failed"], "with its result")
    expect(page.run("document.querySelector('#summary .failure').textContent").endswith(result["sides"][-1]["error"]), "a side that failed says why")
    pair = next(p for p in result["pairs"] if p["first"] is not None)
    first = pair["tensors"][pair["first"]]
    shown = page.run("document.querySelector('#first').textContent")
    expect(first["tensor"] in shown and first["step"] in shown and pair["reproducer"] in shown, "the first difference is described")


def check_tensors(page, result):
    tensors = result["pairs"][0]["tensors"]
    pairs = 2
    expect(len(page.run("t.names('tensors')")) == pairs * len(tensors), "the table holds each tensor of each pair once, on its worst sample")
    page.run("t.button('tensors', 'All samples').click()")
    expect(len(page.run("t.names('tensors')")) == sum(len(p["tensors"]) for p in result["pairs"]), "or on all samples")
    page.run("t.button('tensors', 'Bits differ').click()")
    differ = [t["tensor"] for p in result["pairs"] for t in p["tensors"] if t["bits_differ"]]
    expect(page.run("t.names('tensors')") == differ, "or only those whose bits differ")
    page.run("t.button('tensors', 'Worst sample of each').click(), t.type('#tensors select[aria-label=Result]', '=failed')")
    failed = {t["tensor"] for p in result["pairs"] for t in p["tensors"] if not t["passed"]}
    expect(set(page.run("t.names('tensors')")) == failed and len(failed) == len(page.run("t.names('tensors')")), "the filter finds what failed")
    page.run("t.type('#tensors select[aria-label=Result]', '*'), t.type('#tensors input', 'layer11')")
    expect(set(page.run("t.names('tensors')")) == {t["tensor"] for t in tensors if "layer11" in t["tensor"]}, "the search finds tensors")
    page.run("t.type('#tensors input', ''), [...document.querySelectorAll('#tensors thead button')].find((b) => b.textContent.startsWith('Bits differ')).click()")
    page.run("[...document.querySelectorAll('#tensors thead button')].find((b) => b.textContent.startsWith('Bits differ')).click()")
    worst = max(t["bits_differ"] for p in result["pairs"] for t in p["tensors"])
    expect(page.run("t.column('tensors', 7)[0]").replace("\u202f", "") == str(worst), "sorted by differing bits, the worst comes first")
    page.run("t.rows('tensors')[0].querySelector('button').click()")
    page.frames()
    before = page.run("t.picture('tensors')")
    page.run("t.rows('tensors').at(-1).querySelector('button').click()")
    page.frames()
    expect(page.run("t.picture('tensors')") != before, "the histogram is that of the chosen tensor")
    expect(len(page.run("t.pixels('tensors', 'int')")) > 100, "with bars")
    page.run("document.querySelector('#tensors figure').focus()")
    page.key("End")
    expect("NaN" in page.run("document.querySelector('#tensors figure [role=status]').textContent"), "the key End goes to the last bar")
    for i in range(len(tensors)):
        name = tensors[i]["tensor"]
        if not name.startswith("layer"):
            page.run(f"t.rows('tensors').find((r) => r.querySelector('th').textContent === {json.dumps(name)}).querySelector('button').click()")
            expect(page.run("t.heading('tensors')") == name, f"details of {name[:40]!r}")


def check_stages(page, result):
    stages = result["stages"]
    expect(page.run("document.querySelector('#stages .verdict').textContent") == stages["verdict"], "the verdict of the stages is shown")
    expect(page.run("t.names('stages')") == [s["name"] for s in stages["stages"] for _ in s["outputs"]], "and each stage's outputs")
    losses = page.run("[...document.querySelectorAll('#stages .losses > li')].map((e) => e.textContent)")
    expect(len(losses) == len(stages["losses"]) and all(loss["reason"] in text and all(a in text for a in loss["advice"])
                                                       for loss, text in zip(stages["losses"], losses)), "losses have reasons and advice")
    whole = len(page.run("t.pixels('stages', 'stage-1')"))
    page.run("t.type('#stages .bar select', '1')")
    page.frames()
    expect(len(page.run("t.pixels('stages', 'stage-1')")) > max(whole, 500) and page.run("t.pixels('stages', 'stage-4')") == [], "one stage alone can be shown")
    click_pixel(page, "stages", "stage-1")
    expect(page.run("t.heading('stages')") in {t["tensor"] for t in stages["stages"][1]["tensors"]}, "a click shows a tensor in all stages")
    page.run("t.type('#stages .bar select', '*')")
    page.run("document.querySelector('#stages .losses button.link').click()")
    expect(page.run("t.heading('stages')") == stages["losses"][0]["tensor"], "a loss leads to its tensor")
    page.frames()
    before = page.run("t.picture('stages')")
    page.run("t.button('stages', 'Cosine').click()")
    page.frames()
    expect(page.run("t.picture('stages')") != before, "the linear scale is drawn")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--example", required=True, type=pathlib.Path, help="verification_page_example")
    parser.add_argument("--work", required=True, type=pathlib.Path)
    args = parser.parse_args()
    if not browser.executable():
        print("skipped: no chromium; scripts/setup installs it")
        sys.exit(77)
    args.work.mkdir(parents=True, exist_ok=True)
    path = args.work / "page.html"
    subprocess.run([args.example, path, args.work / "page.json"], check=True)
    result = json.loads((args.work / "page.json").read_text())
    with browser.Browser(1280, 900) as page:
        print(f"      {path.stat().st_size >> 10} KiB, drawn after {page.open(path):.0f} ms")
        page.run(HELPERS)
        check_page(page, path)
        check_summary(page, result)
        check_tensors(page, result)
        check_stages(page, result)
        expect(page.run("window.owned") is None and page.problems == [], f"no name ran, the console is silent {page.problems}")
        expect(page.run("document.querySelector('h1').textContent") == result["model"], "the title is text")
        back, picture = page.run("getComputedStyle(document.body).backgroundColor"), page.run("t.picture('tensors')")
        page.run("document.querySelector('button.theme').click()")
        page.frames()
        expect(page.run("getComputedStyle(document.body).backgroundColor") != back and page.run("t.picture('tensors')") != picture, "dark colours")
    with browser.Browser(400, 900, dark=True) as page:
        page.open(path)
        page.run(HELPERS)
        check_page(page, path)
    sys.exit(check_report.failures > 0)


if __name__ == "__main__":
    main()
