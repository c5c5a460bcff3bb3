# SPDX-License-Identifier: BSD-2-Clause
"""The picture of a counterexample is whole, and needs nothing from anywhere."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from roundpen.proof.trail import Step, Timeline
from roundpen.report import timeline as picture

SAMPLE = Timeline(
    model="return",
    lanes=("CPU1", "CPU0, the OS", "memory"),
    steps=(
        Step(404, 1, "writes its entry to the word of CPU1 (S3), and a text that is rather long"),
        Step(190, 0, "polls its word: 0 < 1 & sleeps"),
        Step(669, 2, "the store arrives"),
    ),
    violated="whoever waits goes on",
)
NAMESPACE = "{http://www.w3.org/2000/svg}"


def texts(data: bytes) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(data).iter(f"{NAMESPACE}text")]


def test_every_step_is_there() -> None:
    words = " ".join(texts(picture.svg(SAMPLE)))
    for step in SAMPLE.steps:
        assert step.text in words
        assert str(step.line) in words
    assert "violated: whoever waits goes on" in words
    assert all(lane in words for lane in SAMPLE.lanes)


def test_everything_is_inside() -> None:
    root = ElementTree.fromstring(picture.svg(SAMPLE))
    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    for node in root.iter(f"{NAMESPACE}rect"):
        box = {name: int(node.attrib[name]) for name in ("x", "y", "width", "height")}
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height


@pytest.mark.parametrize("cycle", [None, 1])
def test_a_cycle_is_marked(cycle: int | None) -> None:
    sample = Timeline(SAMPLE.model, SAMPLE.lanes, SAMPLE.steps, SAMPLE.violated, cycle)
    assert ("from here on, again and again" in texts(picture.svg(sample))) == (cycle is not None)


def test_the_page_needs_nothing_else() -> None:
    page = picture.page(SAMPLE, "a <mutant>", [("change", "a & b")]).decode()
    assert "a &lt;mutant&gt;" in page
    assert "a &amp; b" in page
    outside = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|src=|url\(|<script", outside)
